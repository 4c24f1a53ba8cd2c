"""SendGrid: what it suppresses, in CSV exports and as the API's columns; and contact exports, which hold no consent.

Bounces, blocks and spam reports share the header `status,reason,email,created`: the status of each row decides, and the
name of the file where it tells more. A block is a refusal of the message, not of the mailbox; 5.7.x never suppresses.
The two columns `email,created` are unsubscribes of any kind, or anything else: only the name of the file tells, so
without it the question is asked. Times are seconds since 1970. Reasons hold commas, quotes and line ends.
"""

from collections.abc import Callable, Sequence

from consent.address import Address
from consent.imports.bounces import no_such_mailbox
from consent.imports.columns import Columns
from consent.imports.row import Context, Format, ImportRefused, ReadRow, Row, RowError
from consent.imports.statements import Statements, nothing
from consent.model import Reason

_STATUS = frozenset({"status", "reason", "email", "created"})
_KNOWN = _STATUS | {"ip"}
Judge = Callable[[Statements, int, Address, str, str, str], Row | RowError]
"""(what to say it with, line, subject, created, status, reason) -> what it comes to."""


def _kind(header: Sequence[str], filename: str) -> str:
    """Which file it is; "unknown" when only its name could tell and does not, "" when it is not SendGrid's."""
    names = frozenset(header)
    if {"email", "contact_id"} <= names and names & {"created_at", "updated_at"} and "status" not in names:
        return "contacts"
    if not {"email", "created"} <= names or not names <= _KNOWN or len(header) != len(names):
        return ""
    for part, kind in (("block", "blocks"), ("spam", "spam-reports"), ("invalid", "invalid-emails")):
        if part in filename:
            return kind
    if "status" in names:
        return "bounces"
    if "ip" in names:
        return "spam-reports"
    if "reason" in names:
        return "invalid-emails"
    if "group" in filename or "asm" in filename:
        return "group-unsubscribes"
    return "global-unsubscribes" if "unsub" in filename else "unknown"


def _bounce(say: Statements, line: int, subject: Address, when: str, status: str, reason: str) -> Row | RowError:
    if "spam" in status.casefold():
        return say.complained(line, subject, when)
    if no_such_mailbox(status, reason):
        return say.undeliverable(line, subject, when)
    return nothing(line, "the status does not say that the mailbox does not exist (5.1.x)")


def _block(_say: Statements, line: int, _subject: Address, _when: str, _status: str, _reason: str) -> RowError:
    return nothing(line, "a block refuses the message, not the mailbox")


def _contact(_say: Statements, line: int, _subject: Address, _when: str, _status: str, _reason: str) -> RowError:
    return nothing(line, "SendGrid's contacts say nothing about consent")


def _spam(say: Statements, line: int, subject: Address, when: str, _status: str, _reason: str) -> Row:
    return say.complained(line, subject, when)


def _invalid(say: Statements, line: int, subject: Address, when: str, _status: str, _reason: str) -> Row:
    return say.undeliverable(line, subject, when, Reason.INVALID)


def _global(say: Statements, line: int, subject: Address, when: str, _status: str, _reason: str) -> Row:
    return say.withdrawn(line, subject, when, everything=True)


def _group(say: Statements, line: int, subject: Address, when: str, _status: str, _reason: str) -> Row:
    return say.withdrawn(line, subject, when)


def _format(kind: str, title: str, judge: Judge) -> Format:
    def reader(header: Sequence[str], context: Context) -> ReadRow:
        columns = Columns(header)
        say = Statements(context, "sendgrid", "SendGrid")
        pick = columns.picker(
            columns.needed(title, "email"),
            columns.first("created", "created_at"),
            columns.first("status"),
            columns.first("reason"),
        )

        def read(cells: Sequence[str], line: int) -> tuple[Row | RowError]:
            email, when, status, reason = pick(cells)
            subject = say.address(email, line)
            if isinstance(subject, RowError):
                return (subject,)
            return (judge(say, line, subject, when, status, reason),)

        return read

    return Format(
        name=f"sendgrid-{kind}",
        title=title,
        matches=lambda header, filename: _kind(header, filename) == kind,
        reader=reader,
        suppresses_only=True,
    )


def _ask(_header: Sequence[str], _context: Context) -> ReadRow:
    raise ImportRefused(
        "SendGrid exports several kinds of suppressions with the columns email and created; only the file's name tells"
        " them apart, and this one's is missing or says nothing. Give the name (--filename, &filename=), such as"
        " suppression_unsubscribes.csv, or say it with --format or &format=: sendgrid-global-unsubscribes,"
        " sendgrid-group-unsubscribes, sendgrid-spam-reports or sendgrid-invalid-emails."
    )


FORMATS: tuple[Format, ...] = (
    _format("bounces", "SendGrid: bounces", _bounce),
    _format("blocks", "SendGrid: blocks", _block),
    _format("spam-reports", "SendGrid: spam reports", _spam),
    _format("invalid-emails", "SendGrid: invalid addresses", _invalid),
    _format("global-unsubscribes", "SendGrid: global unsubscribes", _global),
    _format("group-unsubscribes", "SendGrid: unsubscribes of a group", _group),
    _format("contacts", "SendGrid: contacts", _contact),
    Format("sendgrid", "SendGrid: suppressions, kind unknown", lambda h, f: _kind(h, f) == "unknown", _ask),
)
