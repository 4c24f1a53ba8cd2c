"""Restore: a registry of consents that has gone back to an older state is told again what the audit knows.

Theory of operation. Whatever stops mail stands in the audit of the node that recorded it before the registry commits it
(`gateway.audit.withdrawals`). Once all of it is known to be in the registry, at start and every hour, that is noted
beside the end that the registry's chain has then (a complete anchor, `gateway.audit.anchors`). The one noted last whose
batch the registry still has, with the same hash, is a bound: what was withdrawn before it is covered by the chain. So
what stands in the audit from then on (less `OVERLAP`: a record comes a moment before its commit) is handed in again;
what is known there is passed over, what is missing is recorded. No clock of another machine and no time in the registry
comes into it, nor does it matter what was recorded in a restored copy before anybody noticed.

That is done at each start, before mail is let in, and whenever the chain is seen not to go on from where it was, or the
change counter to have gone back, which means that somebody restored an older copy under a running gateway. Until it is
done `running` is true, and readyz red. Consents and relationships do not come back: without them mail is refused, which
wrongs nobody. Of the lists' own state what a complaint raised comes back with it (R-084), even where the operator had
lowered it since.

A withdrawal whose commit failed stands in the audit too, and may come into force by a replay: whoever asked for it was
told to ask again. But an unsubscribe through a token is taken while the registry is away (`gateway.unsubscribes`): the
next look that reaches the registry hands it in (`missed`).
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Protocol

from consent.chain import EMPTY
from consent.customers import UnknownCustomer
from consent.database import RegistryError
from consent.documents import DocumentError
from consent.lists import ListStore
from consent.model import ALL, Event, Reason
from consent.records import Batch
from consent.store import ConsentStore
from gateway.audit.anchors import Anchor, anchor, survey
from gateway.audit.encoding import Record
from gateway.audit.errors import JournalError
from gateway.audit.record import Act, stamp
from gateway.audit.withdrawals import Unreadable, withdrawals
from gateway.stores import Stores

log = logging.getLogger("postern.restore")

OVERLAP = timedelta(hours=1)
"""How far before the bound is read: longer than any transaction, and than a clock is set back."""
ANCHOR_EVERY = timedelta(hours=1)
ANCHOR_BATCHES = 1000
"""After so many batches a complete anchor is noted before its time: the next start looks at those since, one by one."""
INTERVAL_SECONDS = 1.0
TROUBLE = "registry: replaying withdrawals after a restore"
ACTOR = "gateway"
_LOG_EVERY_SECONDS = 60.0


class Recorder(Protocol):
    """What is needed of `gateway.audit.journal.Journal`."""

    def append_blocking(self, record: Record) -> int:
        """Make a record durable; raises JournalError."""
        ...


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did."""

    restored: int
    """Events that the registry lacked."""
    read: int
    """Events that were handed in."""
    unreadable: int
    """Records of the audit that were not believed."""


class Restore:
    """Watches one registry for one node. Methods without `async` block; one thread uses them at a time."""

    def __init__(
        self,
        store: ConsentStore,
        audit_dir: Path,
        journal: Recorder,
        alarm: Callable[[str, str], None],
        clock: Callable[[], datetime],
        complained: Callable[[str, Event], None],
    ) -> None:
        """`complained` is told the customer and event of each complaint that is replayed; see `complaints`."""
        self._store, self._audit_dir, self._journal = store, audit_dir, journal
        self._complained = complained
        self._alarm, self._clock = alarm, clock
        self._end: Batch | None = None
        """The chain's end as it was seen last; the chain goes on from there."""
        self._anchored: tuple[datetime, int] | None = None
        self._why = ""
        """Why the replay that is yet to be done is needed, beyond being the first."""
        self._missed = threading.Event()
        self._stop = threading.Event()
        self._logged = float("-inf")
        self.running = True
        """Whether the registry may lack withdrawals: until the first replay is done, and during every other."""

    def start(self) -> Replayed:
        """Bring the registry up to date with this node's audit; raises RegistryError or JournalError."""
        with _audit_errors():
            lost = survey(self._audit_dir, holds(self._store)).lost
        if lost is not None:
            self._fell_back(lost.number, self._store.last_batch())
        return self._replay()

    def look(self, why: str = "") -> Replayed | None:
        """Replay if the chain does not go on from where it was, or for the reason given; None: it goes on.

        Raises RegistryError or JournalError; then the next look tries again.
        """
        last = self._store.last_batch()
        if why:
            self._alarmed(why)
        elif not self.running and not self._goes_on(last):
            self._fell_back(self._end.number if self._end else 0, last)
        if self.running:
            return self._replay()
        if self._missed.is_set():
            self._missed.clear()
            try:
                return self._replay()
            except BaseException:
                self._missed.set()
                raise
        self._end = last
        if self._due():
            self._anchor()
        return None

    async def follow(self, went_back: Callable[[], int]) -> None:
        """Look every second until cancelled. `went_back` is how often the change counter was seen to have gone back."""
        loop, seen = asyncio.get_running_loop(), went_back()
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            times = went_back()
            try:
                why = "" if times == seen else "registry: its change counter has gone back"
                await asyncio.to_thread(self.look, why)
                seen = times
            except RegistryError as error:
                log.debug("not looked: %s", error)  # `gateway.changes` tells that the registry is down
            except JournalError as error:
                if loop.time() - self._logged >= _LOG_EVERY_SECONDS:
                    self._logged = loop.time()
                    self._alarm("restore", str(error))

    def missed(self) -> None:
        """A withdrawal is about to stand in the audit alone: it is handed in as soon as the registry answers."""
        self._missed.set()

    def stop(self) -> None:
        """Let a replay end after the record it is at; it counts as not done."""
        self._stop.set()

    # -- the chain

    def _goes_on(self, last: Batch | None) -> bool:
        end = self._end
        if end is None or last == end:
            return True
        if last is None or last.number <= end.number:
            return False
        found = self._store.batch(end.number)
        return found is not None and found.hash == end.hash

    def _fell_back(self, number: int, last: Batch | None) -> None:
        now = f"its last is {last.number}" if last else "there is none"
        self._alarmed(f"registry: batch {number} is not in its chain any more, {now}")

    def _alarmed(self, why: str) -> None:
        self.running, self._why = True, why
        self._alarm("restore", f"{why}: it is an older copy, or was changed; withdrawals are replayed from the audit")

    # -- the replay

    def _replay(self) -> Replayed:
        begun = self._store.last_batch()
        with _audit_errors():
            sure = survey(self._audit_dir, holds(self._store)).sure
            done = self._hand_in("" if sure is None else _less(sure.time, OVERLAP))
        if self._stop.is_set():
            raise JournalError("the replay of withdrawals was stopped before its end")
        self._end = self._store.last_batch()
        if done.restored or done.unreadable or self._why:
            self._tell(done, begun)
        self._anchor()
        self._why, self.running = "", False
        return done

    def _hand_in(self, since: str) -> Replayed:
        read = unreadable = 0

        def items() -> Iterator[tuple[str, tuple[bytes, Event]]]:
            nonlocal read, unreadable
            for group in withdrawals(self._audit_dir, since):
                if self._stop.is_set():
                    return
                if isinstance(group, Unreadable):
                    unreadable += 1
                    log.error("audit: record %d of %s is not replayed: %s", group.n, group.process, group.why)
                    continue
                read += len(group.items)
                for _, event in group.items:
                    if self._why and event.reason == Reason.COMPLAINT and not event.imported:
                        self._complained(group.customer, event)
                yield from ((group.customer, item) for item in group.items)

        restored = sum(
            self._store.restore(customer, (item for _, item in group))
            for customer, group in groupby(items(), key=lambda each: each[0])
        )
        return Replayed(restored, read, unreadable)

    def _tell(self, done: Replayed, begun: Batch | None) -> None:
        text = f"registry: {done.restored} withdrawals that it lacked were replayed from the audit"
        if done.unreadable:
            text += f"; {done.unreadable} records of the audit are not as they were written: run postern audit verify"
        if self._why:
            text += "; consents recorded since are gone: import them again"
        # Without either the process had died between the audit's record and the registry's commit.
        self._alarm("restore", text)
        details = {
            "restored": done.restored,
            "read": done.read,
            "unreadable": done.unreadable,
            "from_batch": begun.number if begun else 0,
            "to_batch": self._end.number if self._end else 0,
        }
        self._journal.append_blocking(Act(ACTOR, "consent replay", reason=self._why or None, details=details))

    def _due(self) -> bool:
        if self._anchored is None or self._clock() - self._anchored[0] >= ANCHOR_EVERY:
            return True
        return self._end is not None and self._end.number - self._anchored[1] >= ANCHOR_BATCHES

    def _anchor(self) -> None:
        self._journal.append_blocking(anchor(self._end, ACTOR, complete=True))
        self._anchored = self._clock(), self._end.number if self._end else 0


def complaints(stores: Stores) -> Callable[[str, Event], None]:
    """What raises the grade that a list's consents need, or all lists', after a complaint; it raises RegistryError."""
    lists = ListStore(stores.consent_database)

    def complained(customer: str, event: Event) -> None:
        with contextlib.suppress(UnknownCustomer, DocumentError):
            found = stores.customers.get(customer).customer
            if event.list != ALL:
                lists.ensure(found, event.list, event.recorded, event.party)
            lists.complained(found, event.list, event.recorded)

    return complained


def holds(store: ConsentStore) -> Callable[[Anchor], bool]:
    """What tells of an anchor whether the registry has the batch that it names; it raises RegistryError."""
    known = {(0, EMPTY.hash.hex()): True}

    def held(noted: Anchor) -> bool:
        name = (noted.number, noted.hash)
        if name not in known:
            found = store.batch(noted.number)
            known[name] = found is not None and found.hash == noted.hash
        return known[name]

    return held


class _audit_errors:  # noqa: N801 - reads as a with statement
    """What reading the audit raises, as JournalError."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise JournalError(f"the audit cannot be read: {error}") from error


def _less(time: str, span: timedelta) -> str:
    return stamp(datetime.fromisoformat(time) - span)
