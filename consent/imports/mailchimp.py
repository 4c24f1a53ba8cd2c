"""Mailchimp: the four files of an audience export, the one file with a `Status` column, and members from the API.

An audience export is a ZIP of up to four CSV files with nearly the same columns. `UNSUB_TIME` makes an unsubscribed
file and `CLEAN_TIME` a cleaned one; subscribed and nonsubscribed members differ in the file's name alone, so without
one the question is asked.

Traps seen in real exports:

- `UNSUB_CAMPAIGN_ID` and `UNSUB_REASON` stand twice. An audience that was fed from an older export keeps its `UNSUB_*`
  columns as merge fields, left of `MEMBER_RATING`: they do not make the file an unsubscribed one, but a time in them is
  an unsubscribe that somebody imported over, so it is kept beside the consent. The same for an `UNSUB_TIME` or
  `CLEAN_TIME` of a member said to be subscribed, by `Status` or by whoever uploads the file.
- Contacts added by hand or by import have a `CONFIRM_TIME` and no `OPTIN_TIME`: no opt-in, let alone a double one (E1).
  Single opt-in has `CONFIRM_TIME` equal to `OPTIN_TIME`, and sometimes the address only in `CONFIRM_IP` (E2). A double
  opt-in has both times and both addresses, and was confirmed strictly later (E3).
- The label of the address is the owner's to choose: what is not known is asked for.
- Times name no zone, but for the variant with `Status` and the API's members, which have ISO 8601 times.
- "Cleaned" is a hard bounce, a soft bounce many times over, or now and then a complaint: so it is kept as invalid, and
  for this list only.
- `UNSUB_REASON` may be a complaint ("SPAM", "ABUSE"): then everything stops.
"""

from collections.abc import Sequence

from consent.address import Address
from consent.imports.columns import Columns
from consent.imports.grades import confirmation, ip_evidence
from consent.imports.row import Context, Format, ImportRefused, ReadRow, Row, RowError
from consent.imports.statements import Statements, nothing, undated, zone_needed
from consent.model import Reason

_ADDRESS = (
    "email address",
    "e-mail address",
    "email",
    "email_address",
    "e-mail-adresse",
    "adresse e-mail",
    "adresse email",
    "dirección de correo electrónico",
    "correo electrónico",
    "indirizzo email",
    "indirizzo e-mail",
    "e-mailadres",
    "endereço de e-mail",
)
"""The account's language names it, or its owner."""
_API = frozenset({"email_address", "status"})
_API_MARKS = frozenset({"timestamp_signup", "timestamp_opt", "unique_email_id", "ip_signup", "ip_opt"})
_OPTED_IN = (
    ("optin_time", "timestamp_signup"),
    ("optin_ip", "ip_signup"),
    ("confirm_time", "timestamp_opt"),
    ("confirm_ip", "ip_opt"),
    ("source",),
    ("cc",),
    ("euid", "leid", "unique_email_id"),
)
_KINDS = {
    "nonsubscribed": "nonsubscribed",
    "non-subscribed": "nonsubscribed",
    "non_subscribed": "nonsubscribed",
    "unsubscribed": "unsubscribed",
    "cleaned": "cleaned",
    "subscribed": "subscribed",
}
"""What a file's name says, in the order in which it is looked for: each but the last holds the last."""
_STATUS = {
    "subscribed": "subscribed",
    "unsubscribed": "unsubscribed",
    "cleaned": "cleaned",
    "pending": "pending",
    "transactional": "nonsubscribed",
    "nonsubscribed": "nonsubscribed",
    "non-subscribed": "nonsubscribed",
    "archived": "nonsubscribed",
}


def _kind(header: Sequence[str], filename: str) -> str:
    """Which of the files it is; also "members" (a status per row), "unknown", and "" when it is not Mailchimp's."""
    columns, names = Columns(header), frozenset(header)
    if names >= _API and names & _API_MARKS:
        return "members"
    marks = sum(name in columns for name in ("member_rating", "optin_time", "confirm_time", "last_changed", "euid"))
    if marks < (2 if columns.first(*_ADDRESS) is not None else 3):
        return ""
    left, cleaned = (_own(columns, name) is not None for name in ("unsub_time", "clean_time"))
    if left != cleaned:
        return "unsubscribed" if left else "cleaned"
    if not left:
        for part, kind in _KINDS.items():
            if part in filename:
                return kind
    return "members" if "status" in columns else "unknown"


def _own(columns: Columns, name: str) -> int | None:
    """Where Mailchimp's own column `name` stands: right of MEMBER_RATING, unlike merge fields of the same name."""
    rating, places = columns.first("member_rating"), columns.every(name)
    return places[-1] if places and (rating is None or places[-1] > rating) else None


class _Members:
    """Reads the rows of one file."""

    def __init__(self, header: Sequence[str], context: Context, kind: str) -> None:
        columns = Columns(header)
        self.kind = kind
        self.say = Statements(context, "mailchimp", "Mailchimp")
        # The API has one time for both, that of the last change: when it happened, or later.
        changed = columns.first("last_changed") if "email_address" in columns else None
        left, cleaned = (_own(columns, name) for name in ("unsub_time", "clean_time"))
        self._pick = columns.picker(
            columns.needed(f"Mailchimp {kind}", *_ADDRESS),
            columns.first("status"),
            changed if left is None else left,
            changed if cleaned is None else cleaned,
            *(columns.first(*names) for names in _OPTED_IN),
        )
        self._left_before = columns.picker(*columns.every("unsub_time"))
        self._cleaned_before = columns.picker(cleaned)
        self._reasons = columns.picker(*columns.every("unsub_reason", "unsubscribe_reason"))

    def read(self, cells: Sequence[str], line: int) -> Sequence[Row | RowError]:
        email, status, left, cleaned, *opted_in = self._pick(cells)
        subject = self.say.address(email, line)
        if isinstance(subject, RowError):
            return (subject,)
        state = self.kind
        if state in ("members", "subscribed"):
            found = _STATUS.get(status.strip().casefold())
            if found is None and state == "members":
                return (RowError(line, 'column "status" holds none of Mailchimp\'s statuses'),)
            state = found or state
        if state == "unsubscribed":
            return (self._withdrawal(cells, line, subject, left),)
        if state == "cleaned":
            return (self._cleaned(line, subject, cleaned),)
        if state == "nonsubscribed":
            return (nothing(line, "a contact who has not subscribed"),)
        stops = [self._withdrawal(cells, line, subject, when) for when in self._left_before(cells) if when.strip()][:1]
        stops += [self._cleaned(line, subject, when) for when in self._cleaned_before(cells) if when.strip()][:1]
        return (*stops, self._consent(line, subject, opted_in, pending=state == "pending"))

    def _withdrawal(self, cells: Sequence[str], line: int, subject: Address, when: str) -> Row:
        said = " ".join(self._reasons(cells)).casefold()
        if "spam" in said or "abuse" in said:
            return self.say.complained(line, subject, when)
        return self.say.withdrawn(line, subject, when)

    def _cleaned(self, line: int, subject: Address, when: str) -> Row:
        return self.say.suppressed(line, subject, when, Reason.INVALID, everything=False)

    def _consent(self, line: int, subject: Address, cells: Sequence[str], *, pending: bool) -> Row | RowError:
        say = self.say
        opted_in, opted_in_ip, confirmed, confirmed_ip, source, country, reference = map(str.strip, cells)
        asked = say.date(opted_in, "OPTIN_TIME", line)
        answered = asked if confirmed == opted_in else say.date(confirmed, "CONFIRM_TIME", line)
        if isinstance(asked, RowError):
            return asked
        if isinstance(answered, RowError):
            return answered
        at = answered if asked is None else asked
        zone = say.zone(opted_in or confirmed)
        if at is None:
            return undated(line, "OPTIN_TIME")
        if pending:
            return say.requested(line, subject, at, source=source, zone=zone)
        # Without an opt-in time the addresses are those of whoever added the contact: no proof.
        ip = "" if asked is None else ip_evidence(opted_in_ip)
        ip_of_confirmation = "" if asked is None or (ip and answered == asked) else ip_evidence(confirmed_ip)
        personal = {"source_ref": reference} if reference else {}
        double = confirmation(asked, answered, ip, ip_of_confirmation)
        if double and answered is not None:
            at = answered
            personal |= {"requested_at": opted_in, "confirm_ip": ip_of_confirmation}
        return say.given(
            line,
            subject,
            at,
            source=source,
            zone=zone,
            ip=ip or ip_of_confirmation,
            confirmed=double,
            country=country.casefold() if len(country) == 2 else "",
            personal=personal,
        )


def _format(kind: str, title: str) -> Format:
    def reader(header: Sequence[str], context: Context) -> ReadRow:
        if kind != "members":  # whose times are ISO 8601
            zone_needed(context, title)
        return _Members(header, context, kind).read

    return Format(
        name=f"mailchimp-{kind}",
        title=title,
        matches=lambda header, filename: _kind(header, filename) == kind,
        reader=reader,
        suppresses_only=kind in ("unsubscribed", "cleaned", "nonsubscribed"),
    )


def _ask(_header: Sequence[str], _context: Context) -> ReadRow:
    raise ImportRefused(
        "Mailchimp names the kind of members in the file's name only, and this one's is missing or says nothing. Give"
        " the name (--filename, &filename=), such as subscribed_members_export_1.csv, or say it with"
        " --format or &format=: mailchimp-subscribed, mailchimp-unsubscribed, mailchimp-cleaned or"
        " mailchimp-nonsubscribed."
    )


FORMATS: tuple[Format, ...] = (
    _format("subscribed", "Mailchimp: subscribed members"),
    _format("unsubscribed", "Mailchimp: unsubscribed members"),
    _format("cleaned", "Mailchimp: cleaned members"),
    _format("nonsubscribed", "Mailchimp: contacts who never subscribed"),
    _format("members", "Mailchimp: members of any status"),
    Format("mailchimp", "Mailchimp: members, kind unknown", lambda h, f: _kind(h, f) == "unknown", _ask),
)
