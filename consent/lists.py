"""Lists: what a consent is for (RFC 2919 "list", ISO/IEC TS 27560 "purpose", R-086).

A list exists from the moment a credential or an import names it (design.md section 7): until somebody says more of
it, it has the customer's own party and List-Id `<id>.<first domain>`. A complaint about its mail raises the grade its
consents need to E3, until the operator lowers it (R-084).
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Row, select, update

from config.customers import Customer
from consent import documents
from consent.database import Database
from consent.documents import DocumentError, UnknownDocument
from consent.model import ALL
from consent.schema import lists

Purpose = Literal[
    "marketing", "newsletter", "event", "fundraising", "survey", "political", "discussion", "service"
]  # fmt: skip
PURPOSES: tuple[Purpose, ...] = (
    "marketing", "newsletter", "event", "fundraising", "survey", "political", "discussion", "service",
)  # fmt: skip
Basis = Literal["consent", "soft_opt_in", "legitimate_interest", "contract", "legal_obligation", "implied_casl"]
BASES: tuple[Basis, ...] = (
    "consent", "soft_opt_in", "legitimate_interest", "contract", "legal_obligation", "implied_casl",
)  # fmt: skip
WITHDRAWAL_METHODS = ("one_click", "web", "mailto", "reply", "portal")
SOURCES = ("", "own", "purchased", "rented", "appended", "scraped", "list_broker")
"""Where a list's addresses come from, as declared; the last five are no ground for any mail (R-098)."""
MOST_LISTS = 10_000
"""Lists of one customer."""
MOST_PATTERNS = 20
"""Patterns of reverse-paths of one list."""
MOST_OF_CUSTOMER = 500
"""Patterns of all lists of a customer: each of its transactions is compared with them."""

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")
_PATTERN = re.compile(r"[^\s@*A-Z<>]*\*?[^\s@*A-Z<>]*@[a-z0-9.-]+\Z")
_LIST_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)+\Z")


class UnknownList(UnknownDocument):
    """The customer has no list of that id."""


class MailingList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One list of one party. Raises DocumentError when it is made with a wrong field."""

    id: str
    """Lower-case letters, digits, `-` and `_`; unique within the customer."""
    party: str
    """Id of the party whose mail it is."""
    list_id: str
    """As in the List-Id field (RFC 2919): dot-separated atoms."""
    reverse_paths: tuple[str, ...] = ()
    """Mail whose reverse-path fits one of these is the list's: lower-case mailboxes, one `*` at most in each, such as
    `bounce-*@news.acme.example`."""
    name: str = ""
    """As people know it."""
    description: str = ""
    language: str = ""
    purpose: Purpose = "marketing"
    basis: Basis = "consent"
    frequency: str = ""
    """As promised: "monthly"."""
    retention: str = ""
    """How long the data is kept, in words."""
    storage: str = ""
    """Where it is kept."""
    third_parties: str = ""
    """Who else gets it."""
    withdrawal: tuple[str, ...] = ("web",)
    """Ways to withdraw: of WITHDRAWAL_METHODS, "web" always among them."""
    source: str = ""
    """One of SOURCES."""
    created: int = 0
    """When it was first named; microseconds."""
    complaint: int | None = None
    """Time of the last complaint about it that still raises its grade to E3; microseconds. Not in the document."""

    def __post_init__(self) -> None:
        """Check every field."""
        if not _ID.match(self.id):
            raise DocumentError("list: id must be lower-case letters, digits, '-' and '_', at most 64")
        noun = f"list {self.id!r}"
        if len(self.list_id) > 255 or not _LIST_ID.match(self.list_id):
            raise DocumentError(f"{noun}: list_id must be a List-Id such as 'spring.acme.example' (RFC 2919)")
        for name, most in (
            ("name", 200), ("frequency", 200), ("retention", 500), ("storage", 500), ("third_parties", 500),
        ):  # fmt: skip
            documents.bounded(noun, name, getattr(self, name), most)
        documents.bounded(noun, "description", self.description, 2000, lines=True)
        documents.language_tag(noun, self.language)
        if "web" not in self.withdrawal or not set(self.withdrawal) <= set(WITHDRAWAL_METHODS):
            raise DocumentError(f"{noun}: withdrawal must hold 'web', and else any of {', '.join(WITHDRAWAL_METHODS)}")
        if len(self.reverse_paths) > MOST_PATTERNS:
            raise DocumentError(f"{noun}: reverse_paths holds more than {MOST_PATTERNS}")
        for pattern in self.reverse_paths:
            if len(pattern) > 254 or not _PATTERN.match(pattern):
                raise DocumentError(
                    f"{noun}: reverse_paths: {pattern!r} must be a lower-case mailbox with one '*' at most, before the "
                    "'@', such as 'bounce-*@news.acme.example'"
                )
        if self.source not in SOURCES:
            raise DocumentError(f"{noun}: source must be one of {', '.join(SOURCES[1:])}")


def new_list(customer: Customer, name: str, now: int = 0, *, party: str | None = None) -> MailingList:
    """The list of that id as it is before anybody says more of it; raises DocumentError for an id that is none."""
    return MailingList(id=name, party=party or customer.id, list_id=f"{name}.{customer.domains[0]}", created=now)


class ListStore:
    """The lists of a registry, on its consent database. Every method raises RegistryError when it cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, customer: Customer, name: str) -> MailingList:
        """One list, also one that only a credential names so far; raises UnknownList."""
        with self._database.reading() as connection:
            found = _read(connection, customer.id, name)
        if found is None and name in _named_by_credentials(customer):
            return new_list(customer, name)
        if found is None:
            raise UnknownList(f"customer {customer.id!r} has no list {name!r}; `postern lists list` shows them")
        return found

    def all(self, customer: Customer) -> tuple[MailingList, ...]:
        """All lists by id, those that only a credential names so far among them."""
        query = select(lists).where(lists.c.customer == customer.id).order_by(lists.c.id)
        with self._database.reading() as connection:
            found = {row.id: _list(row) for row in connection.execute(query)}
        for name in _named_by_credentials(customer):
            found.setdefault(name, new_list(customer, name))
        return tuple(found[name] for name in sorted(found))

    def ensure(self, customer: Customer, name: str, now: int, party: str | None = None) -> MailingList:
        """The list of that id, made if there is none; `now` in microseconds. Raises DocumentError.

        `party` is whose a new list is; an existing list that is another party's raises DocumentError, too.
        """
        wanted = new_list(customer, name, now, party=party)
        with self._database.reading() as connection:
            found = _read(connection, customer.id, name)
        if found is None:
            with self._database.writing() as connection:
                _few_enough(connection, customer.id)
                documents.add(self._database, connection, lists, _row(customer.id, wanted))
                found = _read(connection, customer.id, name) or wanted
        if party is not None and found.party != party:
            raise DocumentError(f"list {name!r} is of party {found.party!r}, not {party!r}")
        return found

    def put(self, customer: Customer, wanted: MailingList) -> bool:
        """Add or replace a list; False when it stood so already.

        Its complaint is not touched, nor is the time it was first named. Its party cannot be changed, because consents
        are bound to it (R-085); that, and a List-Id that another list of the customer has, raises DocumentError.
        Whether the party exists is the caller's to check (`PartyStore.get`).
        """
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            rows = connection.execute(select(lists).where(lists.c.customer == customer.id))
            known = {row.id: _list(row) for row in rows}
            before = known.pop(wanted.id, None)
            holder = next((each.id for each in known.values() if each.list_id == wanted.list_id), None)
            if sum(len(each.reverse_paths) for each in (wanted, *known.values())) > MOST_OF_CUSTOMER:
                raise DocumentError(
                    f"list {wanted.id!r}: reverse_paths: more than {MOST_OF_CUSTOMER} in all lists of {customer.id!r}"
                )
            if holder is not None:
                raise DocumentError(f"list {wanted.id!r}: list_id {wanted.list_id!r} is that of list {holder!r}")
            for other in known.values():
                for pattern in set(wanted.reverse_paths) & set(other.reverse_paths):
                    raise DocumentError(f"list {wanted.id!r}: reverse_paths: {pattern!r} is that of list {other.id!r}")
            if before is None:
                _few_enough(connection, customer.id)
            else:
                if before.party != wanted.party:
                    raise DocumentError(
                        f"list {wanted.id!r} is of party {before.party!r}, and consents are bound to that: "
                        "make another list for the other party"
                    )
                wanted = replace(wanted, created=before.created, complaint=before.complaint)
            if before == wanted:
                return False
            documents.write(self._database, connection, lists, _row(customer.id, wanted))
            return True

    def complained(self, customer: Customer, name: str, at: int) -> tuple[str, ...]:
        """A complaint about a list's mail: its consents need E3 from now on. The lists it raised, by id.

        `name` ALL, a complaint that names no list, raises every list of the customer. A list that nobody knows is
        none: nothing is raised. `at` in microseconds; the last one is kept.
        """
        raised = []
        with self._database.writing() as connection:
            names = {row.id for row in connection.execute(select(lists.c.id).where(lists.c.customer == customer.id))}
            for missing in _named_by_credentials(customer):
                if missing not in names and name in (missing, ALL):
                    documents.add(self._database, connection, lists, _row(customer.id, new_list(customer, missing, at)))
                    names.add(missing)
            for each in sorted(names):
                if name in (each, ALL):
                    mine = (lists.c.customer == customer.id) & (lists.c.id == each)
                    newer = lists.c.complaint.is_(None) | (lists.c.complaint < at)
                    if connection.execute(update(lists).where(mine & newer).values(complaint=at)).rowcount:
                        raised.append(each)
        return tuple(raised)

    def lower(self, customer: Customer, name: str) -> int | None:
        """The operator has looked into the complaint: the list's consents need no more than the customer's grade.

        Gives the time of the complaint that was lifted, None when there was none; raises UnknownList. The reason
        belongs into the audit.
        """
        before = self.get(customer, name)
        if before.complaint is not None:
            mine = (lists.c.customer == customer.id) & (lists.c.id == name)
            with self._database.writing() as connection:
                connection.execute(update(lists).where(mine).values(complaint=None))
        return before.complaint


def _row(customer: str, value: MailingList) -> Mapping[str, Any]:
    return {
        "customer": customer,
        "id": value.id,
        "party": value.party,
        "document": documents.encoded(replace(value, complaint=None)),
        "complaint": value.complaint,
    }


def _named_by_credentials(customer: Customer) -> list[str]:
    return sorted({each.list for each in customer.credentials if each.list})


def _few_enough(connection: Connection, customer: str) -> None:
    if len(connection.execute(select(lists.c.id).where(lists.c.customer == customer)).all()) >= MOST_LISTS:
        raise DocumentError(f"customer {customer!r} has {MOST_LISTS} lists: no more can be made")


def _read(connection: Connection, customer: str, name: str) -> MailingList | None:
    row = connection.execute(select(lists).where(lists.c.customer == customer, lists.c.id == name)).first()
    return _list(row) if row else None


def _list(row: Row[Any]) -> MailingList:
    return replace(documents.decoded(lists, MailingList, row.id, row.document), complaint=row.complaint)
