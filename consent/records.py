"""Records: what is given to the consent store, and what it gives back. Values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from consent.imports.row import Subject
from consent.model import Event, State

STOPPING = frozenset((State.WITHDRAWN, State.REFUSED, State.SUPPRESSED, State.ERASED, State.LIFTED))
"""Events that must outlive a lost registry: they are made durable in the audit before they are committed."""

BeforeCommit = Callable[[Sequence[tuple[bytes, int, Event]]], None]
"""Called with (key, number, event) of every new event that is STOPPING, inside the transaction, once, before it is
committed, if there is any. What it raises rolls everything back."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event to record."""

    subject: Subject
    event: Event
    personal: dict[str, str] = field(default_factory=dict, repr=False)
    """What identifies the person beside the subject itself, which the store adds as "address", "domain" or "hash"."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event as it is on record."""

    number: int
    """Its place among all events of the registry: 1, 2, 3…"""
    event: Event
    personal: dict[str, str] | None = field(repr=False)
    """None: erased, or never kept because the person had been erased."""
    batch: int
    """Number of the batch it was committed in."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The events of one commit, a link of the chain."""

    number: int
    hash: str
    """HMAC-SHA-256 over this batch and the hash of the one before, hexadecimal."""
    first: int
    """Number of its first event."""
    count: int
    customer: str
    recorded: int
    """The latest time of recording among its events, microseconds."""
    import_id: str = ""


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of entries."""

    new: int
    known: int
    """Told before, by the same origin: nothing was recorded."""
    batch: Batch | None
    """None when nothing was new."""
    numbers: list[int | None]
    """Per entry the number of its event; None for one that was known."""


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import has come; written to its row in the transaction of the batch."""

    phase: str
    done: int
    """Rows of the phase that are committed with this batch."""
    counts: Mapping[str, int]
    """Totals so far without this batch's "new" and "known", which the store adds to those members."""
    errors: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Entries made ready to be written, by work that needs no database. May be pickled and sent to another process.

    One member of each list per entry, in order. Everything is as for a subject of which nothing is recorded yet, as
    in an import nearly all are; `ConsentStore.write` makes it anew for the others.
    """

    customer: str
    keys: list[bytes]
    salts: list[bytes] = field(repr=False)
    bodies: list[bytes] = field(repr=False)
    sealed: list[bytes] = field(repr=False)
    """Empty where there is nothing personal."""
    standings: list[str] = field(repr=False)
    """Standing after this one event, its number to be filled in; empty when the subject has more than one entry."""
    stopping: list[int]
    """Indices of the entries whose events are STOPPING."""
    hashed: bool
    """A subject is a hash."""
    recorded: int
    """The latest time of recording among the events."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check of the whole registry found."""

    events: int
    batches: int
    faults: list[str]
    """In words, the first hundred; empty when all is as it was written."""
    last: Batch | None = None
    """The batch up to which was checked."""
