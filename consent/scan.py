"""Scan: the consent tables read from end to end, in pieces, each piece one consistent picture.

Pieces are short: a read that lasts holds up the clearing of SQLite's WAL and PostgreSQL's dead rows.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from consent.database import Database
from consent.records import Batch

_GROUP = 500
_MET = 10_000
"""Batches a scan remembers."""


class StoredStanding(NamedTuple):
    """A row of `standings`."""

    customer: str
    key: bytes
    salt: bytes
    last: int
    standing: str


class StoredEvent(NamedTuple):
    """A row of `events`."""

    number: int
    customer: str
    key: bytes
    previous: int | None
    body: bytes
    sealed: bytes | None


_STANDINGS = f"SELECT {', '.join(StoredStanding._fields)} FROM standings"  # noqa: S608
_EVENTS = f"SELECT {', '.join(StoredEvent._fields)} FROM events"  # noqa: S608
_BATCHES = "SELECT number, hash, first, count, customer, recorded, import_id FROM batches"


class Scan:
    """Reads one piece. Made by `scanning`."""

    def __init__(self, connection: Any, *, is_sqlite: bool) -> None:
        self._connection, self._is_sqlite = connection, is_sqlite
        self._firsts: list[int] = []
        self._met: list[tuple[Any, ...]] = []

    @contextmanager
    def piece(self) -> Iterator[None]:
        """What is read in the block is of one moment."""
        self._connection.execute("BEGIN" if self._is_sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    def _rows(self, query: str, values: Sequence[object]) -> Iterator[tuple[Any, ...]]:
        if self._is_sqlite:
            yield from self._connection.execute(query, values)
        else:
            yield from self._connection.execute(query.replace("?", "%b"), values, binary=True)

    def one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        """The first row; the query's marks are "?"."""
        return next(iter(list(self._rows(query, values))), None)

    def standings(self, after: tuple[str, bytes], count: int, customer: str | None = None) -> list[StoredStanding]:
        """The next standings in order of (customer, key); of one customer only, when it is named."""
        if customer is None:
            query = f"{_STANDINGS} WHERE (customer, key) > (?, ?) ORDER BY customer, key LIMIT {count}"
            return [StoredStanding(*row) for row in self._rows(query, after)]
        query = f"{_STANDINGS} WHERE customer = ? AND key > ? ORDER BY key LIMIT {count}"
        return [StoredStanding(*row) for row in self._rows(query, (customer, after[1]))]

    def standings_of(self, customer: str, keys: Sequence[bytes]) -> list[StoredStanding]:
        """The standings of these few keys."""
        marks = ", ".join("?" * len(keys))
        query = f"{_STANDINGS} WHERE customer = ? AND key IN ({marks})"
        return [StoredStanding(*row) for row in self._rows(query, (customer, *keys))]

    def events(self, numbers: Iterable[int]) -> dict[int, StoredEvent]:
        """Events by number."""
        wanted, found = sorted(numbers), dict[int, StoredEvent]()
        for start in range(0, len(wanted), _GROUP):
            group = wanted[start : start + _GROUP]
            marks = ", ".join("?" * len(group))
            for row in self._rows(f"{_EVENTS} WHERE number IN ({marks})", group):
                found[row[0]] = StoredEvent(*row)
        return found

    def events_from(self, first: int, last: int) -> Iterator[StoredEvent]:
        """Events from one number to another, in order."""
        for row in self._rows(f"{_EVENTS} WHERE number BETWEEN ? AND ? ORDER BY number", (first, last)):
            yield StoredEvent(*row)

    def batches(self, after: int, count: int) -> list[Batch]:
        """The next batches."""
        query = f"{_BATCHES} WHERE number > ? ORDER BY number LIMIT {count}"
        return [_batch(row) for row in self._rows(query, (after,))]

    def batch(self, number: int | None) -> Batch | None:
        """One batch; None: the last."""
        if number is None:
            row = self.one(f"{_BATCHES} ORDER BY number DESC LIMIT 1")
        else:
            row = self.one(f"{_BATCHES} WHERE number = ?", number)
        return None if row is None else _batch(row)

    def batches_of(self, numbers: Iterable[int]) -> dict[int, int]:
        """Event number -> number of its batch. Batches once met are kept: an import's hold thousands of events."""
        found: dict[int, int] = {}
        for number in numbers:
            at = bisect_right(self._firsts, number) - 1
            if at < 0 or number >= self._met[at][0]:
                query = "SELECT first, first + count, number FROM batches WHERE first <= ? ORDER BY first DESC LIMIT 1"
                row = self.one(query, number)
                if row is None or number >= row[1]:
                    found[number] = 0
                    continue
                if len(self._firsts) >= _MET:
                    self._firsts.clear()
                    self._met.clear()
                at = bisect_right(self._firsts, row[0])
                self._firsts.insert(at, row[0])
                self._met.insert(at, row[1:])
            found[number] = self._met[at][1]
        return found

    def chains(self, standings: Sequence[StoredStanding]) -> list[list[StoredEvent]]:
        """Per standing its events, the newest first, following `previous`. Ends where an event is missing, is of
        another subject, or names one that is not before it."""
        chains: list[list[StoredEvent]] = [[] for _ in standings]
        ends = {standing.last: at for at, standing in enumerate(standings)}
        while ends:
            found = self.events(ends)
            following: dict[int, int] = {}
            for number, at in ends.items():
                event = found.get(number)
                if event is None or (event.customer, event.key) != standings[at][:2]:
                    continue
                chains[at].append(event)
                if event.previous is not None and event.previous < number:
                    following[event.previous] = at
            ends = following
        return chains


def _batch(row: tuple[Any, ...]) -> Batch:
    return Batch(row[0], row[1].hex(), *row[2:])


@contextmanager
def scanning(database: Database) -> Iterator[Scan]:
    """A scan with a connection of its own; raises RegistryError."""
    connection = database.raw()
    try:
        with database.plainly():
            if not database.is_sqlite:
                # Nobody waits for it, and it holds no lock that others want.
                connection.execute("SET statement_timeout = 0")
            yield Scan(connection, is_sqlite=database.is_sqlite)
    finally:
        connection.close()
