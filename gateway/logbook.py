"""The logbook: which refusals by limits, locks and suspensions stand in the audit, so that who hammers at one does not
fill it.

Of one transaction there is a record of the first refusal of each kind, at once, one at its end of the other recipients
that were refused for the same, and one of the message where that is refused. Of one customer there are at most MOST
such transactions a minute in each process; a refusal beyond that gets the reference of the last one that was recorded,
and the next record says how many there were.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from consent.address import Address
from filters.model import Finding

MOST = 60
_SPAN = timedelta(minutes=1)


@dataclass(slots=True)
class _Minute:
    since: datetime
    reference: str = ""
    """Of the last transaction that was recorded."""
    recorded: int = 0
    unrecorded: int = 0


class Logbook:
    """What was recorded in this minute, of every customer that has met one."""

    def __init__(self) -> None:
        self._minutes: dict[str, _Minute] = {}

    def open(self, customer: str, reference: str, now: datetime) -> tuple[str, int]:
        """The reference to give for a transaction's first refusal, its own if it is to be recorded, and how many were
        not recorded before it."""
        minute = self._minutes.setdefault(customer, _Minute(now))
        if not minute.since <= now < minute.since + _SPAN:
            minute.since, minute.recorded = now, 0
        if minute.recorded >= MOST:
            minute.unrecorded += 1
            return minute.reference, 0
        minute.reference, minute.recorded = reference, minute.recorded + 1
        before, minute.unrecorded = minute.unrecorded, 0
        return reference, before


class Page:
    """Such refusals of one transaction."""

    def __init__(self, logbook: Logbook, customer: str, reference: str) -> None:
        self._logbook, self._customer, self._own = logbook, customer, reference
        self._reference = ""
        self._further: dict[str, tuple[Finding, list[Address]]] = {}

    def enter(self, found: Finding, address: Address | None, now: datetime) -> tuple[str, Finding | None]:
        """The reference to give, and what is to be recorded now."""
        before = 0
        if not self._reference:
            self._reference, before = self._logbook.open(self._customer, self._own, now)
        if self._reference != self._own:
            return self._reference, None
        if found.code in self._further and address is not None:
            self._further[found.code][1].append(address)
            return self._own, None
        self._further.setdefault(found.code, (found, []))
        if before:
            found = replace(found, evidence=f"{found.evidence}; {before} transactions before it were not recorded")
        return self._own, found

    def rest(self) -> Iterator[tuple[Finding, list[Address]]]:
        """What is left to be recorded, at the end."""
        yield from ((found, addresses) for found, addresses in self._further.values() if addresses)
        self._further = {}
