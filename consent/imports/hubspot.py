"""HubSpot: the export of contacts, the export of unsubscribes and bounces, and a list of opt-outs.

Headers are display names, or internal names from the API (`hs_email_optout`). Traps:

- `Opted out of email: <type>`, and every further column of the unsubscribes and bounces, is about one subscription
  type. It withdraws from the import's list only when the type has the list's name (letters and digits compared, case
  aside); with scope "all" every type does. Opt-outs of other types are row errors that name the type, so that nobody
  takes them for imported; what else the row says is recorded all the same.
- `Portal Bounce` holds TRUE or the text of the bounce; a text that blames the message or the sender is no bounce.
- Of the confirmation values only "User clicked confirmation" is a double opt-in, and the export holds neither its time
  nor its address: E1 at best. What a person at HubSpot or the customer marked is bare assertion (E0). The create date
  is the only date there is. The legal basis is what somebody chose in a menu, and proves nothing.
- `Email Domain` and `Email Hard Bounce Reason` are not the address.
- Headers follow the account's language: then the question is asked.
"""

import re
from collections.abc import Sequence

from consent.address import Address
from consent.imports.bounces import enhanced, no_such_mailbox
from consent.imports.columns import Columns
from consent.imports.row import Context, Format, ImportRefused, ReadRow, Row, RowError
from consent.imports.statements import Statements, nothing, undated, zone_needed
from consent.model import Grade, Reason

_ADDRESS = ("email", "e-mail", "email address")
_PORTAL = ("portal unsubscribe", "portal bounce", "portal spam report", "global bounce")
_TYPE = re.compile(r"opted out of email:\s*(.+)|hs_email_optout_(\d+)")
_OPTED_OUT = ("unsubscribed from all email", "hs_email_optout")
_CONFIRMATION = ("marketing email confirmation status", "marketing email confirmation", "hs_emailconfirmationstatus")
_CREATED = ("create date", "createdate")
_INVALID = ("invalid email address", "hs_email_bad_address")
_BOUNCE = ("email hard bounce reason", "hs_email_hard_bounce_reason_enum", "hs_email_hard_bounce_reason")
_LOCALISED = frozenset(
    {"datensatz-id", "id de registro", "id d'enregistrement", "id de fiche d'informations", "record-id", "id record"}
    | {"id do registro", "レコードid", "von allen e-mails abgemeldet", "désabonné de tous les e-mails"}
)
_NO = frozenset({"", "false", "no", "0"})
_YES = frozenset({"true", "yes", "1"})
_BLAMES_OTHERS = ("spam", "policy", "content", "full", "quota", "block", "dmarc", "blacklist", "temporar")
_CONFIRMED = {
    "user clicked confirmation": Grade.E1,
    "confirmed due to form": Grade.E1,
    "confirmed": Grade.E0,
    "hubspot rep. marked confirmed": Grade.E0,
    "customer marked confirmed": Grade.E0,
    "confirmed from previous behavior": Grade.E0,
}
_PENDING = frozenset({"confirmation pending", "confirmation email sent", "double_opt_in_pending"})


def _is_opt_outs(header: Sequence[str], filename: str) -> bool:
    named = any(part in filename for part in ("opt-out", "optout", "opt_out", "opted-out", "opted_out", "opted out"))
    return len(header) == 1 and header[0] in _ADDRESS and named


def _is_unsubscribes(header: Sequence[str], _filename: str) -> bool:
    return bool(frozenset(header) & {*_PORTAL}) and Columns(header).first(*_ADDRESS) is not None


def _is_contacts(header: Sequence[str], _filename: str) -> bool:
    columns = Columns(header)
    ours = columns.first("record id", *_OPTED_OUT, *_CONFIRMATION) is not None or any(map(_TYPE.match, header))
    return ours and columns.first(*_ADDRESS) is not None


def _is_localised(header: Sequence[str], _filename: str) -> bool:
    return bool(frozenset(header) & _LOCALISED)


def _slug(name: str) -> str:
    return re.sub(r"[\W_]+", "-", name.casefold()).strip("-")


class _Types:
    """The columns of subscription types."""

    def __init__(self, columns: Columns, places: dict[int, str], context: Context) -> None:
        self.list = context.list
        self._all = context.scope_all
        self._pick = columns.picker(*places)
        self._names = [name.strip() for name in places.values()]
        self._ours = [context.scope_all or _slug(name) == _slug(context.list) for name in self._names]

    def opted_out(self, cells: Sequence[str]) -> tuple[bool, list[str]]:
        """Whether the row opts out of the import's list, and the other types it opts out of."""
        ours, others = False, []
        for cell, name, is_ours in zip(self._pick(cells), self._names, self._ours, strict=True):
            if cell and cell.strip().casefold() in _YES:
                ours = ours or is_ours
                if not is_ours:
                    others.append(name)
        return ours, others

    def error(self, line: int, others: list[str]) -> RowError:
        """The row opted out of types that are not the import's list."""
        names = ", ".join(f'"{name[:60]}"' for name in others[:3]) + (", …" if len(others) > 3 else "")
        return RowError(
            line,
            f'opted out of {names}, but the import is for the list "{self.list}": import the file once for the list of'
            " each type, or with scope all",
        )


class _Contacts:
    """Reads the rows of a contacts export, and of unsubscribes and bounces, whose columns are a part of them."""

    def __init__(self, header: Sequence[str], context: Context, title: str) -> None:
        columns = Columns(header)
        address = columns.needed(title, *_ADDRESS)
        portal = _is_unsubscribes(header, "")
        confirmation = None if portal else columns.first(*_CONFIRMATION)
        if confirmation is not None and columns.first(*_CREATED) is not None:
            zone_needed(context, title)
        self.say = Statements(context, "hubspot", "HubSpot")
        self._pick = columns.picker(
            address,
            columns.first("portal unsubscribe") if portal else columns.first(*_OPTED_OUT),
            columns.first("portal spam report"),
            columns.first("portal bounce"),
            columns.first("global bounce"),
            columns.first(*_INVALID),
            columns.first(*_BOUNCE),
            confirmation,
            columns.first(*_CREATED),
        )
        types = {place: found[1] or found[2] for place, name in enumerate(header) if (found := _TYPE.match(name))}
        if portal:
            taken = {address, *columns.every(*_PORTAL, *_OPTED_OUT, *_INVALID, *_BOUNCE)}
            types |= {place: name for place, name in enumerate(header) if place not in taken and place not in types}
        self._types = _Types(columns, types, context)

    def read(self, cells: Sequence[str], line: int) -> Sequence[Row | RowError]:
        email, opted_out, spam, bounced, bounced_elsewhere, invalid, hard, confirmation, created = self._pick(cells)
        say = self.say
        subject = say.address(email, line)
        if isinstance(subject, RowError):
            return (subject,)
        rows: list[Row | RowError] = []
        ours, others = self._types.opted_out(cells)
        if _said(opted_out):
            rows.append(say.withdrawn(line, subject, "", everything=True))
        elif ours:
            rows.append(say.withdrawn(line, subject, ""))
        if _said(spam):
            rows.append(say.complained(line, subject, ""))
        if _no_mailbox(bounced) or _no_mailbox(bounced_elsewhere) or _unknown_user(hard):
            rows.append(say.undeliverable(line, subject, ""))
        elif _said(invalid):
            rows.append(say.undeliverable(line, subject, "", Reason.INVALID))
        if confirmation:
            rows += self._consent(line, subject, confirmation.strip().casefold(), created)
        if others and not _said(opted_out):
            rows.append(self._types.error(line, others))
        return rows or (nothing(line, "neither an opt-out nor a bounce, nor a confirmation"),)

    def _consent(self, line: int, subject: Address, said: str, created: str) -> Sequence[Row | RowError]:
        best = _CONFIRMED.get(said)
        if best is None and said not in _PENDING:
            return ()
        at = self.say.date(created, "Create Date", line)
        if at is None:
            return (undated(line, "Create Date"),)
        if isinstance(at, RowError):
            return (at,)
        zone = self.say.zone(created)
        if best is None:
            return (self.say.requested(line, subject, at, source="", zone=zone),)
        return (self.say.given(line, subject, at, source=f"HubSpot: {said}", zone=zone, best=best),)


def _said(cell: str) -> bool:
    """Whether a column of opt-outs says so: anything but no."""
    return bool(cell) and cell.strip().casefold() not in _NO


def _no_mailbox(cell: str) -> bool:
    """Whether `Portal Bounce` or `Global Bounce` says that the mailbox does not exist: TRUE, or such a text."""
    said = cell.strip().casefold()
    if said in _NO or said in _YES:
        return said in _YES
    if enhanced(said):
        return no_such_mailbox(said)
    return not any(word in said for word in _BLAMES_OTHERS)


def _unknown_user(cell: str) -> bool:
    said = cell.strip().casefold().replace("_", " ")
    return "unknown user" in said or no_such_mailbox(said)


def _contacts(header: Sequence[str], context: Context) -> ReadRow:
    return _Contacts(header, context, "HubSpot contacts").read


def _unsubscribes(header: Sequence[str], context: Context) -> ReadRow:
    return _Contacts(header, context, "HubSpot unsubscribes and bounces").read


def _opt_outs(header: Sequence[str], context: Context) -> ReadRow:
    columns, say = Columns(header), Statements(context, "hubspot", "HubSpot")
    pick = columns.picker(columns.needed("HubSpot opt-out list", *_ADDRESS))

    def read(cells: Sequence[str], line: int) -> tuple[Row | RowError]:
        subject = say.address(pick(cells)[0], line)
        return (subject if isinstance(subject, RowError) else say.withdrawn(line, subject, "", everything=True),)

    return read


def _ask(_header: Sequence[str], _context: Context) -> ReadRow:
    raise ImportRefused(
        "HubSpot: the headers of this export are not in English, so what its columns mean would be a guess. Export"
        " again with English as your user's language in HubSpot, or put the English names into the first line."
    )


FORMATS: tuple[Format, ...] = (
    Format(
        "hubspot-unsubscribes",
        "HubSpot: unsubscribes and bounces",
        _is_unsubscribes,
        _unsubscribes,
        suppresses_only=True,
    ),
    Format("hubspot-contacts", "HubSpot: contacts", _is_contacts, _contacts),
    Format("hubspot-opt-outs", "HubSpot: opt-out list", _is_opt_outs, _opt_outs, suppresses_only=True),
    Format("hubspot", "HubSpot: headers in another language", _is_localised, _ask),
)
