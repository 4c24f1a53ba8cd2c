"""Telnyx: the export of suppressions (`id,to,from,reason,source,scope,status,domain_id,created_at,…,group_id`).

The reason decides. An unsubscribe of scope "group" is from one list, any other from everything. A suppression whose
status is "removed", or that has expired, is over; withdrawals and complaints have no end (spec/consent.md section 3.2),
whatever `expires_at` says.
"""

from collections.abc import Sequence

from consent.imports.columns import Columns
from consent.imports.row import Context, Format, ReadRow, Row, RowError
from consent.imports.statements import Statements, nothing
from consent.model import Reason

_SIGNATURE = frozenset({"to", "reason", "scope", "status"})


def _matches(header: Sequence[str], _filename: str) -> bool:
    return frozenset(header) >= _SIGNATURE


def _suppressions(header: Sequence[str], context: Context) -> ReadRow:
    columns = Columns(header)
    title = "Telnyx suppressions"
    say = Statements(context, "telnyx", "Telnyx")
    pick = columns.picker(
        columns.needed(title, "to"),
        columns.needed(title, "reason"),
        *(columns.first(name) for name in ("scope", "status", "created_at", "expires_at", "group_id")),
    )

    def read(cells: Sequence[str], line: int) -> tuple[Row | RowError]:
        email, reason, scope, status, when, expires, group = map(str.strip, pick(cells))
        subject = say.address(email, line)
        if isinstance(subject, RowError):
            return (subject,)
        if status.casefold() == "removed":
            return (nothing(line, "the suppression was removed"),)
        reason = reason.casefold()
        if reason == "unsubscribe":
            of_a_group = scope.casefold() == "group" or bool(group)
            return (say.withdrawn(line, subject, when, everything=not of_a_group),)
        if reason == "spam_complaint":
            return (say.complained(line, subject, when),)
        if reason == "hard_bounce":
            return (say.undeliverable(line, subject, when),)
        if reason == "invalid":
            return (say.undeliverable(line, subject, when, Reason.INVALID),)
        if reason == "manual_block":
            until = say.end(expires)
            if until is not None and until <= context.recorded:
                return (nothing(line, "the block has expired"),)
            return (say.suppressed(line, subject, when, Reason.MANUAL, everything=True, until=until),)
        return (RowError(line, 'column "reason" holds none of Telnyx\'s reasons'),)

    return read


FORMATS: tuple[Format, ...] = (Format("telnyx", "Telnyx: suppressions", _matches, _suppressions, suppresses_only=True),)
