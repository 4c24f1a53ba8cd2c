"""The writer on SQLite; see `consent.writer`."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from consent.chain import EMPTY, Head
from consent.database import BUSY_SECONDS, Database
from consent.records import Batch
from consent.writer import EventRow, Rows, StandingRow

_GROUP = 500
"""Keys of one query."""
_BULK_CACHE = 128 * 1024
"""KiB of pages an importing connection keeps: the upper levels of the tree of ten million standings."""
_BULK_CHECKPOINT = 32 * 1024
"""Pages in the WAL after which an importing connection moves them into the file: several batches at once."""
_LOOK_SECONDS = 0.001


class SqliteRows:
    """The tables inside one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def head(self) -> Head:
        """Where the chain ends."""
        query = "SELECT number, first + count - 1, hash FROM batches ORDER BY number DESC LIMIT 1"
        row = self._connection.execute(query).fetchone()
        return Head(*row) if row else EMPTY

    def standings(self, customer: str, keys: Sequence[bytes]) -> dict[bytes, tuple[bytes, int, str]]:
        """Key -> (salt, last, standing)."""
        found: dict[bytes, tuple[bytes, int, str]] = {}
        for start in range(0, len(keys), _GROUP):
            group = keys[start : start + _GROUP]
            marks = ",".join("?" * len(group))
            query = f"SELECT key, salt, last, standing FROM standings WHERE customer = ? AND key IN ({marks})"  # noqa: S608
            for key, salt, last, standing in self._connection.execute(query, (customer, *group)):
                found[key] = (salt, last, standing)
        return found

    def add_standings(self, rows: Sequence[StandingRow]) -> None:
        """New rows."""
        self._connection.executemany(
            "INSERT INTO standings (customer, key, salt, last, standing) VALUES (?,?,?,?,?)", rows
        )

    def change_standings(self, rows: Sequence[StandingRow]) -> None:
        """Rows in place of others."""
        self._connection.executemany(
            "UPDATE standings SET salt = ?3, last = ?4, standing = ?5 WHERE customer = ?1 AND key = ?2", rows
        )

    def add_events(self, rows: Sequence[EventRow]) -> None:
        """New events."""
        self._connection.executemany(
            "INSERT INTO events (number, customer, key, previous, body, sealed) VALUES (?,?,?,?,?,?)", rows
        )

    def add_batch(self, batch: Batch, digest: bytes) -> None:
        """The batch they are."""
        self._connection.execute(
            "INSERT INTO batches (number, first, count, customer, import_id, recorded, hash) VALUES (?,?,?,?,?,?,?)",
            (batch.number, batch.first, batch.count, batch.customer, batch.import_id, batch.recorded, digest),
        )

    def erase(self, last: int) -> None:
        """Set `sealed` to null along the chain of one subject."""
        self._connection.execute(
            "WITH RECURSIVE chain (number) AS (SELECT ? UNION ALL SELECT previous FROM events JOIN chain "
            "ON events.number = chain.number WHERE previous IS NOT NULL) "
            "UPDATE events SET sealed = NULL WHERE number IN (SELECT number FROM chain)",
            (last,),
        )

    def progress(self, import_id: str, phase: str, done: int, counts: str, errors: str) -> bool:
        """Write an import's row."""
        statement = "UPDATE imports SET phase = ?, done = ?, counts = ?, errors = ? WHERE id = ?"
        return self._connection.execute(statement, (phase, done, counts, errors, import_id)).rowcount == 1


class SqliteWriter:
    """A connection of its own, so that an import's cache and checkpoints are nobody else's."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: sqlite3.Connection | None = None
        self._bulk = False

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextmanager
    def transaction(self, *, bulk: bool) -> Iterator[Rows]:
        """A transaction that is the only writer from its start."""
        with self._database.plainly():
            connection = self._connected(bulk)
            with self._database.next_turn():
                _begin(connection)
            try:
                yield SqliteRows(connection)
                connection.execute("COMMIT")
            except BaseException:
                self._undo(connection)
                raise

    def _connected(self, bulk: bool) -> sqlite3.Connection:
        connection = self._connection
        if connection is None:
            connection = self._database.raw()
            # Waiting is done by `_begin`, which looks more often.
            connection.execute("PRAGMA busy_timeout = 0")
            # What is overwritten, a destroyed salt for one, does not stay in the file's free space.
            connection.execute("PRAGMA secure_delete = FAST")
            self._connection, self._bulk = connection, False
        if bulk and not self._bulk:
            connection.execute(f"PRAGMA cache_size = -{_BULK_CACHE}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_BULK_CHECKPOINT}")
            self._bulk = True
        return connection

    def _undo(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self.close()


def _begin(connection: sqlite3.Connection) -> None:
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_SECONDS)
