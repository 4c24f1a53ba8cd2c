"""Subjects: the key of each person's address, so that the audit can be kept and a person still be erased (R-235).

`seal` is called by the audit's writer for every group of records, so it asks the registry once for a whole group and
never waits for a dead one: an address that cannot be sealed is recorded by its key alone.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, update
from sqlalchemy.exc import SQLAlchemyError

from consent.address import Address
from consent.database import Database, RegistryError
from consent.keys import Secrets, SubjectKey, Unsealable
from consent.schema import subjects

log = logging.getLogger("postern.subjects")

CACHED = 100_000
"""Subject keys held in memory; some 40 MB."""
RETRY_SECONDS = 5.0
"""After a failure of the registry, how long until it is tried again."""
_BUSY_SECONDS = 2
_GROUP = 500

_Keys = dict[str, SubjectKey | None]
"""Address key -> the subject's key; None for one that was destroyed."""


class SubjectStore:
    """Seals and opens addresses under their subjects' keys. Thread-safe.

    Its rows are written with SQLite's synchronous = NORMAL (PostgreSQL: synchronous_commit off), so a power failure
    may undo the last of them. What is lost is the key of a subject first seen in that moment: its address becomes
    unreadable in those few records and stays findable by its address key. No decision rests on it, and a commit that
    waits for the disk would double what each group of records costs. `destroy` is durable.
    """

    def __init__(
        self,
        database: Database,
        secrets: Secrets,
        *,
        cached: int = CACHED,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._secrets = database, secrets
        self._cached, self._monotonic = cached, monotonic
        self._cache: OrderedDict[str, SubjectKey | None] = OrderedDict()
        self._lock = threading.Lock()
        self._engine: Engine = database.relaxed(_BUSY_SECONDS)
        self._connection: Connection | None = None
        self._retry_at: float | None = None
        self._reconnecting: threading.Thread | None = None
        self._kill = database.insert(subjects).values(key=bindparam("subject"), wrapped=None).on_conflict_do_nothing()

    def close(self) -> None:
        """Close its connection. The store can still be used: it connects again."""
        with self._lock:
            self._drop()
        self._engine.dispose()

    # -- sealing

    def seal(self, addresses: Sequence[Address]) -> list[tuple[str, str | None]]:
        """(address key, sealed text) for each address, in order. Never raises for the registry's sake.

        The text is None for a subject that was erased, and while the registry does not answer.
        """
        keys = [self._secrets.address_key(address) for address in addresses]
        with self._lock:
            known = self._known(keys)
        sealed: list[tuple[str, str | None]] = []
        for key, address in zip(keys, addresses, strict=True):
            subject = known.get(key)
            sealed.append((key, subject.seal(address.text) if subject else None))
        return sealed

    def _known(self, keys: Sequence[str]) -> _Keys:
        known: _Keys = {}
        missing: list[str] = []
        for key in dict.fromkeys(keys):
            if key in self._cache:
                self._cache.move_to_end(key)
                known[key] = self._cache[key]
            else:
                missing.append(key)
        if missing and self._ready():
            try:
                for start in range(0, len(missing), _GROUP):
                    found = self._fetch_or_make(missing[start : start + _GROUP])
                    self._remember(found)
                    known.update(found)
            except (SQLAlchemyError, RegistryError) as error:
                self._failed(error)
        return known

    def _fetch_or_make(self, keys: Sequence[str]) -> _Keys:
        found = self._fetch(keys)
        fresh = [SubjectKey.new(key) for key in keys if key not in found]
        if not fresh:
            return found
        rows = [(new.address_key, self._secrets.wrap(new.address_key, new.secret)) for new in fresh]
        connection = self._connected()
        with self._database.plainly():
            made = self._add(connection, rows)
        # Another node may have made some of them in between: then its keys hold, not ours.
        if made < len(fresh):
            return self._fetch(keys)
        found.update((new.address_key, new) for new in fresh)
        return found

    def _fetch(self, keys: Sequence[str]) -> _Keys:
        connection = self._connected()
        with self._database.plainly():
            rows = self._find(connection, keys)
        return {row.key: self._unwrapped(row.key, row.wrapped) for row in rows}

    # Written for each driver: SQLAlchemy compiles a statement of many rows anew each time, which costs more than
    # all the rest of sealing.

    def _find(self, connection: Connection, keys: Sequence[str]) -> Sequence[Row[Any]]:
        if self._database.is_sqlite:
            marks = ",".join("?" * len(keys))
            query = f"SELECT key, wrapped FROM subjects WHERE key IN ({marks})"  # noqa: S608
            return connection.exec_driver_sql(query, tuple(keys)).all()
        query = "SELECT key, wrapped FROM subjects WHERE key = ANY(%(keys)s)"
        return connection.exec_driver_sql(query, {"keys": list(keys)}).all()

    def _add(self, connection: Connection, rows: Sequence[tuple[str, bytes]]) -> int:
        """Insert the rows whose key is not there; how many were inserted."""
        if self._database.is_sqlite:
            marks = ",".join(["(?,?)"] * len(rows))
            statement = f"INSERT INTO subjects (key, wrapped) VALUES {marks} ON CONFLICT DO NOTHING"  # noqa: S608
            return connection.exec_driver_sql(statement, tuple(part for row in rows for part in row)).rowcount
        statement = (
            "INSERT INTO subjects (key, wrapped) SELECT * FROM unnest(%(keys)s::text[], %(wrapped)s::bytea[]) "
            "ON CONFLICT DO NOTHING"
        )
        values = {"keys": [key for key, _ in rows], "wrapped": [wrapped for _, wrapped in rows]}
        return connection.exec_driver_sql(statement, values).rowcount

    def _unwrapped(self, key: str, wrapped: bytes | None) -> SubjectKey | None:
        if wrapped is None:
            return None
        try:
            return self._secrets.unwrap(key, wrapped)
        except Unsealable as error:
            log.warning("%s: its addresses are recorded by key only", error)
            return None

    def _remember(self, found: _Keys) -> None:
        self._cache.update(found)
        while len(self._cache) > self._cached:
            self._cache.popitem(last=False)

    # -- opening and erasing

    def open(self, address_key: str, sealed: str) -> str | None:
        """The address in a sealed text; None when its subject was erased, or it is not that subject's text.

        Asks the registry each time, never memory, so an erasure on any node holds at once. Raises RegistryError.
        """
        return self.open_all([(address_key, sealed)])[0]

    def open_all(self, pairs: Iterable[tuple[str, str]]) -> list[str | None]:
        """As `open`, for many (address key, sealed text), with one query for each 500 subjects."""
        pairs = list(pairs)
        keys = list(dict.fromkeys(key for key, _ in pairs))
        found: _Keys = {}
        for start in range(0, len(keys), _GROUP):
            with self._database.reading() as connection:
                for row in self._find(connection, keys[start : start + _GROUP]):
                    found[row.key] = self._unwrapped(row.key, row.wrapped)
        opened: list[str | None] = []
        for key, sealed in pairs:
            subject = found.get(key)
            try:
                opened.append(subject.open(sealed) if subject else None)
            except Unsealable:
                opened.append(None)
        return opened

    def destroy(self, address_key: str) -> None:
        """Erase a subject: its key is destroyed, durably, and none is ever made again. Raises RegistryError.

        What other nodes seal for it from memory afterwards cannot be opened either: opening asks the registry.
        """
        with self._database.writing() as connection:
            connection.execute(update(subjects).where(subjects.c.key == address_key).values(wrapped=None))
            connection.execute(self._kill, {"subject": address_key})
        with self._lock:
            self._remember({address_key: None})

    # -- the connection

    def _connected(self) -> Connection:
        if self._connection is None:
            with self._database.plainly():
                self._connection = self._engine.connect()
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            try:
                self._connection.invalidate()
                self._connection.close()
            except SQLAlchemyError:
                log.debug("a broken connection could not be closed", exc_info=True)
            self._connection = None

    def _ready(self) -> bool:
        """Whether to ask the registry now. After a failure a thread of its own connects again: nobody waits for it."""
        if self._retry_at is None:
            return True
        if self._monotonic() >= self._retry_at and self._reconnecting is None:
            self._reconnecting = threading.Thread(target=self._reconnect, name="subjects-reconnect", daemon=True)
            self._reconnecting.start()
        return False

    def _failed(self, error: Exception) -> None:
        log.warning("addresses are recorded by key only for now: %s", error)
        self._drop()
        self._retry_at = self._monotonic() + RETRY_SECONDS

    def _reconnect(self) -> None:
        connection: Connection | None = None
        try:
            with self._database.plainly():
                connection = self._engine.connect()
                self._find(connection, [""])
        except RegistryError as error:
            log.debug("still down: %s", error)
            if connection is not None:
                connection.close()
                connection = None
        with self._lock:
            self._reconnecting = None
            if connection is None:
                self._retry_at = self._monotonic() + RETRY_SECONDS
            else:
                self._connection, self._retry_at = connection, None
                log.info("the registry answers again: addresses are sealed")
