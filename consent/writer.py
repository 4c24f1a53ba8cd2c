"""Writer: what a transaction that records events does to the tables, by the million rows.

Written for each driver (`consent.sqlite_writer`, `consent.postgresql_writer`): at these numbers SQLAlchemy costs more
than the database. Whoever is in a transaction is alone in it, so that events are numbered without gaps, batches form
one chain, and a standing that was not there stays so.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from consent.chain import Head
from consent.records import Batch

StandingRow = tuple[str, bytes, bytes, int, str]
"""customer, key, salt, last, standing."""
EventRow = tuple[int, str, bytes, int | None, bytes, bytes | None]
"""number, customer, key, previous, body, sealed."""

COLUMNS_OF_EVENTS = "number, customer, key, previous, body, sealed"
COLUMNS_OF_STANDINGS = "customer, key, salt, last, standing"


class Rows(Protocol):
    """The tables inside one transaction. Errors are the driver's."""

    def head(self) -> Head:
        """Where the chain ends."""

    def standings(self, customer: str, keys: Sequence[bytes]) -> dict[bytes, tuple[bytes, int, str]]:
        """Key -> (salt, last, standing) of those that are there. `keys` are sorted and distinct."""

    def add_standings(self, rows: Sequence[StandingRow]) -> None:
        """Rows, sorted, of subjects that have none."""

    def change_standings(self, rows: Sequence[StandingRow]) -> None:
        """Rows in place of those their subjects have."""

    def add_events(self, rows: Sequence[EventRow]) -> None:
        """Events, in the order of their numbers."""

    def add_batch(self, batch: Batch, digest: bytes) -> None:
        """The batch they are."""

    def erase(self, last: int) -> None:
        """Set `sealed` to null in the event of this number and in all of the same subject before it."""

    def progress(self, import_id: str, phase: str, done: int, counts: str, errors: str) -> bool:
        """Write an import's row; whether there is one."""


class Writer(Protocol):
    """One connection for transactions that record events, used by one thread at a time."""

    def transaction(self, *, bulk: bool) -> AbstractContextManager[Rows]:
        """A transaction, durable when the block ends without an exception and gone when it raises.

        `bulk` is for a transaction of thousands of rows, which may take seconds. Raises RegistryError.
        """

    def close(self) -> None:
        """Close the connection. The writer can still be used: it connects again."""
