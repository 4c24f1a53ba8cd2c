"""Statuses: contacts whose one status says whether they are mailed, as several platforms export them.

`Statuses` is what differs between them: the names of their columns and what each status comes to. A status is what the
platform makes of a contact, not a record of an act; so a consent from one is E1 (time and source) and no more, unless
the row also holds the address from which the person signed up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from consent.imports.columns import Columns
from consent.imports.grades import ip_evidence
from consent.imports.row import Context, ReadRow, Row, RowError
from consent.imports.statements import Statements, nothing, undated, zone_needed
from consent.model import Grade, Reason


class Means(Enum):
    """What a status comes to."""

    CONSENTED = "consented"
    ASKED = "asked"
    """Signed up and has not confirmed."""
    LEFT = "left"
    COMPLAINED = "complained"
    BOUNCED = "bounced"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Statuses:
    """One platform's export of contacts. Names are trimmed and case-folded; of several the first there is counts."""

    title: str
    family: str
    address: tuple[str, ...]
    status: tuple[str, ...]
    since: tuple[str, ...]
    """When the person consented, or else was added: the first that a row has."""
    left: tuple[str, ...]
    """When the person unsubscribed, complained or bounced."""
    ip: tuple[str, ...]
    source: tuple[str, ...]
    means: Mapping[str, Means]
    everything: bool
    """Unsubscribing there is from everything, not from one list."""
    zoned: bool
    """Its times name their zone."""
    permission: tuple[str, ...] = ()
    """A second status that a consent needs…"""
    permitted: frozenset[str] = frozenset()
    """…with one of these values."""

    def reader(self, header: Sequence[str], context: Context) -> ReadRow:
        """As `Format.reader`."""
        columns = Columns(header)
        if not self.zoned and columns.first(*self.since, *self.left) is not None:
            zone_needed(context, self.title)
        return _Rows(self, columns, Statements(context, self.family, self.title.partition(":")[0])).read


class _Rows:
    """Reads the rows of one file."""

    def __init__(self, statuses: Statuses, columns: Columns, say: Statements) -> None:
        self.statuses = statuses
        self.say = say
        self._since = columns.filled(*statuses.since)
        self._permission_known = columns.first(*statuses.permission) is not None
        self._pick = columns.picker(
            columns.needed(statuses.title, *statuses.address),
            columns.needed(statuses.title, *statuses.status),
            columns.first(*statuses.permission),
            columns.first(*statuses.left),
            columns.first(*statuses.ip),
            columns.first(*statuses.source),
        )

    def read(self, cells: Sequence[str], line: int) -> tuple[Row | RowError, ...]:
        email, status, permission, left, *evidence = self._pick(cells)
        say, statuses = self.say, self.statuses
        subject = say.address(email, line)
        if isinstance(subject, RowError):
            return (subject,)
        status, permission = status.strip().casefold(), permission.strip().casefold()
        means = statuses.means.get(status)
        if means is not Means.LEFT and statuses.means.get(permission) is Means.LEFT:
            means = Means.LEFT
        if means is Means.LEFT:
            return (say.withdrawn(line, subject, left, everything=statuses.everything),)
        if means is Means.COMPLAINED:
            return (say.complained(line, subject, left),)
        if means is Means.BOUNCED:
            # Platforms count as bounced what they have given up on; that the mailbox does not exist they do not say.
            return (say.suppressed(line, subject, left, Reason.HARD_BOUNCE, everything=False),)
        rows: tuple[Row | RowError, ...] = ()
        if left.strip() and not left.lstrip().startswith("0000"):
            # A status that was set back by hand does not undo what the person did.
            rows = (say.withdrawn(line, subject, left, everything=statuses.everything),)
        if means is None:
            return rows or (RowError(line, f'column "{statuses.status[0]}" holds a status that is not known'),)
        if means is Means.NOTHING or (means is Means.CONSENTED and not self._permits(permission)):
            return rows or (nothing(line, "the status says neither that the person consented nor that they left"),)
        ip, source = evidence
        column, since = self._since(cells)
        at = say.date(since, column, line)
        if at is None:
            return (*rows, undated(line, column))
        if isinstance(at, RowError):
            return (*rows, at)
        zone = say.zone(since)
        if means is Means.ASKED:
            return (*rows, say.requested(line, subject, at, source=source, zone=zone))
        return (*rows, say.given(line, subject, at, source=source, zone=zone, ip=ip_evidence(ip), best=Grade.E2))

    def _permits(self, permission: str) -> bool:
        return not self._permission_known or permission in self.statuses.permitted
