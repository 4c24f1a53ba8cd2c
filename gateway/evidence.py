"""Evidence: the audit joined to the registry, which holds the subjects' keys and the published heads."""

import contextlib
import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from config.settings import Settings
from consent.address import Address
from gateway.audit.errors import JournalDamaged, JournalLocked
from gateway.audit.findings import Findings, findings
from gateway.audit.head import Head, HeadError
from gateway.audit.journal import Journal
from gateway.audit.record import Json, Sealed
from gateway.audit.search import Query, opened, search
from gateway.audit.segments import last_line, segment_numbers, segment_path
from gateway.audit.verify import Fault, Report, verify
from gateway.stores import Stores

_UNREADABLE = "the registry's head of this journal cannot be read: it was changed"


def _node(data_dir: Path) -> str:
    """This node's name in the registry: random, made once, kept in data_dir/node."""
    path = data_dir / "node"
    try:
        with path.open("x") as file:
            file.write(secrets.token_hex(8) + "\n")
    except FileExistsError:
        pass
    return path.read_text().strip()


class Evidence:
    """The journals under data_dir/audit: opened for writing, searched, verified."""

    def __init__(self, settings: Settings, stores: Stores, clock: Callable[[], datetime]) -> None:
        self._settings, self._stores, self._clock = settings, stores, clock
        self._directory = settings.data_dir / "audit"
        self._node = _node(settings.data_dir)

    def open(self, process: str, *, version: str, wait_seconds: float) -> Journal:
        """The journal of a process, open for writing; raises `gateway.audit.errors.JournalError`."""
        published, unreadable = self._published()
        if process in unreadable:
            raise JournalDamaged(self._directory / process, 0, 0, _UNREADABLE)
        journal = Journal(
            self._directory / process,
            process,
            mac_key=self._stores.secrets.mac_key,
            seal=self._seal,
            clock=self._clock,
            publish_head=lambda head: self._stores.heads.put(
                f"{self._node}/{head.process}", head.to_text(), self._clock()
            ),
            segment_bytes=self._settings.audit.segment_bytes,
            reserve_bytes=self._settings.audit.reserve_bytes,
        )
        journal.open(version=version, wait_seconds=wait_seconds, published=published.get(process))
        return journal

    def retire_others(self, own: str, before: datetime) -> int:
        """Remove old segments of processes that write no more, and of commands; how many. Raises JournalError."""
        removed = 0
        for directory in sorted(self._directory.iterdir()):
            if directory.name == own or not (directory / "head").exists():
                continue
            try:
                journal = self.open(directory.name, version="retention", wait_seconds=0)
            except JournalLocked:
                continue  # its writer lives, and retires its own
            try:
                removed += journal.retire(before)
            finally:
                journal.close_blocking()
        return removed

    def conclude_workers(self, live: Collection[str]) -> None:
        """Close as `unknown` what workers left open that are no more: there were more of them. Raises JournalError.

        What was concluded once is not opened again.
        """
        for directory in sorted(self._directory.glob("worker-*")):
            if directory.name in live or not (directory / "head").exists():
                continue
            numbers = segment_numbers(directory)
            last = last_line(segment_path(directory, numbers[-1])) if numbers else None
            if last is None or last.kind != "start":
                with contextlib.suppress(JournalLocked):  # it is just ending
                    self.open(directory.name, version="conclusion", wait_seconds=0).close_blocking()

    def verify(self) -> Report:
        """Verify every journal against its own head and the registry's."""
        published, unreadable = self._published()
        report = verify(self._directory, self._stores.secrets.mac_key, published)
        report.faults += [Fault(process, 0, 0, _UNREADABLE) for process in unreadable]
        return report

    def search(self, query: Query) -> Iterator[Json]:
        """Records, newest first, addresses in clear where the subject's key still exists."""
        return search(self._directory, query, lambda address: [self._stores.secrets.address_key(address)], self._unseal)

    def sealed(self, query: Query) -> Iterator[Json]:
        """The same with addresses as they are written; `opened` reads them."""
        return search(self._directory, query, lambda address: [self._stores.secrets.address_key(address)])

    def opened(self, record: Json) -> Json:
        """A record with its addresses in clear, as far as they can be read."""
        return opened(record, self._unseal)

    def findings(
        self, since: datetime | None, until: datetime | None, customer: str | None, rule: str | None
    ) -> Findings:
        """What rules found, by rule and customer; raises `gateway.audit.findings.TooManyRows`."""
        return findings(self._directory, since, until, customer, rule)

    def _published(self) -> tuple[dict[str, Head], list[str]]:
        """The registry's heads of this node by process, and the processes whose head there is none: changed by hand.

        Several nodes may share a registry; each verifies what lies in its own data_dir.
        """
        heads, unreadable = {}, []
        for name, text in self._stores.heads.all().items():
            node, _, process = name.partition("/")
            if node != self._node:
                continue
            try:
                heads[process] = Head.from_text(text)
            except HeadError:
                unreadable.append(process)
        return heads, unreadable

    def _seal(self, addresses: Sequence[Address]) -> list[Sealed]:
        return [Sealed(key, sealed) for key, sealed in self._stores.subjects.seal(addresses)]

    def _unseal(self, sealed: Sequence[Sealed]) -> list[str | None]:
        known = [(each.key, each.sealed) for each in sealed if each.sealed is not None]
        opened = iter(self._stores.subjects.open_all(known))
        return [None if each.sealed is None else next(opened) for each in sealed]
