"""Keys that customers' mail is signed with (DKIM, RFC 6376), as stored; the private part is sealed.

A key begins `pending`. It signs when it is `active`, which it becomes once its record was seen in the DNS. When another
of its algorithm takes its place it is `retired`: its private part is destroyed, and its record stays in the DNS while
mail that it has signed is on its way.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, delete, insert, select, update

from consent import customer_rows
from consent.customers import CustomerError, UnknownCustomer
from consent.database import Database
from consent.keys import Secrets
from consent.schema import customers, dkim_keys, domains

Algorithm = Literal["rsa", "ed25519"]
"""RSA with 2048 bits (RFC 8301), or Ed25519 (RFC 8463); each with SHA-256."""
State = Literal["pending", "active", "retired"]

OVERLAP = timedelta(days=7)
"""How long the record of a retired key stays in the DNS: as long as a signature holds (`gateway.sign.LIFETIME`)."""
MOST = 100
"""Keys of one customer."""
_LONGEST_STRING = 255
"""Octets of a string in a TXT record (RFC 1035 section 3.3)."""
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*\Z")
_LONGEST_SELECTOR = 63
_LONGEST_NAME = 253


class DkimKeyError(CustomerError):
    """What was asked of a key cannot be done; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A key as stored. `repr` shows nothing private."""

    customer: str
    domain: str
    selector: str
    algorithm: Algorithm
    public: str
    """In base64: for RSA a SubjectPublicKeyInfo, for Ed25519 the bare key (RFC 6376 section 3.6.1, RFC 8463)."""
    state: State
    created: datetime
    activated: datetime | None = None
    retired: datetime | None = None
    sealed: bytes | None = field(default=None, repr=False)
    """The private key, sealed for `owner`; None once retired."""

    @property
    def name(self) -> str:
        """Where its record is in the DNS (RFC 6376 section 3.6.2.1), without the last dot."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def owner(self) -> str:
        """What its private part is sealed for: moved to another row it opens no more."""
        return _owner(self.customer, self.name)

    @property
    def record(self) -> str:
        """The text of its TXT record (RFC 6376 section 3.6.1)."""
        return f"v=DKIM1; k={self.algorithm}; p={self.public}"

    @property
    def strings(self) -> tuple[str, ...]:
        """The same in strings that fit into a TXT record; who reads it joins them."""
        return tuple(self.record[at : at + _LONGEST_STRING] for at in range(0, len(self.record), _LONGEST_STRING))

    @property
    def zone_line(self) -> str:
        """The record as it stands in a zone file."""
        quoted = " ".join(f'"{each}"' for each in self.strings)
        return f"{self.name}. IN TXT {quoted}" if len(self.strings) == 1 else f"{self.name}. IN TXT ( {quoted} )"

    @property
    def needed_until(self) -> datetime | None:
        """Until when its record has to stay in the DNS; None while the key is not retired."""
        return self.retired + OVERLAP if self.retired else None


class DkimKeyStore:
    """The keys of a registry. Every method raises `RegistryError` when the registry cannot answer."""

    def __init__(self, database: Database, secrets: Secrets) -> None:
        self._database, self._secrets = database, secrets

    def add(
        self,
        customer: str,
        domain: str,
        selector: str,
        algorithm: Algorithm,
        public: str,
        private: bytes,
        now: datetime,
        *,
        rotate: bool = False,
    ) -> DkimKey:
        """Add a pending key; `private` is PKCS #8 in DER. With `rotate` there must be an active one of its algorithm,
        and otherwise none.

        Raises UnknownCustomer and DkimKeyError.
        """
        if not _SELECTOR.match(selector) or len(selector) > _LONGEST_SELECTOR:
            raise DkimKeyError(
                f"selector {selector!r}: letters, digits and hyphens in lower case, at most {_LONGEST_SELECTOR}"
            )
        if len(f"{selector}._domainkey.{domain}") > _LONGEST_NAME:
            raise DkimKeyError(
                f"selector {selector!r}: too long for {domain!r}: a name has {_LONGEST_NAME} octets at most"
            )
        sealed = self._secrets.seal_signing_key(_owner(customer, f"{selector}._domainkey.{domain}"), private)
        new = DkimKey(customer, domain, selector, algorithm, public, "pending", now, None, None, sealed)
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            _check_holder(connection, customer, domain)
            _check_place(connection, new, rotate)
            values = {name: getattr(new, name) for name in dkim_keys.c.keys()}  # noqa: SIM118 - columns, no dict
            connection.execute(insert(dkim_keys).values(values))
            self._touch(connection, customer)
        return new

    def activate(self, key: DkimKey, now: datetime) -> DkimKey | None:
        """Let a pending key sign; the one whose place it takes, retired, or None.

        Raises DkimKeyError where it is not pending any more, or the customer does not hold the domain any more.
        """
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            _check_holder(connection, key.customer, key.domain)
            mine = and_(dkim_keys.c.domain == key.domain, dkim_keys.c.selector == key.selector)
            found = connection.execute(select(dkim_keys).where(mine)).first()
            if found is None or found.state != "pending" or found.public != key.public:
                raise DkimKeyError(f"{key.name} is not pending any more; `postern dkim show` shows what it is")
            before = and_(
                dkim_keys.c.customer == key.customer,
                dkim_keys.c.domain == key.domain,
                dkim_keys.c.algorithm == key.algorithm,
                dkim_keys.c.state == "active",
            )
            old = connection.execute(select(dkim_keys).where(before)).first()
            connection.execute(update(dkim_keys).where(before).values(state="retired", retired=now, sealed=None))
            connection.execute(update(dkim_keys).where(mine).values(state="active", activated=now))
            self._touch(connection, key.customer)
        return _key(old) if old else None

    def remove(self, customer: str, domain: str, selector: str) -> DkimKey:
        """Forget a key of a customer's, whatever its state, its private part with it. Raises DkimKeyError."""
        mine = and_(dkim_keys.c.domain == domain, dkim_keys.c.selector == selector, dkim_keys.c.customer == customer)
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            row = connection.execute(select(dkim_keys).where(mine)).first()
            if row is None:
                raise DkimKeyError(
                    f"customer {customer!r} has no key {selector!r} of {domain!r}; see: postern dkim show"
                )
            connection.execute(delete(dkim_keys).where(mine))
            self._touch(connection, customer)
        return _key(row)

    def all(self, customer: str | None = None, domain: str | None = None) -> tuple[DkimKey, ...]:
        """The keys of one customer, or of all, of one domain, or of all: by domain, the oldest first."""
        query = select(dkim_keys).order_by(dkim_keys.c.domain, dkim_keys.c.created, dkim_keys.c.selector)
        if customer is not None:
            query = query.where(dkim_keys.c.customer == customer)
        if domain is not None:
            query = query.where(dkim_keys.c.domain == domain)
        with self._database.reading() as connection:
            return tuple(map(_key, connection.execute(query)))

    def active(self, ids: Iterable[str]) -> Mapping[str, tuple[DkimKey, ...]]:
        """The keys that sign, of these customers: each of them is named, with none or several."""
        found: dict[str, list[DkimKey]] = {each: [] for each in ids}
        query = select(dkim_keys).where(dkim_keys.c.state == "active").order_by(dkim_keys.c.created)
        if len(found) <= customer_rows.BATCH:
            query = query.where(dkim_keys.c.customer.in_(found))
        with self._database.reading() as connection:
            for row in connection.execute(query):
                if row.customer in found:
                    found[row.customer].append(_key(row))
        return {customer: tuple(keys) for customer, keys in found.items()}

    def _touch(self, connection: Connection, customer: str) -> None:
        """Nodes notice the customer, and read its keys."""
        change = self._database.next_change(connection)
        connection.execute(update(customers).where(customers.c.id == customer).values(change=change))


def _owner(customer: str, name: str) -> str:
    return f"{customer} {name}"


def _key(row: Row[Any]) -> DkimKey:
    return DkimKey(**{name: getattr(row, name) for name in dkim_keys.c.keys()})  # noqa: SIM118 - columns, no dict


def _check_holder(connection: Connection, customer: str, domain: str) -> None:
    if customer not in customer_rows.existing(connection, [customer]):
        raise UnknownCustomer(customer)
    holder = connection.execute(select(domains.c.customer).where(domains.c.domain == domain)).scalar()
    if holder != customer:
        raise DkimKeyError(
            f"customer {customer!r} does not hold {domain!r}; `postern domains list --customer {customer}` shows what "
            "it does, and `postern domains add` adds one"
        )


def _check_place(connection: Connection, new: DkimKey, rotate: bool) -> None:
    """Raise DkimKeyError where there is no place for a new key."""
    of_domain = connection.execute(select(dkim_keys).where(dkim_keys.c.domain == new.domain)).all()
    if any(row.selector == new.selector for row in of_domain):
        raise DkimKeyError(
            f"there is a key at {new.name} already; name another selector: its record may still be in a cache"
        )
    mine = {row.state: row for row in of_domain if (row.customer, row.algorithm) == (new.customer, new.algorithm)}
    if "pending" in mine:
        raise DkimKeyError(
            f"{new.domain!r} has a pending {new.algorithm} key, selector {mine['pending'].selector!r}: publish its "
            "record and run `postern dkim show`, or remove it"
        )
    if rotate and "active" not in mine:
        raise DkimKeyError(f"{new.domain!r} has no active {new.algorithm} key to rotate; make one: postern dkim create")
    if not rotate and "active" in mine:
        raise DkimKeyError(
            f"{new.domain!r} has an active {new.algorithm} key, selector {mine['active'].selector!r}; put another in "
            "its place by: postern dkim rotate"
        )
    query = select(dkim_keys.c.selector).where(dkim_keys.c.customer == new.customer)
    if len(connection.execute(query).all()) >= MOST:
        raise DkimKeyError(f"customer {new.customer!r} has {MOST} keys, which is the most; remove retired ones")
