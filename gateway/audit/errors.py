"""What can go wrong with the journal."""


class JournalError(Exception):
    """The journal cannot do what was asked; the text says why."""


class JournalLocked(JournalError):
    """Another process writes this journal."""


class JournalClosed(JournalError):
    """The journal was closed, or never opened."""


class JournalFull(JournalError):
    """The record could not be made durable: the disk is full, or fails. Nothing of it stands in the journal."""


class JournalDamaged(JournalError):
    """What the head covers is not there as it was written. A person must look before a new chain is begun."""

    def __init__(self, directory: object, segment: int, n: int, what: str) -> None:
        super().__init__(
            f"audit journal {directory}: segment {segment:06}, record {n}: {what}. Keep the directory as evidence: "
            "move it out of the audit directory, and the next start begins a new chain, which says so"
        )
        self.segment, self.n, self.what = segment, n, what
