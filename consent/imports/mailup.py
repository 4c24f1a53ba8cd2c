"""MailUp: the export of unsubscribed recipients.

The address comes first; `idList`, `OptOut_Date` (`20110122T111244`, in the account's zone), `optout_nl`, `optout_type`
and `optout_subtype` are each optional. MailUp's list number is no list of ours: every row withdraws from the list that
the import is for. By type, 8 is a hard bounce and 16 a report to a feedback loop; all others are somebody's act. A
"hard bounce" of MailUp's may be a block of the message, so it stops this list only.
"""

from collections.abc import Sequence

from consent.imports.columns import Columns
from consent.imports.row import Context, Format, ReadRow, Row, RowError
from consent.imports.statements import Statements, zone_needed
from consent.model import Reason

_TITLE = "MailUp unsubscribes"
_ADDRESS = ("email", "e-mail", "e-mail address", "email address")


def _matches(header: Sequence[str], _filename: str) -> bool:
    names = frozenset(header)
    return bool(names & {*_ADDRESS}) and bool(names & {"optout_date", "optout_type", "optout_nl"})


def _unsubscribes(header: Sequence[str], context: Context) -> ReadRow:
    columns = Columns(header)
    address = columns.needed(_TITLE, *_ADDRESS)
    when = columns.first("optout_date")
    if when is not None:
        zone_needed(context, _TITLE)
    say = Statements(context, "mailup", "MailUp")
    pick = columns.picker(address, when, columns.first("optout_type"))

    def read(cells: Sequence[str], line: int) -> tuple[Row | RowError]:
        email, left, kind = pick(cells)
        subject = say.address(email, line)
        if isinstance(subject, RowError):
            return (subject,)
        kind = kind.strip().lstrip("0")
        if kind == "8":
            return (say.suppressed(line, subject, left, Reason.HARD_BOUNCE, everything=False),)
        if kind == "16":
            return (say.complained(line, subject, left),)
        return (say.withdrawn(line, subject, left),)

    return read


FORMATS: tuple[Format, ...] = (
    Format("mailup", "MailUp: unsubscribed recipients", _matches, _unsubscribes, suppresses_only=True),
)
