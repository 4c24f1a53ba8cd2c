"""Registries for tests: a fresh one on SQLite, a fresh one on a PostgreSQL of the tests' own."""

import atexit
import functools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from argon2 import PasswordHasher

from config.customers import Credential, Customer
from consent.customers import CustomerStore
from consent.database import Database
from consent.keys import Secrets

NOW = datetime(2026, 3, 4, 5, 6, 7, 891234, tzinfo=UTC)
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Hashes that cost next to nothing: what is tested is not argon2."""


@functools.cache
def _blank() -> Path:
    """An empty registry that is up to date, made once for the whole run and copied: migrations take their time."""
    folder = Path(tempfile.mkdtemp(prefix="postern-blank-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database = Database(sqlite_url(folder))
    database.upgrade()
    database.close()
    return folder / "postern.db"


def place(file: Path) -> None:
    """Put an empty registry that is up to date where there is none."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_blank(), file)


def place_both(file: Path) -> None:
    """The same, with the file of consents beside it."""
    for each in (file, file.with_name(f"{file.stem}-consent.db")):
        place(each)


@contextmanager
def sqlite(folder: Path) -> Iterator[Database]:
    """A registry in a new file, up to date."""
    place(folder / "postern.db")
    database = Database(sqlite_url(folder))
    database.upgrade()
    yield database
    database.close()


def sqlite_url(folder: Path) -> str:
    """The URL of a registry in a folder."""
    return f"sqlite:///{folder / 'postern.db'}"


def store(database: Database) -> CustomerStore:
    """A customer store that hashes quickly."""
    return CustomerStore(database, hasher=QUICK)


def secrets(folder: Path) -> Secrets:
    """The secrets of a folder."""
    return Secrets.load_or_create(folder / "secrets.toml")


def customer(name: str, *networks: str, password: str | None = "correct horse") -> Customer:
    """A customer with one domain, and one credential by password and one by networks where asked for."""
    credentials = []
    if password is not None:
        credentials.append(Credential(username=f"{name}-app", password=password))
    if networks:
        credentials.append(Credential(networks=networks))
    return Customer(id=name, name=name.title(), domains=(f"{name}.example",), credentials=tuple(credentials))
