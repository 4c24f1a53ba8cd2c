"""Look-up: the standings of all recipients of a transaction, in one round trip.

This is what every recipient of every bulk message costs, so it is written for each driver: SQLAlchemy's share would be
four times that of the database (28 microseconds against 6). Connections are kept and handed out one per caller.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

from consent.database import Database, RegistryDown
from consent.model import ALL

KEPT = 16
"""Connections kept open, in all; more callers at once than that open theirs and close it again."""
_CACHE = 16 * 1024
"""KiB of pages each connection keeps on SQLite: the upper levels of the tree."""
_FEW = 4
"""Keys up to which a query names each (customer, key) by itself, which SQLite answers soonest."""
_MOST = 10_000
"""Keys of one query."""

Found = dict[tuple[str, bytes], str]
"""(customer, key) -> standing, of those on record."""


class Lookup:
    """Finds standings by key. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._idle: deque[Any] = deque()
        self._queries: dict[int, str] = {}
        self._errors = database.driver_errors
        self._is_sqlite = database.is_sqlite

    def close(self) -> None:
        """Close the connections that nobody is using."""
        while self._idle:
            self._idle.pop().close()

    def find(self, customer: str, keys: Sequence[bytes]) -> Found:
        """The standings of these keys at the customer and, as customer ALL, at the operator. Raises RegistryError."""
        if len(keys) > _MOST:
            found: Found = {}
            for start in range(0, len(keys), _MOST):
                found.update(self.find(customer, keys[start : start + _MOST]))
            return found
        try:
            connection = self._idle.pop()
        except IndexError:
            return self._first(customer, keys)
        try:
            found = self._ask(connection, customer, keys)
        except self._errors as error:
            connection.close()
            if not isinstance(self._database.plain(error), RegistryDown):
                raise self._database.plain(error) from None
            # A server that was restarted has closed it, and those that are idle.
            self.close()
            return self._first(customer, keys)
        except BaseException:
            connection.close()
            raise
        self._keep(connection)
        return found

    def _first(self, customer: str, keys: Sequence[bytes]) -> Found:
        """With a new connection."""
        connection = self._connect()
        try:
            with self._database.plainly():
                found = self._ask(connection, customer, keys)
        except BaseException:
            connection.close()
            raise
        self._keep(connection)
        return found

    def _keep(self, connection: Any) -> None:
        if len(self._idle) < KEPT:
            self._idle.append(connection)
        else:
            connection.close()

    def _connect(self) -> Any:
        connection = self._database.raw()
        with self._database.plainly():
            if self._is_sqlite:
                connection.execute(f"PRAGMA cache_size = -{_CACHE}")
                return connection
            connection.prepare_threshold = 0
            # For a few hundred keys the planner would read a table of millions whole; and it need not plan each time.
            connection.execute("SET enable_seqscan = off")
            connection.execute("SET plan_cache_mode = force_generic_plan")
        return connection

    def _ask(self, connection: Any, customer: str, keys: Sequence[bytes]) -> Found:
        if not self._is_sqlite:
            query = "SELECT customer, key, standing FROM standings WHERE customer IN (%b, '*') AND key = ANY(%b)"
            rows = connection.execute(query, (customer, list(keys)), binary=True)
            return {(row[0], row[1]): row[2] for row in rows}
        if len(keys) <= _FEW:
            row = connection.execute(self._query(len(keys)), (customer, ALL, *keys)).fetchone()
            found: Found = {}
            at = 0
            for key in keys:
                if row[at] is not None:
                    found[customer, key] = row[at]
                if row[at + 1] is not None:
                    found[ALL, key] = row[at + 1]
                at += 2
            return found
        # One text for many lengths, so that it is prepared once.
        size = 1 << (len(keys) - 1).bit_length()
        padded = [*keys, *[keys[0]] * (size - len(keys))]
        rows = connection.execute(self._query(size), (customer, ALL, *padded))
        return {(row[0], row[1]): row[2] for row in rows}

    def _query(self, keys: int) -> str:
        query = self._queries.get(keys)
        if query is None:
            query = self._queries[keys] = _few(keys) if keys <= _FEW else _many(keys)
        return query


def _few(keys: int) -> str:
    one = "(SELECT standing FROM standings WHERE customer = ?{} AND key = ?{})"
    return "SELECT " + ", ".join(one.format(whose, 3 + key) for key in range(keys) for whose in (1, 2))


def _many(keys: int) -> str:
    marks = ", ".join("?" * keys)
    return f"SELECT customer, key, standing FROM standings WHERE customer IN (?, ?) AND key IN ({marks})"  # noqa: S608
