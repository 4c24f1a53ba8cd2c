"""Klaviyo: the export of a list or segment, and the export of suppressed profiles.

The user picks the columns of a list export, so its signature is a part of them: the address, and either the consent or
something that only Klaviyo has. Traps:

- One row may say both SUBSCRIBED and suppressed: both are recorded, and the suppression holds.
- UNSUBSCRIBED covers everything from that sender; NEVER_SUBSCRIBED is not a withdrawal. Values occur in either case,
  and as the words of the import dialogue ("Subscribe").
- Times are mostly ISO 8601 with a zone, and sometimes `YYYY-MM-DD HH:MM:SS` without.
- Whether a double opt-in happened is not in the export: E2 at best, and that only with time, source and address.
- Older exports have `$consent` (where consent was given, a list), `$consent_timestamp` and `$consent_method`.
- Suppressed profiles may come as the one column `Email`, which could be a list of anything else: only the name of the
  file tells (`single_column` asks when it does not).
"""

import re
from collections.abc import Sequence

from consent.address import Address
from consent.imports.columns import Columns
from consent.imports.grades import ip_evidence
from consent.imports.row import Context, Format, ReadRow, Row, RowError
from consent.imports.statements import Statements, nothing, undated
from consent.model import Grade, Reason

_CONSENT = ("email marketing consent", "$consent")
_TIME = ("email marketing consent timestamp", "$consent_timestamp")
_SUPPRESSIONS = ("email suppressions", "email suppression", "suppressions", "suppressed")
_REASON = ("suppression reason", "suppression reasons", "reason", *_SUPPRESSIONS)
_SINCE = ("suppression date", "suppression timestamp", "suppressed at", "suppressed on", "timestamp", "date")
_SUPPRESSED_FILE = frozenset({"email", "klaviyo id", *_REASON, *_SINCE})
_WORD = re.compile(r"[a-z]+(?:_[a-z]+)*")
_KNOWN = frozenset({"unsubscribed", "unsubscribe", "user_suppressed", "spam_complaint", "hard_bounce", "invalid_email"})
_GIVEN = frozenset({"subscribed", "subscribe"})
_LEFT = frozenset({"unsubscribed", "unsubscribe"})
_NEVER = frozenset({"", "never_subscribed", "never subscribed", "not_subscribed", "not subscribed", "no consent"})
_NOT_SUPPRESSED = frozenset({"", "[]", "no", "false", "none", "null", "0", "not suppressed"})


def _is_list(header: Sequence[str], filename: str) -> bool:
    names = frozenset(header)
    ours = bool(names & {*_CONSENT, "klaviyo id", "email suppressions"})
    return "email" in names and ours and not _is_suppressed(header, filename)


def _is_suppressed(header: Sequence[str], filename: str) -> bool:
    names = frozenset(header)
    if "email" not in names or not names <= _SUPPRESSED_FILE:
        return False
    if names == {"email"}:
        return "suppress" in filename
    reason = bool(names & {"suppression reason", "suppression reasons"})
    return reason or ("reason" in names and bool(names & {*_SINCE}))


def _reasons(text: str) -> list[str]:
    """The reasons in a cell such as `HARD_BOUNCE` or `["UNSUBSCRIBED", "SPAM_COMPLAINT"]`; one "" for text that holds
    none that is known: the profile is suppressed all the same."""
    said = text.strip().casefold()
    if said in _NOT_SUPPRESSED:
        return []
    return [word for word in dict.fromkeys(_WORD.findall(said.replace(" ", "_"))) if word in _KNOWN] or [""]


def _suppression(say: Statements, line: int, subject: Address, reason: str, when: str) -> Row:
    if reason in _LEFT:
        return say.withdrawn(line, subject, when, everything=True)
    if reason == "spam_complaint":
        return say.complained(line, subject, when)
    if reason == "hard_bounce":
        return say.undeliverable(line, subject, when)
    if reason == "invalid_email":
        return say.undeliverable(line, subject, when, Reason.INVALID)
    return say.suppressed(line, subject, when, Reason.MANUAL, everything=True)


class _List:
    """Reads the rows of a list or segment."""

    def __init__(self, header: Sequence[str], context: Context) -> None:
        columns = Columns(header)
        self.say = Statements(context, "klaviyo", "Klaviyo")
        self._legacy = "email marketing consent" not in columns and "$consent" in columns
        self._pick = columns.picker(
            columns.needed("Klaviyo list", "email"),
            columns.first(*_CONSENT),
            columns.first(*_TIME),
            columns.first("source", "$source", "$consent_method"),
            columns.first("ip address", "$ip", "ip"),
            columns.first(*_SUPPRESSIONS),
        )

    def read(self, cells: Sequence[str], line: int) -> Sequence[Row | RowError]:
        email, consent, when, source, ip, suppressions = self._pick(cells)
        say = self.say
        subject = say.address(email, line)
        if isinstance(subject, RowError):
            return (subject,)
        consent = consent.strip().casefold()
        stops = [_suppression(say, line, subject, reason, "") for reason in _reasons(suppressions)]
        if self._legacy:
            consent = "subscribed" if "email" in consent else ""
        if consent in _LEFT:
            return (say.withdrawn(line, subject, when, everything=True), *stops)
        if consent in _GIVEN:
            return (*stops, self._consent(line, subject, when, source.strip(), ip))
        if stops:
            return stops
        if consent in _NEVER:
            return (nothing(line, "a profile without consent to e-mail marketing"),)
        return (RowError(line, 'column "Email Marketing Consent" holds none of Klaviyo\'s values'),)

    def _consent(self, line: int, subject: Address, when: str, source: str, ip: str) -> Row | RowError:
        at = self.say.date(when, "Email Marketing Consent Timestamp", line)
        if isinstance(at, RowError):
            return at
        if at is None:
            return undated(line, "Email Marketing Consent Timestamp")
        zone = self.say.zone(when)
        # An address without the source it came from proves no act of consent: it may be that of an order.
        best = Grade.E2 if source else Grade.E1
        return self.say.given(line, subject, at, source=source, zone=zone, ip=ip_evidence(ip), best=best)


def _list(header: Sequence[str], context: Context) -> ReadRow:
    return _List(header, context).read


def _suppressed(header: Sequence[str], context: Context) -> ReadRow:
    columns = Columns(header)
    say = Statements(context, "klaviyo", "Klaviyo")
    pick = columns.picker(
        columns.needed("Klaviyo suppressed profiles", "email"), columns.first(*_REASON), columns.first(*_SINCE)
    )

    def read(cells: Sequence[str], line: int) -> Sequence[Row | RowError]:
        email, reason, when = pick(cells)
        subject = say.address(email, line)
        if isinstance(subject, RowError):
            return (subject,)
        return [_suppression(say, line, subject, said, when) for said in _reasons(reason) or [""]]

    return read


FORMATS: tuple[Format, ...] = (
    Format("klaviyo-list", "Klaviyo: list or segment", _is_list, _list),
    Format("klaviyo-suppressed", "Klaviyo: suppressed profiles", _is_suppressed, _suppressed, suppresses_only=True),
)
