"""listmonk: the export of subscribers (`uuid,email,name,attributes,status,created_at,updated_at`).

The status is that of the subscriber, not of a subscription: "enabled" says nothing about any list, so it is no consent.
Subscriptions and what was recorded at opt-in are not in this file. "blocklisted" withdraws from everything, at the time
of the last change, which is when it was blocklisted or later. Times are printed by Go, such as
`2023-05-04 10:11:12.123 +0000 UTC`, or with the offset twice.
"""

from collections.abc import Sequence

from consent.imports.columns import Columns
from consent.imports.row import Context, Format, ReadRow, Row, RowError
from consent.imports.statements import Statements, nothing
from consent.model import Reason

_SIGNATURE = frozenset({"uuid", "email", "status"})
_NOTHING = frozenset({"enabled", "confirmed", "unconfirmed", "subscribed"})


def _matches(header: Sequence[str], _filename: str) -> bool:
    names = frozenset(header)
    return names >= _SIGNATURE and bool(names & {"attributes", "attribs", "updated_at"})


def _subscribers(header: Sequence[str], context: Context) -> ReadRow:
    columns = Columns(header)
    say = Statements(context, "listmonk", "listmonk")
    pick = columns.picker(
        columns.needed("listmonk subscribers", "email"),
        columns.needed("listmonk subscribers", "status"),
        columns.first("updated_at"),
    )

    def read(cells: Sequence[str], line: int) -> tuple[Row | RowError]:
        email, status, changed = pick(cells)
        subject = say.address(email, line)
        if isinstance(subject, RowError):
            return (subject,)
        status = status.strip().casefold()
        if status in ("blocklisted", "blacklisted"):
            return (say.withdrawn(line, subject, changed, everything=True),)
        if status == "unsubscribed":
            return (say.withdrawn(line, subject, changed),)
        if status == "disabled":
            return (say.suppressed(line, subject, changed, Reason.MANUAL, everything=True),)
        if status in _NOTHING:
            return (nothing(line, "the status is the subscriber's and says nothing about consent to a list"),)
        return (RowError(line, 'column "status" holds none of listmonk\'s statuses'),)

    return read


FORMATS: tuple[Format, ...] = (
    Format("listmonk", "listmonk: subscribers", _matches, _subscribers, suppresses_only=True),
)
