"""A PostgreSQL of the tests' own: temporary folder, free port, no system cluster touched."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from consent.database import Database
from tests.rig.processes import free_port

_TEMPLATE = "postern_template"


class Postgres:
    """A server that `start` starts and `stop` stops, `send` holds; databases are made in it one by one."""

    def __init__(self, binaries: Path, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        """`settings` are the server's, over those that suit tests."""
        self._binaries, self._folder, self._settings = binaries, folder, dict(settings or {})
        self._data = folder / "data"
        self.port = free_port()
        self._names = count(1)
        self._migrated = False
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the server that runs."""
        assert self._process is not None
        return self._process.pid

    def initialise(self) -> None:
        """Make the cluster."""
        self._data.mkdir()
        user = _unprivileged()
        if user:
            for path in (self._folder, self._data):
                os.chown(path, user.pw_uid, user.pw_gid)
        options = ["-U", "postern", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(
            [*self._as_user(), str(self._binaries / "initdb"), "-D", str(self._data), *options],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self._folder),
            "fsync": "off",
            "max_connections": "60",
            "shared_buffers": "32MB",
        } | self._settings
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as_user(), str(self._binaries / "postgres"), "-D", str(self._data), *options],
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )
        deadline = time.monotonic() + 120
        while True:
            try:
                self._connect().close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise AssertionError((self._folder / "log").read_text()) from None
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server; clients are cut off."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait(60)
            self._process = None

    def send(self, number: int) -> None:
        """A signal to the server and all that serve its clients: SIGSTOP, and it answers nobody until SIGCONT."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for pid in (self._process.pid, *map(int, children)):
            os.kill(pid, number)

    @contextmanager
    def database(self, migrated: bool = False) -> Iterator[str]:
        """The URL of a fresh, empty database, dropped at the end; `migrated`: with the tables of a registry, copied."""
        name = f"postern_{os.getpid()}_{next(self._names)}"
        if migrated and not self._migrated:
            self._create(_TEMPLATE, "template1")
            database = Database(self._url(_TEMPLATE))
            database.upgrade()
            database.close()
            self._migrated = True
        self._create(name, _TEMPLATE if migrated else "template1")
        try:
            yield self._url(name)
        finally:
            if self._process is not None:
                with self._connect() as connection:
                    connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _url(self, name: str) -> str:
        return f"postgresql://postern@127.0.0.1:{self.port}/{name}"

    def _create(self, name: str, template: str) -> None:
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        with self._connect() as connection:
            connection.execute(made)

    def execute(self, statement: str) -> None:
        """Run a statement as superuser in the maintenance database."""
        with self._connect() as connection:
            connection.execute(statement.encode())

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="postern", dbname="postgres", autocommit=True, connect_timeout=60
        )

    def _as_user(self) -> list[str]:
        user = _unprivileged()
        if user is None:
            return []
        # setpriv becomes the server instead of standing before it, so signals reach the server.
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]


@contextmanager
def running(settings: Mapping[str, str] | None = None) -> Iterator[Postgres]:
    """A started server in a temporary folder, stopped and removed at the end; see `Postgres`."""
    folder = Path(tempfile.mkdtemp(prefix="postern-pg-"))
    # Not below pytest's folder: those are closed to the user the server runs as.
    server = Postgres(_binaries(), folder, settings)
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged() -> pwd.struct_passwd | None:
    """The user to run as when we are root, because PostgreSQL refuses root; None when we are not."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise AssertionError("no user 'postgres' or 'nobody' to run PostgreSQL as")


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]), reverse=True)
    on_path = shutil.which("initdb")
    if found:
        return found[0].parent
    if on_path:
        return Path(on_path).resolve().parent
    raise AssertionError("PostgreSQL's server programs are missing: apt-get install postgresql")
