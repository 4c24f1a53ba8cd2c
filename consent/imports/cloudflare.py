"""Cloudflare: e-mail suppressions, in lines without a header: `<address>,<expiry, RFC 3339>,<scope>`.

The expiry may be empty, for ever; a suppression that has expired is over. The scope is the account or one sending
domain of it; either way everything from the sender stops, since it is not known which list goes out from which domain.
"""

from collections.abc import Sequence

from consent.imports.row import Context, Format, ReadRow, Row, RowError
from consent.imports.statements import Statements, nothing
from consent.imports.times import parse_time
from consent.model import Reason


def _matches(header: Sequence[str], _filename: str) -> bool:
    if not 2 <= len(header) <= 3 or "@" not in header[0] or any("@" in cell for cell in header[1:]):
        return False
    return not header[1] or _is_time(header[1])


def _is_time(text: str) -> bool:
    try:
        parse_time(text, None)
    except ValueError:
        return False
    return True


def _suppressions(_header: Sequence[str], context: Context) -> ReadRow:
    say = Statements(context, "cloudflare", "Cloudflare")

    def read(cells: Sequence[str], line: int) -> Sequence[Row | RowError]:
        subject = say.address(cells[0] if cells else "", line)
        if isinstance(subject, RowError):
            return (subject,)
        expiry = cells[1] if len(cells) > 1 else ""
        until = say.end(expiry) if expiry.strip() else None
        if until is not None and until <= context.recorded:
            return (nothing(line, "the suppression has expired"),)
        return (say.suppressed(line, subject, "", Reason.MANUAL, everything=True, until=until),)

    return read


FORMATS: tuple[Format, ...] = (
    Format(
        "cloudflare",
        "Cloudflare: e-mail suppressions, without a header",
        _matches,
        _suppressions,
        suppresses_only=True,
        headerless=True,
    ),
)
