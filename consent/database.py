"""Database: the registry's engine, SQLite or PostgreSQL; transactions, migrations, one kind of error.

Callers are blocking: an event loop calls stores in a thread. A Database is made in the process that uses it, never
before a fork.
"""

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, insert, make_url, select, text, update
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from consent.keys import Secrets
from consent.schema import REVISION, changes, meta
from consent.turn import Turn, TurnTimeout

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

BUSY_SECONDS = 10
"""How long a statement waits for another's lock before the registry counts as down."""
_CONNECTIONS = 8
_MIGRATING_SECONDS = 300
_MIGRATION_LOCK = 0x706F737465726E
"""PostgreSQL's advisory lock that migrations take: `postern`."""


class RegistryError(Exception):
    """The registry cannot do what was asked; the text is for the operator and holds no password."""


class RegistryDown(RegistryError):
    """The registry cannot be reached, or does not answer in time: the same may succeed later."""


class WrongSecrets(RegistryError):
    """The registry was made with another secrets file."""


class Database:
    """One registry by its URL. Thread-safe."""

    def __init__(self, url: str, *, turns: bool = False) -> None:
        """`sqlite:///file` or `postgresql://user:password@host/name`; connects when first used.

        With `turns`, writers of one SQLite file come in one after the other (`consent.turn`). Raises RegistryError
        for a URL that is neither.
        """
        self._url = _parse(url)
        self.shown = self._url.render_as_string(hide_password=True).replace("+psycopg", "", 1)
        """The URL without its password, for messages."""
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = self._make_engine(_CONNECTIONS, BUSY_SECONDS, durable=True)
        self._turn = Turn(Path(f"{self._url.database}-turn"), BUSY_SECONDS) if turns and self.is_sqlite else None

    def __repr__(self) -> str:
        return f"Database({self.shown!r})"

    def close(self) -> None:
        """Close the connections that nobody is using."""
        self._engine.dispose()

    def consent(self) -> "Database":
        """The database of consents, events and imports: on PostgreSQL this one, on SQLite one of its own beside it.

        SQLite has one writer at a time. The audit seals subjects in the first file for every group of messages and
        must not wait behind an import, which writes for as long as it lasts. `postern.db` has `postern-consent.db`.
        """
        if not self.is_sqlite:
            return self
        path = Path(self._url.database or "")
        beside = self._url.set(database=str(path.with_name(f"{path.stem}-consent{path.suffix}")))
        return Database(beside.render_as_string(hide_password=False), turns=True)

    @property
    def file(self) -> Path | None:
        """Of SQLite the file; of PostgreSQL None."""
        return Path(self._url.database or "") if self.is_sqlite else None

    def insert(self, table: Table) -> "sqlite.Insert | postgresql.Insert":
        """An INSERT that can do otherwise where the row is there already (ON CONFLICT)."""
        # Imported here, as each of them brings all drivers that it knows.
        if self.is_sqlite:
            from sqlalchemy.dialects import sqlite

            return sqlite.insert(table)
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection in a read transaction; raises RegistryError."""
        with self.plainly(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection in a transaction that is committed, durable, when the block ends without an exception.

        On SQLite it is the only writer from the start, so what it reads stays so. Raises RegistryError.
        """
        with self.plainly(), self._engine.connect() as connection:
            connection.execution_options(postern_begin="BEGIN IMMEDIATE")
            with self.next_turn():
                transaction = connection.begin()
            with transaction:
                yield connection

    @contextmanager
    def next_turn(self) -> Iterator[None]:
        """Hold the turn while beginning to write (`consent.turn`); without turns, nothing. Raises RegistryError."""
        if self._turn is None:
            yield
            return
        with ExitStack() as stack:
            try:
                stack.enter_context(self._turn.taken())
            except TurnTimeout:
                raise RegistryDown(f"registry {self.shown}: others have been writing for {BUSY_SECONDS} s") from None
            except OSError as error:
                raise RegistryDown(f"registry {self.shown}: its lock file: {error.strerror}") from None
            yield

    def lock_changes(self, connection: Connection) -> int:
        """Wait until no other transaction is about to change what nodes must notice; the last change's number.

        Until this transaction ends no other gets past here, so numbers are committed in their order: a node that
        has seen number N has seen all up to N.
        """
        query = select(changes.c.number).where(changes.c.id == 1).with_for_update()
        return int(connection.execute(query).scalar_one())

    def next_change(self, connection: Connection) -> int:
        """The number for rows this transaction writes; takes the lock of `lock_changes`."""
        statement = update(changes).where(changes.c.id == 1).values(number=changes.c.number + 1)
        return int(connection.execute(statement.returning(changes.c.number)).scalar_one())

    def last_change(self, connection: Connection) -> int:
        """The number of the last committed change: what a node asks, often."""
        return int(connection.execute(select(changes.c.number).where(changes.c.id == 1)).scalar_one())

    def relaxed(self, busy_seconds: int) -> Engine:
        """An engine for one autocommitting connection whose last commits a power failure may undo.

        For rows whose loss costs little and that are found by primary key (see `consent.subjects`). Errors are
        SQLAlchemy's: use `plainly`.
        """
        return self._make_engine(1, busy_seconds, durable=False)

    def raw(self) -> Any:
        """A new connection of the driver, autocommitting, that belongs to the caller; errors as in `plainly`.

        For the few statements that run by the million, where SQLAlchemy would cost more than the database.
        """
        with self.plainly():
            pooled = self._engine.raw_connection()
            connection: Any = pooled.driver_connection
            pooled.detach()
            if not self.is_sqlite:
                connection.autocommit = True
            return connection

    @contextmanager
    def plainly(self) -> Iterator[None]:
        """Errors of SQLAlchemy and the drivers as RegistryDown or RegistryError."""
        try:
            yield
        except SQLAlchemyError as error:
            raise self._plain(error) from None
        except self.driver_errors as error:
            raise self.plain(error) from None

    @property
    def driver_errors(self) -> type[Exception]:
        """What the driver raises; see `plain`."""
        errors: type[Exception] = self._engine.dialect.loaded_dbapi.Error
        return errors

    def plain(self, error: Exception) -> RegistryError:
        """One of the driver's errors as RegistryDown or RegistryError."""
        return self._plain_driver(error, lost=False)

    def _plain_driver(self, error: BaseException, *, lost: bool) -> RegistryError:
        # The first line: the driver's further lines may repeat the statement's values.
        reason = self._clean((str(error).strip().splitlines() or [type(error).__name__])[0])
        driver = self._engine.dialect.loaded_dbapi
        down = lost or isinstance(error, (driver.OperationalError, driver.InterfaceError))
        if self.is_sqlite and "no such table" in reason:
            down = False
        return (RegistryDown if down else RegistryError)(f"registry {self.shown}: {reason}")

    def _plain(self, error: SQLAlchemyError) -> RegistryError:
        if isinstance(error, PoolTimeoutError):
            return RegistryDown(f"registry {self.shown}: all {_CONNECTIONS} connections are in use")
        if not isinstance(error, DBAPIError):
            return RegistryError(f"registry {self.shown}: {type(error).__name__}: {self._clean(str(error))}")
        lost = error.connection_invalidated or isinstance(error, (OperationalError, InterfaceError))
        return self._plain_driver(error.orig or error, lost=lost)

    def _clean(self, message: str) -> str:
        password = self._url.password
        return message.replace(str(password), "***") if password else message

    # -- engines

    def _make_engine(self, connections: int, busy_seconds: int, *, durable: bool) -> Engine:
        shared: dict[str, Any] = {"pool_size": connections, "max_overflow": 0, "pool_timeout": busy_seconds}
        if not durable:
            shared["isolation_level"] = "AUTOCOMMIT"
        if self.is_sqlite:
            engine = create_engine(self._url, connect_args={"timeout": busy_seconds}, **shared)
            _prepare_sqlite(engine, self._url.database or "", durable)
        else:
            arguments = {
                "connect_timeout": max(2, min(busy_seconds, 5)),
                "application_name": "postern",
                "keepalives_idle": 30,
                # A host that vanished is noticed when data stays unacknowledged this long (milliseconds).
                "tcp_user_timeout": busy_seconds * 1000,
            }
            engine = create_engine(self._url, connect_args=arguments, pool_pre_ping=True, **shared)
            _prepare_postgresql(engine, busy_seconds, durable)
        return engine

    # -- migrations

    def upgrade(self) -> None:
        """Bring the registry to this version's tables; several processes may do so at once. Raises RegistryError."""
        if self.is_sqlite:
            _make_private_file(Path(self._url.database or ""))
            with self.plainly():
                self._use_wal()
        if self._revision() == REVISION:
            return
        with self.writing() as connection:
            if not self.is_sqlite:
                connection.execute(text(f"SET LOCAL statement_timeout = '{_MIGRATING_SECONDS}s'"))
                connection.execute(text(f"SET LOCAL lock_timeout = '{_MIGRATING_SECONDS}s'"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            self._migrate(connection)

    def _migrate(self, connection: Connection) -> None:
        # Imported here: it takes half a second, and a registry that is up to date does not need it.
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        # `%` is the config parser's own mark.
        folder = Path(__file__).with_name("migrations")
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError:
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            raise RegistryError(
                f"registry {self.shown}: it is at revision {found!r}, which this version of Postern does not know; "
                "run the newer version that made it"
            ) from None

    def _revision(self) -> str | None:
        """The registry's revision; None when it has none yet."""
        with self.plainly(), self._engine.connect() as connection:
            if not self._engine.dialect.has_table(connection, "alembic_version"):
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()

    def _use_wal(self) -> None:
        """Switch the file to WAL, which stays. The switch does not wait for locks by itself."""
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                with self._engine.connect() as connection:
                    raw: Any = connection.connection.driver_connection
                    if raw.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                        return
                    raise RegistryError(f"registry {self.shown}: this file system does not carry SQLite's WAL")
            except (OperationalError, sqlite3.OperationalError) as error:
                if "locked" not in str(error):
                    if isinstance(error, sqlite3.Error):
                        raise RegistryDown(f"registry {self.shown}: {error}") from None
                    raise
                if time.monotonic() > deadline:
                    raise RegistryDown(f"registry {self.shown}: another program holds it locked") from None
                time.sleep(0.02)

    # -- secrets

    def check_unbound(self, path: Path) -> None:
        """The secrets file is missing: raises WrongSecrets when the registry was made with one, which must come back.

        New secrets would open nothing that the old ones sealed.
        """
        with self.reading() as connection:
            known = connection.execute(select(meta.c.value).where(meta.c.name == "secrets")).scalar()
        if known is not None:
            raise WrongSecrets(
                f"registry {self.shown} was made with the secrets of fingerprint {known}, but {path} is missing: bring "
                "it back from a backup or from another node (mode 0600), or name it in [secrets] file"
            )

    def check_fingerprint(self, secrets: Secrets) -> None:
        """Bind the registry to these secrets at first use; raises WrongSecrets when it is bound to others."""
        query = select(meta.c.value).where(meta.c.name == "secrets")
        with self.reading() as connection:
            known = connection.execute(query).scalar()
        if known is None:
            with self.writing() as connection:
                self.lock_changes(connection)
                known = connection.execute(query).scalar()
                if known is None:
                    known = secrets.fingerprint
                    connection.execute(insert(meta).values(name="secrets", value=known))
        if not secrets.matches(known):
            raise WrongSecrets(
                f"registry {self.shown} was made with the secrets of fingerprint {known}, but {secrets.path} has "
                f"{secrets.fingerprint}: copy the secrets file of the first node to {secrets.path} (mode 0600), "
                "or name it in [secrets] file"
            )


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise RegistryError("registry: the URL is not of the form postgresql://user:password@host/name") from None
    if parsed.drivername == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed
    if parsed.drivername == "sqlite":
        raise RegistryError("registry: sqlite:/// needs a file, such as sqlite:///var/postern.db")
    raise RegistryError(f"registry: {parsed.drivername}: must start with sqlite:/// or postgresql://")


def _prepare_sqlite(engine: Engine, database: str, durable: bool) -> None:
    @event.listens_for(engine, "connect")
    def connect(raw: sqlite3.Connection, record: object) -> None:
        # The driver must not open transactions by itself: `begin` below does, and says which kind.
        raw.isolation_level = None
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute("PRAGMA mmap_size = 0")
        # In WAL, NORMAL may lose the last commits at a power failure, never the file. FULL loses none: a suspension
        # that was answered "done" must hold.
        raw.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")

    if durable:

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql(connection.get_execution_options().get("postern_begin", "BEGIN"))


def _prepare_postgresql(engine: Engine, busy_seconds: int, durable: bool) -> None:
    @event.listens_for(engine, "connect")
    def connect(raw: Any, record: object) -> None:
        before, raw.autocommit = raw.autocommit, True
        # Not as start-up options, which connection poolers such as PgBouncer refuse.
        raw.execute(f"SET statement_timeout = '{busy_seconds}s'")
        raw.execute(f"SET lock_timeout = '{busy_seconds}s'")
        raw.execute("SET idle_in_transaction_session_timeout = '60s'")
        if not durable:
            raw.execute("SET synchronous_commit = off")
            # Asked by primary key only. For a few hundred keys the planner would read a table of thousands whole.
            raw.execute("SET enable_seqscan = off")
        raw.autocommit = before


def _make_private_file(path: Path) -> None:
    """Make the database file, mode 0600, if there is none: it holds password hashes. SQLite's other files follow."""
    try:
        # Only where there is none. Whoever closes a file ends all locks that its process has on it (POSIX), those of
        # SQLite's open connections too: then the next process to close deletes the write-ahead log beneath them, and
        # they never see again what others write.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        fault = errno.EISDIR if path.is_dir() else 0 if os.access(path, os.R_OK | os.W_OK) else errno.EACCES
        if fault:
            raise RegistryDown(f"registry {path}: cannot be opened: {os.strerror(fault)}") from None
    except OSError as error:
        raise RegistryDown(f"registry {path}: cannot be opened: {error.strerror}") from None
