"""The writer on PostgreSQL: all of a transaction or none, and left usable by whatever went wrong."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

import consent.database
from consent.chain import EMPTY
from consent.database import Database, RegistryDown, RegistryError
from consent.postgresql_writer import PostgresqlWriter
from consent.records import Batch
from tests.rig.postgres import Postgres

pytest_plugins = ("tests.rig.contracts",)


@pytest.fixture
def database(server: Postgres) -> Iterator[Database]:
    with server.database() as url:
        made = Database(url)
        made.upgrade()
        yield made
        made.close()


@pytest.fixture
def writer(database: Database) -> Iterator[PostgresqlWriter]:
    made = PostgresqlWriter(database)
    yield made
    made.close()


@pytest.mark.parametrize("count", [1, 99, 100, 2500])
def test_rows_are_there_after_the_transaction(writer: PostgresqlWriter, count: int) -> None:
    keys = [b"\x01%032d" % number for number in range(count)]
    with writer.transaction(bulk=count > 99) as rows:
        assert rows.head() == EMPTY
        rows.add_events(
            [
                (number + 1, "acme", key, number or None, b"{\x00\xff", b"s" if number % 2 else None)
                for number, key in enumerate(keys)
            ]
        )
        rows.add_standings([("acme", key, b"salt", 1, "[é]") for key in keys])
        rows.add_batch(Batch(1, "", 1, count, "acme", 7, "I1"), b"h" * 32)
    with writer.transaction(bulk=False) as rows:
        head = rows.head()
        assert (head.number, head.last, head.hash) == (1, count, b"h" * 32)
        rows.change_standings([("acme", keys[0], b"", 2, "[1]")])
        rows.change_standings([])
        found = rows.standings("acme", [b"nobody", *keys])
        assert len(found) == count
        assert found[keys[0]] == (b"", 2, "[1]")
        if count > 1:
            assert found[keys[1]] == (b"salt", 1, "[é]")
            rows.erase(2)
        assert rows.standings("acme", []) == {}
        assert not rows.progress("I1", "p", 1, "{}", "[]")


def test_a_transaction_that_fails_leaves_nothing(writer: PostgresqlWriter) -> None:
    event = (1, "acme", b"k", None, b"{}", b"sealed")
    with pytest.raises(KeyError), writer.transaction(bulk=False) as rows:
        rows.add_events([event])
        raise KeyError
    with pytest.raises(RegistryError, match="duplicate key"), writer.transaction(bulk=False) as rows:
        rows.add_events([event])
        rows.add_events([event])
    with writer.transaction(bulk=False) as rows:
        rows.add_events([event])


def test_who_waits_too_long_is_told(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent.database, "BUSY_SECONDS", 1)
    with server.database() as url:
        database = Database(url)
        database.upgrade()
        one, other = PostgresqlWriter(database), PostgresqlWriter(database)
        with other.transaction(bulk=False), pytest.raises(RegistryDown, match="timeout"), one.transaction(bulk=False):
            raise AssertionError("two at once")
        with one.transaction(bulk=False) as rows:
            assert rows.head() == EMPTY
        for each in (one, other, database):
            each.close()


def test_a_connection_that_was_closed_meanwhile_is_made_anew(writer: PostgresqlWriter, database: Database) -> None:
    def close_all() -> None:
        with database.reading() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )
            )

    with writer.transaction(bulk=False) as rows:
        rows.head()
    close_all()
    with pytest.raises(RegistryDown), writer.transaction(bulk=False) as rows:
        rows.head()
        close_all()
        rows.head()
    with writer.transaction(bulk=False) as rows:
        assert rows.head() == EMPTY


def test_a_server_that_is_away_is_down() -> None:
    writer = PostgresqlWriter(Database("postgresql://nobody@127.0.0.1:1/none"))
    with pytest.raises(RegistryDown), writer.transaction(bulk=False):
        pass
    writer.close()
