"""The writer on SQLite: all of a transaction or none, durable, and left usable by whatever went wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import consent.sqlite_writer
from consent.chain import EMPTY
from consent.database import Database, RegistryDown, RegistryError
from consent.records import Batch
from consent.sqlite_writer import SqliteWriter
from tests.rig.registry import sqlite

EVENT = (1, "acme", b"k", None, b"{}", b"sealed")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with sqlite(tmp_path) as made:
        yield made


@pytest.fixture
def writer(database: Database) -> Iterator[SqliteWriter]:
    made = SqliteWriter(database)
    yield made
    made.close()


def test_rows_are_there_after_the_transaction(writer: SqliteWriter) -> None:
    batch = Batch(1, "", 1, 3, "acme", 7)
    with writer.transaction(bulk=False) as rows:
        assert rows.head() == EMPTY
        rows.add_events([EVENT, (2, "acme", b"k", 1, b"{}", b"s"), (3, "acme", b"l", None, b"{}", b"s")])
        rows.add_standings([("acme", b"k", b"salt", 2, "[]"), ("acme", b"l", b"salt", 3, "[]")])
        rows.add_batch(batch, b"h" * 32)
    with writer.transaction(bulk=True) as rows:
        head = rows.head()
        assert (head.number, head.last, head.hash) == (1, 3, b"h" * 32)
        rows.change_standings([("acme", b"k", b"", 2, "[1]")])
        rows.erase(2)
        assert rows.standings("acme", [b"j", b"k", b"l"]) == {b"k": (b"", 2, "[1]"), b"l": (b"salt", 3, "[]")}
        assert rows.standings("acme", []) == {}
        assert not rows.progress("I1", "p", 1, "{}", "[]")
        sealed = rows._connection.execute("SELECT sealed FROM events ORDER BY number").fetchall()  # type: ignore[attr-defined]
        assert sealed == [(None,), (None,), (b"s",)]


def test_a_transaction_that_fails_leaves_nothing(writer: SqliteWriter) -> None:
    with pytest.raises(KeyError), writer.transaction(bulk=False) as rows:
        rows.add_events([EVENT])
        raise KeyError
    with pytest.raises(RegistryError, match="UNIQUE"), writer.transaction(bulk=False) as rows:
        rows.add_events([EVENT])
        rows.add_events([EVENT])
    with writer.transaction(bulk=False) as rows:
        rows.add_events([EVENT])


def test_a_commit_waits_for_the_disk_and_what_is_overwritten_is_gone(writer: SqliteWriter) -> None:
    with writer.transaction(bulk=False) as rows:
        ask = rows._connection.execute  # type: ignore[attr-defined]
        assert ask("PRAGMA synchronous").fetchone() == (2,)
        assert ask("PRAGMA secure_delete").fetchone() == (2,)


def test_a_busy_registry_is_down_for_now(
    writer: SqliteWriter, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consent.sqlite_writer, "BUSY_SECONDS", 0.05)
    with database.writing(), pytest.raises(RegistryDown, match="locked"), writer.transaction(bulk=False):
        pass
    with writer.transaction(bulk=False) as rows:
        assert rows.head() == EMPTY


def test_a_closed_writer_opens_again(writer: SqliteWriter) -> None:
    for _ in range(2):
        with writer.transaction(bulk=True) as rows:
            assert rows.head() == EMPTY
        writer.close()
        writer.close()
