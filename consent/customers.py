"""Customers as stored: what the operator's file says of each, and what the operator has decided since (its standing).

`apply` never makes or lifts a suspension or a lock, and takes away no credential that a command made; `suspend` and
`resume` never touch what the file says.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from argon2 import PasswordHasher
from sqlalchemy import Connection, select, update

from config.customers import Customer, Standing
from consent import conflicts, customer_rows, switch_rows
from consent.customer_rows import StoredCustomer, batches
from consent.database import Database
from consent.passwords import hashed
from consent.schema import customers, domains
from consent.shared_networks import SharedNetworks
from consent.switch_rows import NOTHING, Switched

__all__ = ["Applied", "Conflict", "CustomerError", "CustomerStore", "StoredCustomer", "UnknownCustomer"]

REASON_LENGTH = 1000
"""Characters of a reason."""


log = logging.getLogger("postern.registry")


class CustomerError(Exception):
    """What was asked of a customer cannot be done; the text says why, for the operator."""


class UnknownCustomer(CustomerError):
    """There is no customer of that id."""

    def __init__(self, customer: str) -> None:
        super().__init__(f"no customer {customer!r}")


class Conflict(CustomerError):
    """Domains, usernames or networks that a customer may not have: one line for each. Nothing was applied."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did with one customer."""

    customer: str
    result: Literal["added", "replaced", "unchanged"]
    suspended: bool = False
    """It is suspended, and stays so."""
    adopted: tuple[str, ...] = ()
    """Credentials that a command made and the file names now: they are the file's, with the file's password."""
    ended: tuple[str, ...] = ()
    """Credentials whose password a command had changed, and for which the file has a new one: that holds now."""
    locked: tuple[str, ...] = ()
    """Credentials that are locked, and stay so."""


class CustomerStore:
    """The customers of a registry. Every method raises `RegistryError` when the registry cannot answer."""

    def __init__(
        self, database: Database, shared: SharedNetworks | None = None, hasher: PasswordHasher | None = None
    ) -> None:
        """`shared` is the list of networks that identify nobody; None is the shipped one.

        `hasher` makes password hashes; None has argon2-cffi's own parameters (RFC 9106, low memory).
        """
        self._database = database
        self._shared = shared
        self._hasher = hasher or PasswordHasher()

    def apply(self, wanted: Sequence[Customer], now: datetime) -> tuple[Applied, ...]:
        """Add or replace these customers and no others, all or none; plain passwords are hashed first.

        Raises Conflict, naming each domain, username or network that may not be held and who holds it.
        """
        shared = self._shared or SharedNetworks.shipped()
        ids = [customer.id for customer in wanted]
        with self._database.reading() as connection:
            before = customer_rows.load(connection, ids, skip_unreadable=True)
            switched = switch_rows.load(connection, batches(ids))
        # Outside the transaction that others wait for: each password takes tens of milliseconds.
        wanted = hashed(wanted, _password_hashes(before.values(), switched.values()), self._hasher)
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            refused = conflicts.find(connection, wanted, shared)
            if refused:
                raise Conflict(refused)
            stored = customer_rows.load(connection, ids, skip_unreadable=True)
            existing = customer_rows.existing(connection, ids)
            changed = [new for new in wanted if new.id not in stored or stored[new.id].written != new]
            ended: dict[str, tuple[str, ...]] = {}
            if changed:
                change = self._database.next_change(connection)
                switched = switch_rows.load(connection, batches([new.id for new in changed]))
                # Everything is given up before anything is taken, so a domain can move between two of them.
                customer_rows.clear(connection, [new.id for new in changed if new.id in existing])
                for new in changed:
                    customer_rows.write(connection, new, new.id in existing, change, now)
                    ended[new.id] = switch_rows.end_rotations(connection, new, switched.get(new.id, NOTHING))
            suspended = _suspended(connection)
            after = switch_rows.load(connection, batches(ids))
        replaced = {new.id for new in changed} & existing
        return tuple(
            Applied(
                new.id,
                "added" if new.id not in existing else "replaced" if new.id in replaced else "unchanged",
                new.id in suspended,
                _adopted(stored.get(new.id), new),
                ended.get(new.id, ()),
                tuple(each.name for each in new.credentials if after.get(new.id, NOTHING).lock_of(each)),
            )
            for new in wanted
        )

    def list(self) -> tuple[StoredCustomer, ...]:
        """All customers, by id."""
        with self._database.reading() as connection:
            return tuple(customer_rows.load(connection).values())

    def get(self, customer: str) -> StoredCustomer:
        """One customer; raises UnknownCustomer."""
        with self._database.reading() as connection:
            return _one(connection, customer)

    def holders(self) -> dict[str, str]:
        """Which customer holds a domain, of all that are held."""
        with self._database.reading() as connection:
            rows = connection.execute(select(domains.c.domain, domains.c.customer))
            return {row.domain: row.customer for row in rows}

    def suspend(self, customer: str, reason: str, now: datetime) -> bool:
        """Suspend; False, and nothing changes, when it is suspended already. Raises CustomerError."""
        return self._stand(customer, Standing(status="suspended", reason=checked_reason(reason), since=now))

    def resume(self, customer: str, reason: str, now: datetime) -> bool:
        """Lift a suspension; False, and nothing changes, when there is none. Raises CustomerError."""
        return self._stand(customer, Standing(status="active", reason=checked_reason(reason), since=now))

    def _stand(self, customer: str, standing: Standing) -> bool:
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            if customer not in customer_rows.existing(connection, [customer]):
                raise UnknownCustomer(customer)
            if (customer in _suspended(connection)) == (standing.status == "suspended"):
                return False
            values = {
                "status": standing.status,
                "reason": standing.reason,
                "since": standing.since,
                "change": self._database.next_change(connection),
            }
            connection.execute(update(customers).where(customers.c.id == customer).values(values))
            return True

    def changed_since(self, change: int) -> tuple[int, tuple[StoredCustomer, ...]]:
        """The registry's last change number, and the customers written after `change`; from 0, all of them.

        What a node polls: one look-up by primary key when nothing changed. A customer may come twice, never not at
        all. When the registry's number is below `change`, it was restored from an older copy, and all customers
        come.
        """
        with self._database.reading() as connection:
            # The number is read first: what is committed between the two reads comes now and again next time.
            last = self._database.last_change(connection)
            if last == change:
                return last, ()
            newer = customers.c.change > (change if last > change else 0)
            ids = connection.execute(select(customers.c.id).where(newer)).scalars().all()
            found = customer_rows.load(connection, ids, skip_unreadable=True)
        unreadable = sorted(set(ids) - set(found))
        if unreadable:
            # Written by another version: what a node knew of them stays in force, and the others' changes act.
            log.error("customers that this version cannot read: %s", ", ".join(unreadable[:10]))
        return last, tuple(found.values())


def checked_reason(reason: str) -> str:
    """The reason on one line; raises CustomerError for one that is empty, too long or not printable."""
    text = " ".join(reason.split())
    if not text:
        raise CustomerError("a reason is required: it is what the record and the customer's administrator will see")
    if len(text) > REASON_LENGTH or not text.isprintable():
        raise CustomerError(f"the reason must be printable text of at most {REASON_LENGTH} characters")
    return text


def _password_hashes(stored: Iterable[StoredCustomer], switched: Iterable[Switched]) -> Mapping[str, tuple[str, ...]]:
    """By username, lower-cased, the stored hash; where a command changed the password, the file's and the new one.

    A username may have moved here from a customer of whom such a change is still known: then all of them.
    """
    known: dict[str, tuple[str, ...]] = {}
    for one in switched:
        for username, rotation in one.rotations.items():
            known[username] = (*known.get(username, ()), rotation.written, rotation.password_hash)
    for customer in stored:
        for credential in customer.customer.credentials:
            if credential.username and credential.password_hash:
                username = credential.username.lower()
                known[username] = (*known.get(username, ()), credential.password_hash)
    return {username: tuple(dict.fromkeys(hashes)) for username, hashes in known.items()}


def _adopted(before: StoredCustomer | None, new: Customer) -> tuple[str, ...]:
    made = {name.lower() for name in before.made} if before else set()
    return tuple(each.name for each in new.credentials if each.username and each.username.lower() in made)


def _suspended(connection: Connection) -> set[str]:
    return set(connection.execute(select(customers.c.id).where(customers.c.status == "suspended")).scalars())


def _one(connection: Connection, customer: str) -> StoredCustomer:
    found = customer_rows.load(connection, [customer]).get(customer)
    if found is None:
        raise UnknownCustomer(customer)
    return found
