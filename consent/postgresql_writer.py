"""The writer on PostgreSQL; see `consent.writer`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from consent.chain import EMPTY, Head
from consent.database import Database
from consent.records import Batch
from consent.writer import COLUMNS_OF_EVENTS, COLUMNS_OF_STANDINGS, EventRow, Rows, StandingRow

_LOCK = 0x706F7374636F6E
"""The advisory lock of those who record events: `postcon`. Unlike a lock of a row it is handed on in order of asking,
so an import that begins anew is behind everybody who was waiting."""
_BULK_SECONDS = 120
_COPY = 100
"""Rows from which COPY is quicker than single statements."""
_TYPES_OF_EVENTS = ["int8", "varchar", "bytea", "int8", "bytea", "bytea"]
_TYPES_OF_STANDINGS = ["varchar", "bytea", "bytea", "int8", "text"]


class PostgresqlRows:
    """The tables inside one transaction."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def head(self) -> Head:
        """Where the chain ends."""
        query = "SELECT number, first + count - 1, hash FROM batches ORDER BY number DESC LIMIT 1"
        row = self._cursor.execute(query).fetchone()
        return Head(*row) if row else EMPTY

    def standings(self, customer: str, keys: Sequence[bytes]) -> dict[bytes, tuple[bytes, int, str]]:
        """Key -> (salt, last, standing)."""
        query = "SELECT key, salt, last, standing FROM standings WHERE customer = %s AND key = ANY(%b)"
        rows = self._cursor.execute(query, (customer, list(keys)), binary=True)
        return {key: (salt, last, standing) for key, salt, last, standing in rows}

    def add_standings(self, rows: Sequence[StandingRow]) -> None:
        """New rows."""
        self._add("standings", COLUMNS_OF_STANDINGS, _TYPES_OF_STANDINGS, rows)

    def change_standings(self, rows: Sequence[StandingRow]) -> None:
        """Rows in place of others."""
        if not rows:
            return
        customers, keys, salts, lasts, standings = (list(column) for column in zip(*rows, strict=True))
        self._cursor.execute(
            "UPDATE standings SET salt = new.salt, last = new.last, standing = new.standing FROM "
            "unnest(%b::text[], %b::bytea[], %b::bytea[], %b::int8[], %b::text[]) "
            "AS new (customer, key, salt, last, standing) "
            "WHERE standings.customer = new.customer AND standings.key = new.key",
            (customers, keys, salts, lasts, standings),
        )

    def add_events(self, rows: Sequence[EventRow]) -> None:
        """New events."""
        self._add("events", COLUMNS_OF_EVENTS, _TYPES_OF_EVENTS, rows)

    def _add(self, table: str, columns: str, types: list[str], rows: Sequence[tuple[Any, ...]]) -> None:
        if len(rows) < _COPY:
            marks = ", ".join(["%s"] * len(types))
            self._cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608
            return
        with self._cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def add_batch(self, batch: Batch, digest: bytes) -> None:
        """The batch they are."""
        self._cursor.execute(
            "INSERT INTO batches (number, first, count, customer, import_id, recorded, hash) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (batch.number, batch.first, batch.count, batch.customer, batch.import_id, batch.recorded, digest),
        )

    def erase(self, last: int) -> None:
        """Set `sealed` to null along the chain of one subject."""
        self._cursor.execute(
            "WITH RECURSIVE chain (number) AS (SELECT %s::int8 UNION ALL SELECT previous FROM events JOIN chain "
            "ON events.number = chain.number WHERE previous IS NOT NULL) "
            "UPDATE events SET sealed = NULL WHERE number IN (SELECT number FROM chain)",
            (last,),
        )

    def progress(self, import_id: str, phase: str, done: int, counts: str, errors: str) -> bool:
        """Write an import's row."""
        statement = "UPDATE imports SET phase = %s, done = %s, counts = %s, errors = %s WHERE id = %s"
        return bool(self._cursor.execute(statement, (phase, done, counts, errors, import_id)).rowcount == 1)


class PostgresqlWriter:
    """A connection of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: psycopg.Connection[Any] | None = None

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextmanager
    def transaction(self, *, bulk: bool) -> Iterator[Rows]:
        """A transaction that records alone."""
        with self._database.plainly():
            connection = self._begun()
            try:
                cursor = connection.cursor()
                if bulk:
                    for name in ("statement_timeout", "lock_timeout"):
                        cursor.execute(f"SET LOCAL {name} = '{_BULK_SECONDS}s'")
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                # The planner would read all of a table of a few pages, and of many keys in any.
                cursor.execute("SET LOCAL enable_seqscan = off")
                yield PostgresqlRows(cursor)
                connection.execute("COMMIT")
            except BaseException:
                self._undo()
                raise

    def _begun(self) -> psycopg.Connection[Any]:
        """The connection, in a transaction; a new one when the server has closed the old one since."""
        fresh = self._connection is None
        for _ in range(2):
            if self._connection is None:
                self._connection, fresh = self._database.raw(), True
            try:
                self._connection.execute("BEGIN")
                return self._connection
            except psycopg.Error:
                self.close()
                if fresh:
                    raise
        raise AssertionError("unreachable")

    def _undo(self) -> None:
        if self._connection is None:
            return
        try:
            self._connection.execute("ROLLBACK")
        except psycopg.Error:
            self.close()
