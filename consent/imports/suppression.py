"""Suppression: our own table of whom not to write to: `email`, a hash of it or a `domain`, and why.

Hashes (R-253) are of the lower-cased address, in hexadecimal; like domains they can only block. What a row covers is
its `scope`: `list` (the import's), `all` (everything from the sender), `customer` (from all the customer's parties) or
`all_mail` (bulk or not). Without one an unsubscribe covers the import's list and every other reason everything from the
sender. A row that fills several of `email`, a hash and `domain` stops each, but for what only says the address again.
No row is lost for a `reason` or `since` that cannot be read: it then is manual, from the import on.
"""

import hashlib
import re
from collections.abc import Sequence

from consent.address import Address, AddressError
from consent.imports.columns import Columns
from consent.imports.row import Context, DomainName, Format, Hashed, ImportRefused, ReadRow, Row, RowError, Subject
from consent.imports.statements import Statements
from consent.model import ALL, Event, Reason, State, Stops

_HASHES = {"sha256": 64, "sha1": 40, "md5": 32}
_SUBJECTS = ("email", *_HASHES, "domain")
_KNOWN = frozenset({*_SUBJECTS, "reason", "scope", "since"})
_REASONS = {reason.value: reason for reason in Reason} | {
    "unsubscribed": Reason.UNSUBSCRIBE,
    "opt_out": Reason.UNSUBSCRIBE,
    "optout": Reason.UNSUBSCRIBE,
    "withdrawn": Reason.UNSUBSCRIBE,
    "withdrawal": Reason.UNSUBSCRIBE,
    "spam": Reason.COMPLAINT,
    "spam_complaint": Reason.COMPLAINT,
    "abuse": Reason.COMPLAINT,
    "bounce": Reason.HARD_BOUNCE,
    "bounced": Reason.HARD_BOUNCE,
    "trap": Reason.SPAMTRAP,
    "sanctions": Reason.SANCTION,
    "gdpr": Reason.ERASURE,
}
_PERSONS_WORD = frozenset({Reason.UNSUBSCRIBE, Reason.ONE_CLICK, Reason.WEB, Reason.MAILTO})
_WITHDRAWN = _PERSONS_WORD | {Reason.COMPLAINT, Reason.ERASURE}
_NO_MAILBOX = frozenset({Reason.HARD_BOUNCE, Reason.INVALID})
_SCOPES = {
    "list": "list",
    "all": "all",
    "*": "all",
    "sender": "all",
    "party": "all",
    "controller": "all",
    "marketing": "all",
    "global": "all",
    "customer": "customer",
    "tenant": "customer",
    "account": "customer",
    "all_mail": "all_mail",
}
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?").fullmatch


class Suppressions:
    """Reads the rows of one file."""

    def __init__(self, header: Sequence[str], context: Context) -> None:
        """Raises ImportRefused when a column stands twice, or none names the address."""
        columns = Columns(header)
        for name in _KNOWN:
            if len(columns.every(name)) > 1:
                raise ImportRefused(f'the column "{name}" stands twice: which one counts? Leave the other out')
        columns.needed("Generic suppressions", *_SUBJECTS)
        self._context = context
        self._say = Statements(context, "generic", "")
        self._pick = columns.picker(*(columns.first(name) for name in (*_SUBJECTS, "reason", "scope", "since")))

    def read(self, cells: Sequence[str], line: int) -> Sequence[Row | RowError]:
        """The event of one row."""
        *named, reason, scope, since = (cell.strip() for cell in self._pick(cells))
        filled = [(name, text) for name, text in zip(_SUBJECTS, named, strict=True) if text]
        if not filled:
            return (RowError(line, f"nobody is named: fill one of the columns {', '.join(_SUBJECTS)}"),)
        word = _word(scope)
        if word and word not in _SCOPES:
            return (RowError(line, 'column "scope" holds none of list, all, customer, all_mail'),)
        why, over = _REASONS.get(_word(reason), Reason.MANUAL), _SCOPES.get(word, "")
        found: list[Row | RowError] = []
        named_first: Subject | None = None
        for name, text in filled:
            try:
                subject = _subject(name, text)
            except ValueError as error:
                found.append(RowError(line, f'column "{name}": {error}'))
                continue
            if named_first is None or not _same(named_first, subject):
                found.append(self._row(line, subject, why, over, since))
            named_first = named_first or subject
        return found

    def _row(self, line: int, subject: Subject, reason: Reason, scope: str, since: str) -> Row:
        context = self._context
        if not scope or context.scope_all:
            own_list = reason in _PERSONS_WORD and not context.scope_all
            scope = scope if scope in ("customer", "all_mail") else "list" if own_list else "all"
        every: Stops = "all" if scope == "all_mail" or reason in _NO_MAILBOX else "marketing"
        at = self._say.time(since)
        event = Event(
            state=State.WITHDRAWN if reason in _WITHDRAWN else State.SUPPRESSED,
            party=ALL if scope == "customer" else context.party,
            list=context.list if scope == "list" else ALL,
            at=at,
            recorded=context.recorded,
            zone="" if at is None else self._say.zone(since),
            imported=True,
            method="import",
            reason=reason,
            stops=every,
            entity="recipient" if reason in _WITHDRAWN else "tenant",
            actor=context.actor,
            origin="import:generic",
            import_id=context.import_id,
            line=line,
        )
        return Row(line, subject, event)


def _word(text: str) -> str:
    return text.casefold().replace(" ", "_").replace("-", "_")


def _subject(kind: str, text: str) -> Subject:
    """Whom a cell names; raises ValueError without repeating the text."""
    if kind == "email":
        try:
            return Address.parse(text)
        except AddressError as error:
            raise ValueError(f"not an e-mail address: {error}") from None
    if kind == "domain":
        return DomainName(_domain(text))
    digest = text.removeprefix("0x").lower()
    if len(digest) != _HASHES[kind] or set(digest) - set("0123456789abcdef"):
        raise ValueError(f"not {_HASHES[kind]} hexadecimal digits")
    if kind == "md5":
        return Hashed("md5", digest)
    return Hashed("sha1" if kind == "sha1" else "sha256", digest)


def _same(first: Subject, other: Subject) -> bool:
    """Whether a further cell only says again whom the address in the row names: by its hash, or by its domain, which
    then is not stopped as a whole."""
    if not isinstance(first, Address):
        return False
    if isinstance(other, DomainName):
        return other.name == first.domain
    if not isinstance(other, Hashed):
        return False
    octets = (each.encode("utf-8", "surrogateescape") for each in first.spellings)
    return other.digest in {hashlib.new(other.algorithm, each, usedforsecurity=False).hexdigest() for each in octets}


def _domain(text: str) -> str:
    """A domain in lower-case A-labels; `@example.com` and `*@example.com` are read, too."""
    name = text.removeprefix("*").removeprefix("@").removesuffix(".").lower()
    if not name.isascii():
        try:
            name = Address.parse(f"postmaster@{name}").domain
        except AddressError:
            name = ""
    if len(name) > 253 or not _DOMAIN(name):
        raise ValueError("not a domain name")
    return name


def _reader(header: Sequence[str], context: Context) -> ReadRow:
    return Suppressions(header, context).read


def _matches(header: Sequence[str], _filename: str) -> bool:
    names = frozenset(header)
    if not names & {*_SUBJECTS} or not names & {"reason", "scope", "since", *_HASHES}:
        return False
    return names <= _KNOWN or ("reason" in names and bool(names & {"scope", "since"}))


FORMATS: tuple[Format, ...] = (
    Format(
        "generic-suppression",
        "Postern's own table of suppressions",
        _matches,
        _reader,
        suppresses_only=True,
        columns=_KNOWN,
    ),
)
