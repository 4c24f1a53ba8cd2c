"""Fixtures of the contract suite: each case that asks for a registry runs on SQLite and on a real PostgreSQL.

A test module takes them with `pytest_plugins = ("tests.rig.contracts",)`; one server serves the whole run.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consent.customers import CustomerStore
from consent.database import Database
from consent.keys import Secrets
from tests.rig import registry
from tests.rig.postgres import Postgres, running


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    with running() as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty registry; with `database` it is up to date already, a copy of one that was migrated."""
    migrated = "database" in request.fixturenames
    if request.param == "sqlite":
        if migrated:
            registry.place(tmp_path / "postern.db")
        yield registry.sqlite_url(tmp_path)
        return
    server: Postgres = request.getfixturevalue("server")
    with server.database(migrated=migrated) as made:
        yield made


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    made = Database(url)
    made.upgrade()
    yield made
    made.close()


@pytest.fixture
def customers(database: Database) -> CustomerStore:
    return registry.store(database)


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return registry.secrets(tmp_path)
