"""What the operator decided beside customers' files, as rows: read for `consent.customer_rows`, by customer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, select, update

from config.customers import Credential, Customer
from config.switch import Exemption, Lock, Overlap
from consent.schema import exemptions, locks, rotations


@dataclass(frozen=True, slots=True)
class Rotation:
    """A password that a command changed. It holds for as long as the file says what it said then."""

    written: str = field(repr=False)
    """Hash of the file's password that it stands in place of."""
    password_hash: str = field(repr=False)
    overlap: Overlap


@dataclass(slots=True)
class Switched:
    """All of one customer."""

    locks: dict[str, Lock] = field(default_factory=dict)
    """By one of the credential's names."""
    rotations: dict[str, Rotation] = field(default_factory=dict)
    """By username, in lower case."""
    exemptions: tuple[Exemption, ...] = ()

    def lock_of(self, credential: Credential) -> Lock | None:
        """The lock of a credential."""
        found = [self.locks[name] for name in credential.names if name in self.locks]
        return min(found, key=lambda lock: lock.since, default=None)

    def rotation_of(self, credential: Credential) -> Rotation | None:
        """The change of a credential's password."""
        return self.rotations.get(credential.username.lower()) if credential.username else None


NOTHING = Switched()
"""Of a customer about whom nothing was decided; it is not written to."""


def load(connection: Connection, batches: Iterable[Sequence[str] | None]) -> Mapping[str, Switched]:
    """Those of the customers in these portions of ids (None: of all) about whom something was decided."""
    found: dict[str, Switched] = {}
    for batch in batches:
        for row in _rows(connection, locks, batch):
            found.setdefault(row.customer, Switched()).locks[row.name] = Lock(row.reason, row.source, row.since)
        for row in _rows(connection, rotations, batch):
            found.setdefault(row.customer, Switched()).rotations[row.username_key] = Rotation(
                row.written, row.password_hash, Overlap(row.old_hash, row.until)
            )
        for row in _rows(connection, exemptions, batch):
            mine = found.setdefault(row.customer, Switched())
            mine.exemptions += (Exemption(row.id, row.customer, row.rule, row.until, row.reason, row.since),)
    return found


def end_rotations(connection: Connection, customer: Customer, switched: Switched) -> tuple[str, ...]:
    """The customer's file was written, with hashes: the credentials for which it has another password than it had when
    a command changed it, and whose password is therefore the file's again.

    A file that has the new password now stands in no way of the old one's last days.
    """
    ended = []
    for credential in customer.credentials:
        rotation = switched.rotation_of(credential)
        if rotation is None or credential.password_hash == rotation.written:
            continue
        username = (credential.username or "").lower()
        mine = (rotations.c.customer == customer.id) & (rotations.c.username_key == username)
        if credential.password_hash == rotation.password_hash:
            connection.execute(update(rotations).where(mine).values(written=rotation.password_hash))
        else:
            connection.execute(delete(rotations).where(mine))
            ended.append(credential.name)
    return tuple(ended)


def _rows(connection: Connection, table: Table, batch: Sequence[str] | None) -> Sequence[Row[Any]]:
    query = select(table).order_by(*table.primary_key.columns)
    if batch is not None:
        query = query.where(table.c.customer.in_(batch))
    return connection.execute(query).all()
