"""Customers as rows: reading and writing them inside a transaction that `consent.customers` holds."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from config.customers import Credential, Customer, Standing
from config.files import ConfigError, build
from config.switch import Exemption, Lock, Overlap
from consent import switch_rows
from consent.database import RegistryError
from consent.schema import certificates, credentials, customers, domains, networks
from consent.switch_rows import NOTHING, Switched

BATCH = 500
"""Ids in one query: far below what either database takes as parameters."""

Model = TypeVar("Model", Customer, Credential)


class Unreadable(RegistryError):
    """A stored customer that this version's models refuse; the text names the customer and the key."""


@dataclass(frozen=True, slots=True)
class StoredCustomer:
    """A customer as the registry has it."""

    customer: Customer
    """As it is in force. Its credentials have `password_hash` in place of `password`."""
    standing: Standing
    change: int
    """Number of the change that last wrote it."""
    applied: datetime
    """When what the file says of it last changed."""
    added: tuple[str, ...] = ()
    """Those of its domains that the file does not name: a command added them."""
    made: Mapping[str, datetime] = field(default_factory=dict)
    """Credentials that a command made, by name -> when."""
    replaced: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Credentials whose password a command changed, by name -> hash of the one in the file."""
    overlaps: Mapping[str, Overlap] = field(default_factory=dict)
    """The passwords before those changes, by name of the credential."""
    locks: Mapping[str, Lock] = field(default_factory=dict)
    """By name of the credential."""
    idle: Mapping[str, Lock] = field(default_factory=dict)
    """Locks of names that no credential has now: they are in force again when one has."""
    exemptions: tuple[Exemption, ...] = ()
    """In force, or over."""

    @property
    def written(self) -> Customer:
        """The customer as the file has it."""
        if not (self.added or self.made or self.replaced):
            return self.customer
        domains = tuple(domain for domain in self.customer.domains if domain not in self.added)
        credentials = tuple(
            each.model_copy(update={"password_hash": self.replaced.get(each.name, each.password_hash)})
            for each in self.customer.credentials
            if each.name not in self.made
        )
        return self.customer.model_copy(update={"domains": domains, "credentials": credentials})


def batches(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    """The ids in portions fit for one query."""
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def existing(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Those of the ids that customers have."""
    return {
        found
        for batch in batches(ids)
        for found in connection.execute(select(customers.c.id).where(customers.c.id.in_(batch))).scalars()
    }


def load(
    connection: Connection, ids: Sequence[str] | None = None, *, skip_unreadable: bool = False
) -> dict[str, StoredCustomer]:
    """The customers of these ids, or all, by id and in its order; raises Unreadable unless told to leave such out."""
    rows: list[Any] = []
    held: dict[str, list[Any]] = {}
    added: dict[str, list[str]] = {}
    portions: list[Sequence[str] | None] = [None] if ids is None else list(batches(ids))
    switched = switch_rows.load(connection, portions)
    for batch in portions:
        query = select(customers)
        inner = select(credentials).order_by(
            credentials.c.customer, credentials.c.position, credentials.c.since, credentials.c.name
        )
        by_command = select(domains).where(domains.c.source != "file").order_by(domains.c.since, domains.c.domain)
        if batch is not None:
            by_command = by_command.where(domains.c.customer.in_(batch))
            query = query.where(customers.c.id.in_(batch))
            inner = inner.where(credentials.c.customer.in_(batch))
        rows += connection.execute(query)
        for row in connection.execute(inner):
            held.setdefault(row.customer, []).append(row)
        for row in connection.execute(by_command):
            added.setdefault(row.customer, []).append(row.domain)
    found: dict[str, StoredCustomer] = {}
    for row in sorted(rows, key=lambda row: str(row.id)):
        try:
            found[row.id] = _stored(row, held.get(row.id, ()), added.get(row.id, ()), switched.get(row.id, NOTHING))
        except Unreadable:
            if not skip_unreadable:
                raise
    return found


def written_domains(connection: Connection, customer: str) -> Sequence[str]:
    """The domains that the customer's file names."""
    document = connection.execute(select(customers.c.document).where(customers.c.id == customer)).scalar_one()
    named: Sequence[str] = json.loads(document)["domains"]
    return named


def _stored(row: Any, held: Sequence[Any], by_command: Iterable[str], switched: Switched) -> StoredCustomer:
    inner = []
    made = {each.name: each.since for each in held if each.source != "file"}
    replaced, overlaps, locks = {}, {}, {}
    # What a command made comes behind what the file names.
    for each in sorted(held, key=lambda each: each.source != "file"):
        hidden = {"password_hash": each.password_hash} if each.password_hash else {}
        credential = _read(Credential, row.id, json.loads(each.document) | hidden)
        rotation, lock = switched.rotation_of(credential), switched.lock_of(credential)
        if rotation is not None:
            replaced[credential.name] = each.password_hash
            overlaps[credential.name] = rotation.overlap
            credential = credential.model_copy(update={"password_hash": rotation.password_hash})
        if lock is not None:
            locks[credential.name] = lock
        inner.append(credential)
    document = json.loads(row.document)
    named = document.get("domains", ())
    added = tuple(domain for domain in by_command if domain not in named)
    values = document | {"id": row.id, "credentials": tuple(inner), "domains": (*named, *added)}
    customer = _read(Customer, row.id, values)
    standing = _standing(row.status, row.reason, row.since)
    names = {name for each in inner for name in each.names}
    return StoredCustomer(
        customer,
        standing,
        row.change,
        row.applied,
        added,
        made,
        replaced,
        overlaps,
        locks,
        {name: lock for name, lock in switched.locks.items() if name not in names},
        switched.exemptions,
    )


@lru_cache(maxsize=100)
def _standing(status: Literal["active", "suspended"], reason: str, since: datetime | None) -> Standing:
    """One value for all whom it is alike: most customers were never suspended."""
    return Standing(status=status, reason=reason, since=since)


def _read(model: type[Model], customer: str, values: Mapping[str, Any]) -> Model:
    try:
        return build(model, values, f"registry: customer {customer!r}")
    except ConfigError as error:
        raise Unreadable(f"{error}\nthis version of Postern does not take what is stored: apply the customer") from None


def clear(connection: Connection, ids: Sequence[str]) -> None:
    """Take away what these customers hold by their file, so that another of the same transaction can have it."""
    for batch in batches(ids):
        for table in (networks, certificates):
            connection.execute(delete(table).where(table.c.customer.in_(batch)))
        for table in (credentials, domains):
            connection.execute(delete(table).where(table.c.customer.in_(batch), table.c.source == "file"))


def write(connection: Connection, customer: Customer, exists: bool, change: int, now: datetime) -> None:
    """Write one customer; what it held was cleared. Its standing is not touched."""
    values = {
        # What the file does not say is not stored: it follows this program's defaults.
        "document": _text(customer, {"id", "credentials"}),
        "applied": now,
        "change": change,
    }
    if exists:
        connection.execute(update(customers).where(customers.c.id == customer.id).values(values))
    else:
        connection.execute(insert(customers).values(id=customer.id, status="active", reason="", **values))
    kept = set(connection.execute(select(domains.c.domain).where(domains.c.customer == customer.id)).scalars())
    taken = [{"domain": domain, "customer": customer.id} for domain in customer.domains if domain not in kept]
    _insert(connection, domains, taken)
    # A username that a command made, and that the file names now, is the file's.
    named = [each.username.lower() for each in customer.credentials if each.username]
    mine = credentials.c.customer == customer.id
    for batch in batches(named):
        connection.execute(delete(credentials).where(mine, credentials.c.username_key.in_(batch)))
    rows = [_credential_row(customer.id, each, at) for at, each in enumerate(customer.credentials)]
    _insert(connection, credentials, rows)
    _insert(
        connection,
        networks,
        [
            {"network": network, "customer": customer.id, "credential": credential.name}
            for credential in customer.credentials
            for network in credential.networks
        ],
    )
    _insert(
        connection,
        certificates,
        [
            {"fingerprint": certificate, "customer": customer.id, "credential": credential.name}
            for credential in customer.credentials
            for certificate in credential.certificates
        ],
    )


def touch(connection: Connection, ids: Sequence[str], change: int) -> None:
    """Let nodes notice these customers: what stands beside their file was written in the transaction `change`."""
    for batch in batches(ids):
        connection.execute(update(customers).where(customers.c.id.in_(batch)).values(change=change))


def add_credential(connection: Connection, customer: str, credential: Credential, now: datetime) -> None:
    """Write a credential that a command made, behind those there are; its username is free."""
    query = select(func.count()).select_from(credentials).where(credentials.c.customer == customer)
    row = _credential_row(customer, credential, connection.execute(query).scalar_one())
    connection.execute(insert(credentials).values(row | {"source": "command", "since": now}))


def _credential_row(customer: str, credential: Credential, position: int) -> dict[str, Any]:
    return {
        "customer": customer,
        "name": credential.name,
        "position": position,
        "username_key": credential.username.lower() if credential.username else None,
        "password_hash": credential.password_hash,
        "document": _text(credential, {"password_hash"}),
    }


def _text(model: Customer | Credential, exclude: set[str]) -> str:
    return model.model_dump_json(exclude=exclude, exclude_defaults=True)


def _insert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), list(rows))
