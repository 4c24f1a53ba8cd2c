"""The registry's engine: URLs, files, errors in plain words. What both databases do alike is in test_contracts.py."""

import sqlite3
import stat
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from consent.customers import CustomerStore
from consent.database import Database, RegistryDown, RegistryError
from tests.rig import registry
from tests.rig.postgres import running


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "mysql://u:hunter2@h/d", "sqlite://", "sqlite:///:memory:", "postgresql+psycopg2://u:hunter2@h/d"],
)
def test_other_urls_are_refused_without_showing_the_password(url: str) -> None:
    with pytest.raises(RegistryError) as caught:
        Database(url)
    assert "hunter2" not in str(caught.value)


def test_the_password_is_never_shown() -> None:
    database = Database("postgresql://postern:hunter2@127.0.0.1:1/postern")
    assert "hunter2" not in repr(database)
    assert database.shown == "postgresql://postern:***@127.0.0.1:1/postern"
    with pytest.raises(RegistryDown) as caught:
        database.upgrade()
    assert "hunter2" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_file_is_private_and_durable(tmp_path: Path) -> None:
    with registry.sqlite(tmp_path) as database, database.writing() as connection:
        for name, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("mmap_size", 0)):
            assert connection.exec_driver_sql(f"PRAGMA {name}").scalar() == value
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 10_000
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"postern.db": 0o600, "postern.db-wal": 0o600, "postern.db-shm": 0o600}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegistryDown, match=r"none/postern\.db: cannot be opened: No such file or directory"):
        Database(registry.sqlite_url(tmp_path / "none")).upgrade()


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "postern.db").write_text("not a database at all, but text of some length\n" * 100)
    with pytest.raises(RegistryError, match="file is not a database"):
        Database(registry.sqlite_url(tmp_path)).upgrade()


def test_a_registry_that_was_never_made_is_an_error_and_not_down(tmp_path: Path) -> None:
    database = Database(registry.sqlite_url(tmp_path))
    with pytest.raises(RegistryError, match="no such table") as caught:
        CustomerStore(database).list()
    assert not isinstance(caught.value, RegistryDown)
    database.close()


def test_writing_waits_for_another_writer(tmp_path: Path) -> None:
    with registry.sqlite(tmp_path) as database:
        other = sqlite3.connect(tmp_path / "postern.db", isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        done = threading.Event()

        def write() -> None:
            registry.store(database).apply([registry.customer("acme", password=None)], registry.NOW)
            done.set()

        thread = threading.Thread(target=write)
        thread.start()
        assert not done.wait(0.2)
        other.execute("COMMIT")
        thread.join(10)
        assert done.is_set()
        other.close()


def test_what_raises_inside_a_transaction_undoes_it(tmp_path: Path) -> None:
    with registry.sqlite(tmp_path) as database:
        with pytest.raises(ZeroDivisionError), database.writing() as connection:
            assert database.next_change(connection) == 1
            raise ZeroDivisionError
        with database.reading() as connection:
            assert database.last_change(connection) == 0


def test_an_up_to_date_registry_is_opened_quickly(tmp_path: Path) -> None:
    with registry.sqlite(tmp_path) as database:
        database.close()
        before = time.process_time()
        database.upgrade()
        assert time.process_time() - before < 0.2


def test_a_server_that_goes_away_is_down_and_comes_back_by_itself() -> None:
    with running() as server, server.database() as url:
        database = Database(url)
        database.upgrade()
        store = registry.store(database)
        store.apply([registry.customer("acme")], registry.NOW)
        server.stop()
        with pytest.raises(RegistryDown, match="registry postgresql://postern@127"):
            store.list()
        server.start()
        assert [stored.customer.id for stored in store.list()] == ["acme"]
        database.close()


def test_a_wrong_password_is_an_answer_without_the_password() -> None:
    with running() as server, server.database() as url:
        server.execute("CREATE ROLE limited LOGIN PASSWORD 'hunter2'")
        database = Database(url.replace("postern@", "limited:hunter2@"))
        with pytest.raises(RegistryError, match="permission denied") as caught:
            database.upgrade()
        assert "hunter2" not in str(caught.value)
        database.close()


def test_a_statement_that_takes_too_long_is_ended() -> None:
    with running() as server, server.database() as url:
        database = Database(url)
        with database.reading() as connection:
            assert connection.execute(text("SHOW statement_timeout")).scalar() == "10s"
        with pytest.raises(RegistryDown, match="statement timeout"), database.reading() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 50"))
            connection.execute(text("SELECT pg_sleep(5)"))
        database.close()


# -- the database of consents


def test_on_sqlite_consents_have_a_file_of_their_own(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/postern.db")
    beside = database.consent()
    assert database.file == tmp_path / "postern.db"
    assert beside.file == tmp_path / "postern-consent.db"
    beside.upgrade()
    assert (tmp_path / "postern-consent.db").stat().st_mode & 0o777 == 0o600
    with beside.writing(), database.reading():
        assert not (tmp_path / "postern.db-wal").exists()
    assert (tmp_path / "postern-consent.db-turn").stat().st_mode & 0o777 == 0o600
    assert Database(f"sqlite:///{tmp_path}/plain").consent().file == tmp_path / "plain-consent"
    beside.close()
    database.close()


def test_on_postgresql_they_have_not() -> None:
    database = Database("postgresql://nobody@127.0.0.1/none")
    assert database.consent() is database
    assert database.file is None


def test_whoever_keeps_the_turn_too_long_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consent.database.BUSY_SECONDS", 0.05)
    database = Database(f"sqlite:///{tmp_path}/postern.db").consent()
    with database.next_turn():
        with pytest.raises(RegistryDown, match="others have been writing"), database.writing():
            raise AssertionError("both at once")
    with database.writing():
        pass
    database.close()
    with (
        pytest.raises(RegistryDown, match="lock file: No such file"),
        Database("sqlite:////none/x.db", turns=True).next_turn(),
    ):
        pass


def test_a_raw_connection_is_prepared_and_its_errors_are_told_plainly(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/postern.db")
    more = [database.raw() for _ in range(20)]
    raw = more[0]
    assert raw.execute("PRAGMA mmap_size").fetchone() == (0,)
    assert raw.execute("PRAGMA synchronous").fetchone() == (2,)
    assert not raw.in_transaction
    with pytest.raises(RegistryError, match=r"postern\.db: no such table: x") as caught, database.plainly():
        raw.execute("SELECT * FROM x")
    assert not isinstance(caught.value, RegistryDown)
    for each in more:
        each.close()
