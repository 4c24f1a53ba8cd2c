"""Credentials as the operator switches them: made, locked, unlocked, given another password.

What stands in a customer's file is changed in the file (`consent.customers.CustomerStore.apply`). What is decided here
is kept beside it, by name, so that applying the file again, or taking a credential out for a while, undoes none of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from argon2 import PasswordHasher
from sqlalchemy import Connection, delete, insert, select

from config.customers import Credential, names_in
from config.files import build
from config.switch import LONGEST_OVERLAP, OPERATOR, Lock, Overlap
from consent import customer_rows
from consent.customer_rows import StoredCustomer, batches
from consent.customers import Conflict, CustomerError, UnknownCustomer, checked_reason
from consent.database import Database
from consent.domains import StandsInFile
from consent.passwords import generated, hashed_beside
from consent.schema import certificates, credentials, locks, networks, rotations

Source = Literal["file", "command"]


class NoCredential(CustomerError):
    """No credential is meant: nothing was changed."""


@dataclass(frozen=True, slots=True)
class Which:
    """The credentials that are meant: those of one customer or of all, and of these one by its name or all."""

    customer: str | None = None
    name: str | None = None

    def __str__(self) -> str:
        what = "any credential" if self.name is None else f"credential {self.name!r}"
        return what if self.customer is None else f"{what} of customer {self.customer!r}"


@dataclass(frozen=True, slots=True)
class HeldCredential:
    """A credential and what was decided about it."""

    customer: str
    name: str
    credential: Credential | None
    """None: a lock waits for a name that no credential has at present."""
    source: Source = "file"
    since: datetime | None = None
    """When a command made it."""
    lock: Lock | None = None
    overlap: Overlap | None = None

    @property
    def kind(self) -> str:
        """How it is shown: by password, networks, certificates, or several."""
        if self.credential is None:
            return "none at present"
        ways = {
            "password": self.credential.username,
            "networks": self.credential.networks,
            "certificates": self.credential.certificates,
        }
        return ", ".join(way for way, held in ways.items() if held)

    @property
    def names(self) -> frozenset[str]:
        """All that it may be called by."""
        return frozenset((self.name,)) if self.credential is None else self.credential.names

    def is_called(self, text: str) -> bool:
        """Whether `text` is one of its names."""
        return self.name in names_in(text) if self.credential is None else self.credential.is_called(text)


@dataclass(frozen=True, slots=True)
class Switching:
    """What became of the credentials that were meant."""

    changed: tuple[HeldCredential, ...]
    """As they were before."""
    same: tuple[HeldCredential, ...]
    """Those that were so already."""

    def by_customer(self) -> dict[str, list[str]]:
        """The names of the changed ones, by customer."""
        found: dict[str, list[str]] = {}
        for each in self.changed:
            found.setdefault(each.customer, []).append(each.name)
        return found


@dataclass(frozen=True, slots=True)
class Rotated:
    """A password that was changed."""

    customer: str
    name: str
    password: str
    """The new one; it cannot be had again."""
    until: datetime
    """When the one before ends."""
    ended: bool
    """One before that was still good, and has ended now."""


class CredentialStore:
    """The credentials of a registry. Every method raises `RegistryError` when the registry cannot answer."""

    def __init__(self, database: Database, hasher: PasswordHasher | None = None) -> None:
        """`hasher` makes password hashes; None has argon2-cffi's own parameters (RFC 9106, low memory)."""
        self._database = database
        self._hasher = hasher or PasswordHasher()

    def all(self, which: Which = Which()) -> tuple[HeldCredential, ...]:
        """Those that are meant, by customer, in the order of its file; raises UnknownCustomer."""
        with self._database.reading() as connection:
            return _matching(connection, which)

    def create(
        self, customer: str, username: str, now: datetime, *, stream: str = "auto", list_id: str | None = None
    ) -> tuple[HeldCredential, str]:
        """A new credential and its password, which cannot be had again. It stays when the file is applied.

        Raises Conflict where the username is held, `config.files.ConfigError` for values that cannot be, and
        CustomerError.
        """
        if set("/:") & set(username):
            raise CustomerError("username: holds no '/' and no ':', so that it is taken for no network or certificate")
        password = generated()
        values = {"username": username, "password": password, "stream": stream, "list": list_id}
        credential = build(Credential, values, f"credential {username!r}")
        credential = credential.model_copy(update={"password": None, "password_hash": self._hasher.hash(password)})
        key = username.lower()
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            if customer not in customer_rows.existing(connection, [customer]):
                raise UnknownCustomer(customer)
            query = select(credentials.c.customer).where(credentials.c.username_key == key)
            holder = connection.execute(query).scalar()
            if holder is not None:
                raise Conflict([f"customer {customer!r}: username {username!r} is held by customer {holder!r}"])
            # What was made of an earlier credential's password is none of this one's.
            mine = (rotations.c.customer == customer) & (rotations.c.username_key == key)
            connection.execute(delete(rotations).where(mine))
            customer_rows.add_credential(connection, customer, credential, now)
            self._touch(connection, [customer])
            (made,) = _matching(connection, Which(customer, username))
        return made, password

    def lock(self, which: Which, reason: str, now: datetime, source: str = OPERATOR) -> Switching:
        """Stop credentials until `unlock`; those that are locked already stay so for the reason they have.

        `source` is OPERATOR, or the rule codes of the signals of an automatic lock. Raises NoCredential, and
        CustomerError for a reason that is none.
        """
        text = checked_reason(reason)
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            found = _meant(connection, which)
            changed = tuple(each for each in found if each.lock is None)
            # By every name, so that a file which takes one away, or names them in another order, frees nothing.
            rows = [
                {"customer": each.customer, "name": name, "reason": text, "source": source, "since": now}
                for each in changed
                for name in sorted(each.names)
            ]
            if rows:
                connection.execute(insert(locks), rows)
                self._touch(connection, {each.customer for each in changed})
        return Switching(changed, tuple(each for each in found if each.lock is not None))

    def unlock(self, which: Which, reason: str) -> Switching:
        """Lift locks; raises NoCredential, and CustomerError for a reason that is none."""
        checked_reason(reason)
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            found = _meant(connection, which)
            changed = tuple(each for each in found if each.lock is not None)
            for each in changed:
                for names in batches(sorted(each.names)):
                    mine = (locks.c.customer == each.customer) & locks.c.name.in_(names)
                    connection.execute(delete(locks).where(mine))
            self._touch(connection, {each.customer for each in changed})
        return Switching(changed, tuple(each for each in found if each.lock is None))

    def rotate(self, which: Which, overlap: timedelta, now: datetime) -> Rotated:
        """Give a credential a new password; the one before holds until `overlap` is over, and ends by itself.

        One before that, which was still good, ends at once. Raises NoCredential, and CustomerError where more than one
        is meant, where it has no password, or for an overlap that is negative or longer than LONGEST_OVERLAP.
        """
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise CustomerError(f"overlap: must be between 0 and {LONGEST_OVERLAP.days} days")
        with self._database.reading() as connection:
            before, held = _with_password(connection, which)
        password = generated()
        # Outside the transaction that others wait for: it takes as long as somebody's file says.
        fresh = hashed_beside(password, held)
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            found, now_held = _with_password(connection, which)
            if (found.customer, now_held) != (before.customer, held):
                raise Conflict([f"{which} was changed at the same moment: nothing was rotated; do it again"])
            stored = customer_rows.load(connection, [found.customer])[found.customer]
            key = found.name.lower()
            mine = (rotations.c.customer == found.customer) & (rotations.c.username_key == key)
            connection.execute(delete(rotations).where(mine))
            row = {
                "customer": found.customer,
                "username_key": key,
                "written": stored.replaced.get(found.name, held),
                "password_hash": fresh,
                "old_hash": held,
                "until": now + overlap,
                "since": now,
            }
            connection.execute(insert(rotations).values(row))
            self._touch(connection, [found.customer])
        ended = found.overlap is not None and found.overlap.holds(now)
        return Rotated(found.customer, found.name, password, now + overlap, ended)

    def remove(self, which: Which, reason: str) -> HeldCredential:
        """Take away a credential that a command made; gives it as it was. A lock of its name stays.

        Raises NoCredential, StandsInFile, and CustomerError for a reason that is none.
        """
        checked_reason(reason)
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            found = _one(connection, which)
            if found.source == "file":
                raise StandsInFile(
                    f"credential {found.name!r} stands in the file of customer {found.customer!r}: take it out there "
                    "and apply it"
                )
            mine = (credentials.c.customer == found.customer) & (credentials.c.name == found.name)
            connection.execute(delete(credentials).where(mine))
            gone = (rotations.c.customer == found.customer) & (rotations.c.username_key == found.name.lower())
            connection.execute(delete(rotations).where(gone))
            self._touch(connection, [found.customer])
        return found

    def _touch(self, connection: Connection, names: Iterable[str]) -> None:
        ids = sorted(names)
        if ids:
            customer_rows.touch(connection, ids, self._database.next_change(connection))


def of(stored: StoredCustomer) -> tuple[HeldCredential, ...]:
    """A customer's credentials, and behind them the locks of names that no credential has."""
    customer = stored.customer.id
    held = [
        HeldCredential(
            customer,
            each.name,
            each,
            "command" if each.name in stored.made else "file",
            stored.made.get(each.name),
            stored.locks.get(each.name),
            stored.overlaps.get(each.name),
        )
        for each in stored.customer.credentials
    ]
    held += [HeldCredential(customer, name, None, lock=lock) for name, lock in sorted(stored.idle.items())]
    return tuple(held)


def _matching(connection: Connection, which: Which) -> tuple[HeldCredential, ...]:
    ids = _holders(connection, which.name) if which.customer is None and which.name is not None else None
    stored = customer_rows.load(connection, ids if which.customer is None else [which.customer])
    if which.customer is not None and which.customer not in stored:
        raise UnknownCustomer(which.customer)
    return tuple(
        each for one in stored.values() for each in of(one) if which.name is None or each.is_called(which.name)
    )


def _holders(connection: Connection, name: str) -> list[str]:
    """The customers of whose credentials one may be called so, so that no others are read for it."""
    names = sorted(names_in(name))
    fingerprints = [each.removeprefix("sha256:") for each in names]
    queries = (
        select(credentials.c.customer).where(credentials.c.username_key.in_(names)),
        select(networks.c.customer).where(networks.c.network.in_(names)),
        select(certificates.c.customer).where(certificates.c.fingerprint.in_(fingerprints)),
        select(locks.c.customer).where(locks.c.name.in_(names)),
    )
    return sorted({customer for query in queries for customer in connection.execute(query).scalars()})


def _meant(connection: Connection, which: Which) -> Sequence[HeldCredential]:
    found = _matching(connection, which)
    if not found:
        raise NoCredential(f"there is no such credential: {which}; nothing was changed")
    return found


def _one(connection: Connection, which: Which) -> HeldCredential:
    found = [each for each in _meant(connection, which) if each.credential is not None]
    if len(found) != 1:
        raise NoCredential(f"{which} is {len(found)} credentials, and must be one; nothing was changed")
    return found[0]


def _with_password(connection: Connection, which: Which) -> tuple[HeldCredential, str]:
    """The one that is meant, and the hash of its password."""
    found = _one(connection, which)
    password_hash = found.credential.password_hash if found.credential else None
    if password_hash is None:
        raise CustomerError(f"credential {found.name!r} of customer {found.customer!r} has no password")
    return found, password_hash
