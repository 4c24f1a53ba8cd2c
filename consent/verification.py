"""Verification: whether the registry is as it was written. Reads all of it, in pieces; memory stays the same.

First the chain: batches without gaps, each with all its events and with the hash that follows from them and from the
batch before (`consent.chain`): what was changed, taken out, put in or moved shows here, and the end where an anchor is
given. Then the standings: each has the events that its `last` and their `previous` lead to, is what they come to, and
what is sealed is what was committed to; and no event is left that no standing leads to.

What is recorded meanwhile is not looked at: the check is of the registry as it was at its start.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from consent.chain import GENESIS, Link
from consent.database import Database
from consent.keys import Unsealable, key_text
from consent.merging import HASHED, HASHED_ROW_STANDING
from consent.model import Event, State
from consent.records import Batch, Verification
from consent.scan import Scan, StoredEvent, StoredStanding, scanning
from consent.sealing import Sealer, decode_event, encode_standing, unseal
from consent.standing import build

OnProgress = Callable[[int, int], None]
"""(done, of how many): events and standings."""

FAULTS = 100
"""Faults told; what more there are is counted in the last."""
_EVENTS = 5000
_STANDINGS = 500
_BATCHES = 500
_MISFITS = (TypeError, AttributeError, ValueError, struct.error)
"""SQLite keeps whatever it is given in any column."""


@dataclass(slots=True)
class _Run:
    scan: Scan
    end: Batch | None
    progress: OnProgress | None
    most: int
    """Number of the last event there is."""
    faults: list[str] = field(default_factory=list)
    hashed: set[str] = field(default_factory=set)
    """Customers whose mark for hashes was met; it stands before all their subjects."""
    unsaid: int = 0
    done: int = 0
    events: int = 0
    batches: int = 0

    @property
    def last(self) -> int:
        return self.end.first + self.end.count - 1 if self.end else 0

    def fault(self, text: str) -> None:
        if len(self.faults) < FAULTS:
            self.faults.append(text)
        else:
            self.unsaid += 1

    def step(self, count: int) -> None:
        self.done += count
        if self.progress is not None:
            self.progress(self.done, max(2 * self.last, self.done))


class Verifier:
    """Checks a whole registry of consents."""

    def __init__(self, database: Database, sealer: Sealer, chain_key: bytes) -> None:
        self._database, self._sealer, self._chain_key = database, sealer, chain_key

    def run(self, progress: OnProgress | None = None, anchor: tuple[int, str] | None = None) -> Verification:
        """Check everything; raises RegistryError when the registry cannot be read.

        `anchor` is (number, hash) of a batch that is known from elsewhere.
        """
        with scanning(self._database) as scan:
            run = _Run(scan, None, progress, 0)
            try:
                self._all(run, anchor)
            except _MISFITS as error:
                run.fault(f"a value is of a wrong type, so that the rest cannot be checked: {error}")
        if run.unsaid:
            run.faults.append(f"and {run.unsaid} more")
        return Verification(run.events, run.batches, run.faults, run.end)

    def _all(self, run: _Run, anchor: tuple[int, str] | None) -> None:
        run.end, most = run.scan.batch(None), run.scan.one("SELECT max(number) FROM events")
        run.most = (most and most[0]) or 0
        self._anchor(run, anchor)
        self._chain(run)
        self._unreached(run, self._standings(run))

    # -- the chain

    def _anchor(self, run: _Run, anchor: tuple[int, str] | None) -> None:
        if anchor is None:
            return
        number, digest = anchor
        found = run.scan.batch(number)
        if found is None:
            last = run.end.number if run.end else 0
            run.fault(f"the end is missing: batch {number} is on record elsewhere, and here the last is {last}")
        elif found.hash != digest:
            run.fault(f"batch {number} is not the one that is on record elsewhere")

    def _chain(self, run: _Run) -> None:
        before, number, event, at = GENESIS, 1, 1, 0
        end = run.end.number if run.end else 0
        while at < end:
            rows = [row for row in run.scan.batches(at, _BATCHES) if row.number <= end]
            for row in rows:
                if row.number != number:
                    more = f", and more before {row.number}" if row.number > number + 1 else ""
                    run.fault(f"batch {number} is missing{more}")
                if row.first != event:
                    run.fault(f"batch {row.number} begins with event {row.first} and not {event}")
                try:
                    self._batch(run, before, row)
                except _MISFITS as error:
                    run.fault(f"batch {row.number}: a value in it is of a wrong type: {error}")
                before, number, event = bytes.fromhex(row.hash), row.number + 1, row.first + max(row.count, 0)
            if not rows:
                break
            at = rows[-1].number
        beyond = run.scan.one("SELECT count(*), min(number) FROM events WHERE number < 1 OR number > ?", run.last)
        if beyond and beyond[0] and run.scan.batch(None) == run.end:
            run.fault(f"{beyond[0]} events are in no batch, the first is {beyond[1]}")

    def _batch(self, run: _Run, before: bytes, row: Batch) -> None:
        link, expected = Link(self._chain_key, before, row), row.first
        # A count that was changed to a huge one must not keep us busy for years.
        last = min(row.first + row.count - 1, run.most)
        sound = True
        for start in range(row.first, last + 1, _EVENTS):
            found = list(run.scan.events_from(start, min(last, start + _EVENTS - 1)))
            for event in found:
                if event.number != expected:
                    run.fault(f"event {expected} is missing")
                    sound = False
                if event.customer != row.customer:
                    run.fault(f"event {event.number} names customer {event.customer!r}, its batch {row.customer!r}")
                expected = event.number + 1
            link.feed((event.key, event.previous, event.body) for event in found)
            run.events += len(found)
            run.step(len(found))
        if expected < row.first + row.count:
            run.fault(f"event {expected} is missing")
            sound = False
        if link.digest().hex() != row.hash and sound:
            run.fault(_changed(row))
        run.batches += 1

    # -- the standings

    def _standings(self, run: _Run) -> int:
        """Check every standing; how many of the chain's events they lead to."""
        reached, after = 0, ("", b"")
        while True:
            with run.scan.piece():
                standings = run.scan.standings(after, _STANDINGS)
                chains = run.scan.chains([each for each in standings if each.key != HASHED])
            if not standings:
                return reached
            at = iter(chains)
            for standing in standings:
                if standing.key == HASHED:
                    run.hashed.add(standing.customer)
                    if standing.standing != HASHED_ROW_STANDING:
                        run.fault(f"the mark for hashes of customer {standing.customer!r} was changed")
                    continue
                chain = next(at)
                reached += sum(1 for event in chain if event.number <= run.last)
                try:
                    self._standing(run, standing, chain)
                except _MISFITS as error:
                    run.fault(f"{key_text(standing.key)}: a value of it is of a wrong type: {error}")
            run.step(len(standings))
            after = (standings[-1].customer, standings[-1].key)

    def _standing(self, run: _Run, standing: StoredStanding, chain: list[StoredEvent]) -> None:
        name = f"{key_text(standing.key)} of customer {standing.customer!r}"
        number = standing.last if not chain else chain[-1].previous
        if number is not None:
            run.fault(f"{name}: event {number}, which its history leads to, is missing or not its own")
            return
        try:
            events = [(stored.number, decode_event(stored.body)) for stored in reversed(chain)]
        except msgspec.DecodeError as error:
            run.fault(f"{name}: an event cannot be read: {error}")
            return
        if encode_standing(build(events)) != standing.standing:
            run.fault(f"{name}: its standing is not what its events come to")
        self._personal(run, standing, chain, dict(events))

    def _personal(
        self, run: _Run, standing: StoredStanding, chain: list[StoredEvent], events: dict[int, Event]
    ) -> None:
        key = self._sealer.key(standing.customer, standing.key, standing.salt)
        erased = max((number for number, event in events.items() if event.state is State.ERASED), default=0)
        if standing.customer not in run.hashed and any("hash" in event.commitments for event in events.values()):
            run.fault(f"the mark for hashes of customer {standing.customer!r} is missing: they are not looked up")
            run.hashed.add(standing.customer)
        for stored in chain:
            event = events[stored.number]
            try:
                if stored.sealed is None:
                    if event.commitments and stored.number > erased:
                        raise Unsealable("its personal fields are missing")
                elif key is None or stored.number < erased:
                    raise Unsealable("its personal fields should have been erased")
                else:
                    unseal(key, event, stored.sealed)
            except Unsealable as error:
                run.fault(f"event {stored.number}: {error}")

    def _unreached(self, run: _Run, reached: int) -> None:
        if reached == run.events:
            return
        row = run.scan.one(
            "SELECT events.number FROM events LEFT JOIN standings ON standings.customer = events.customer "
            "AND standings.key = events.key WHERE standings.key IS NULL AND events.number <= ? LIMIT 1",
            run.last,
        )
        where = f"; event {row[0]} has no standing" if row else ""
        run.fault(f"standings lead to {reached} of {run.events} events{where}")


def _changed(batch: Batch) -> str:
    last = batch.first + batch.count - 1
    return f"batch {batch.number} or one of its events, {batch.first} to {last}, was changed"
