"""Brevo (once Sendinblue): the export of contacts.

The columns are the account's own attributes, between `CONTACT ID;EMAIL` and `ADDED_TIME;MODIFIED_TIME`. Traps:

- Dates are day-first, `31-12-2024`, sometimes with `HH:MM`, and in the account's zone unless the export was asked for
  UTC: the zone is asked for.
- `EMAIL_BLACKLISTED` means unsubscribed, complained or bounced: everything stops. It has no date; `MODIFIED_TIME` is
  that of any change to the contact, so it is none.
- The attribute `DOUBLE_OPT-IN` has a hyphen, and its values are categories: 1 is yes, 2 is no. Neither it nor `OPT_IN`
  proves anything by itself: E1 with the date on which the contact was added, E2 with an address, and E3 only with a
  time of confirmation, which is an attribute that the account made for it.
"""

from collections.abc import Sequence

from consent.address import Address
from consent.imports.columns import Columns
from consent.imports.grades import ip_evidence
from consent.imports.row import Context, Format, ReadRow, Row, RowError
from consent.imports.statements import Statements, nothing, undated, zone_needed
from consent.model import Grade

_DOUBLE = ("double_opt-in", "double_opt_in", "double opt-in")
_SINGLE = ("opt_in", "opt-in", "optin")
_BLACKLISTED = ("email_blacklisted", "email_blocklisted", "emailblacklisted", "blacklisted")
_MARKETING = ("email_marketing", "email marketing")
_ADDED = ("optin_time", "opt_in_date", "optin_date", "added_time")
_CONFIRMED = ("doi_confirmed_at", "doi_date", "double_opt-in_date", "double_opt_in_date", "confirmed_at")
_IP = ("optin_ip", "opt_in_ip", "signup_ip", "ip_address", "ip")
_CONFIRMED_IP = ("doi_ip", "confirm_ip", "confirmed_ip")
_SOURCE = ("source", "signup_source", "optin_source", "origin")
_YES = frozenset({"1", "yes", "true"})
_NO = frozenset({"", "0", "2", "no", "false"})


def _matches(header: Sequence[str], _filename: str) -> bool:
    names = frozenset(header)
    times = {"added_time", "modified_time"}
    return "email" in names and (bool(names & {*_DOUBLE[:1], *_BLACKLISTED[:2]}) or times <= names)


class _Contacts:
    """Reads the rows of one file."""

    def __init__(self, header: Sequence[str], context: Context) -> None:
        columns = Columns(header)
        consents = columns.first(*_DOUBLE, *_SINGLE) is not None
        if consents and columns.first(*_ADDED, *_CONFIRMED) is not None:
            zone_needed(context, "Brevo contacts")
        self.say = Statements(context, "brevo", "Brevo", day_first=True)
        self._pick = columns.picker(
            columns.needed("Brevo contacts", "email"),
            columns.first(*_BLACKLISTED),
            columns.first(*_MARKETING),
            columns.first(*_DOUBLE),
            columns.first(*_SINGLE),
            *(columns.first(*names) for names in (_CONFIRMED, _IP, _CONFIRMED_IP, _SOURCE)),
        )
        self._added = columns.filled(*_ADDED)

    def read(self, cells: Sequence[str], line: int) -> tuple[Row | RowError, ...]:
        email, blacklisted, marketing, double, single, *evidence = self._pick(cells)
        subject = self.say.address(email, line)
        if isinstance(subject, RowError):
            return (subject,)
        stopped = blacklisted.strip().casefold() not in _NO or "unsub" in marketing.casefold()
        rows: tuple[Row | RowError, ...] = ()
        if stopped:
            rows = (self.say.withdrawn(line, subject, "", everything=True),)
        confirmed = double.strip().casefold() in _YES
        if confirmed or single.strip().casefold() in _YES:
            return (*rows, self._consent(cells, line, subject, evidence, confirmed=confirmed))
        return rows or (nothing(line, "neither opted in nor blacklisted"),)

    def _consent(
        self, cells: Sequence[str], line: int, subject: Address, evidence: Sequence[str], *, confirmed: bool
    ) -> Row | RowError:
        say = self.say
        answered, ip, answered_ip, source = map(str.strip, evidence)
        column, added = self._added(cells)
        at = say.date(added, column.upper(), line)
        if isinstance(at, RowError):
            return at
        personal: dict[str, str] = {}
        double, told = False, added
        if confirmed and answered:
            confirmed_at = say.date(answered, "time of confirmation", line)
            if isinstance(confirmed_at, RowError):
                return confirmed_at
            # A day alone is no log of a click.
            double = confirmed_at is not None and ":" in answered and (at is None or confirmed_at >= at)
            if double:
                personal = {"requested_at": added} if added else {}
                if ip_evidence(answered_ip):
                    personal["confirm_ip"] = ip_evidence(answered_ip)
                at, told = confirmed_at, answered
        if at is None:
            return undated(line, column.upper())
        return say.given(
            line,
            subject,
            at,
            source=source,
            zone=say.zone(told),
            ip=ip_evidence(ip),
            confirmed=double,
            best=Grade.E3 if double else Grade.E2,
            personal=personal,
        )


def _contacts(header: Sequence[str], context: Context) -> ReadRow:
    return _Contacts(header, context).read


FORMATS: tuple[Format, ...] = (Format("brevo", "Brevo: contacts", _matches, _contacts),)
