"""Customers as rows: reading and writing them inside a transaction that `consent.customers` holds."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, delete, insert, select, update

from config.customers import Credential, Customer, Standing
from config.files import ConfigError, build
from consent.database import RegistryError
from consent.schema import certificates, credentials, customers, domains, networks

BATCH = 500
"""Ids in one query: far below what either database takes as parameters."""

Model = TypeVar("Model", Customer, Credential)


class Unreadable(RegistryError):
    """A stored customer that this version's models refuse; the text names the customer and the key."""


@dataclass(frozen=True, slots=True)
class StoredCustomer:
    """A customer as the registry has it."""

    customer: Customer
    """Its credentials have `password_hash` in place of `password`."""
    standing: Standing
    change: int
    """Number of the change that last wrote it."""
    applied: datetime
    """When what the file says of it last changed."""


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
    for batch in [None] if ids is None else batches(ids):
        query = select(customers)
        inner = select(credentials).order_by(credentials.c.customer, credentials.c.position)
        if batch is not None:
            query = query.where(customers.c.id.in_(batch))
            inner = inner.where(credentials.c.customer.in_(batch))
        rows += connection.execute(query)
        for row in connection.execute(inner):
            held.setdefault(row.customer, []).append(row)
    found: dict[str, StoredCustomer] = {}
    for row in sorted(rows, key=lambda row: str(row.id)):
        try:
            found[row.id] = _stored(row, held.get(row.id, ()))
        except Unreadable:
            if not skip_unreadable:
                raise
    return found


def _stored(row: Any, held: Iterable[Any]) -> StoredCustomer:
    inner = []
    for each in held:
        hidden = {"password_hash": each.password_hash} if each.password_hash else {}
        inner.append(_read(Credential, row.id, json.loads(each.document) | hidden))
    customer = _read(Customer, row.id, json.loads(row.document) | {"id": row.id, "credentials": tuple(inner)})
    standing = Standing(status=row.status, reason=row.reason, since=row.since)
    return StoredCustomer(customer, standing, row.change, row.applied)


def _read(model: type[Model], customer: str, values: Mapping[str, Any]) -> Model:
    try:
        return build(model, values, f"registry: customer {customer!r}")
    except ConfigError as error:
        raise Unreadable(f"{error}\nthis version of Postern does not take what is stored: apply the customer") from None


def clear(connection: Connection, ids: Sequence[str]) -> None:
    """Take away what these customers hold, so that another of the same transaction can have it."""
    for batch in batches(ids):
        for table in (networks, certificates, credentials, domains):
            connection.execute(delete(table).where(table.c.customer.in_(batch)))


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
    _insert(connection, domains, [{"domain": domain, "customer": customer.id} for domain in customer.domains])
    _insert(
        connection,
        credentials,
        [
            {
                "customer": customer.id,
                "name": credential.name,
                "position": position,
                "username_key": credential.username.lower() if credential.username else None,
                "password_hash": credential.password_hash,
                "document": _text(credential, {"password_hash"}),
            }
            for position, credential in enumerate(customer.credentials)
        ],
    )
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


def _text(model: Customer | Credential, exclude: set[str]) -> str:
    return model.model_dump_json(exclude=exclude, exclude_defaults=True)


def _insert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), list(rows))
