"""Subjects when the registry fails, and the bounds of memory. What both databases do alike is in test_contracts.py."""

import time
from pathlib import Path

import pytest
from sqlalchemy import text, update

from consent.address import Address
from consent.database import Database, RegistryDown
from consent.keys import Secrets
from consent.schema import subjects as table
from consent.subjects import RETRY_SECONDS, SubjectStore
from tests.rig import registry
from tests.rig.postgres import running

ANN, BOB, EVE = (Address.parse(f"{name}@acme.example") for name in ("ann", "bob", "eve"))


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def count(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT count(*) FROM subjects")).scalar_one())


def test_a_dead_registry_costs_the_text_and_no_time_and_is_found_again(tmp_path: Path) -> None:
    clock = Clock()
    secrets = registry.secrets(tmp_path)
    with running() as server, server.database() as url:
        database = Database(url)
        database.upgrade()
        store = SubjectStore(database, secrets, monotonic=clock)
        ((key, sealed),) = store.seal([ANN])
        server.stop()
        assert store.seal([ANN, BOB])[1] == (secrets.address_key(BOB), None)
        assert store.seal([ANN])[0][1] is not None
        before = time.monotonic()
        for _ in range(50):
            assert store.seal([BOB])[0][1] is None
            clock.now += RETRY_SECONDS / 10
        assert time.monotonic() - before < 8
        with pytest.raises(RegistryDown):
            store.open(key, sealed or "")
        server.start()
        deadline = time.monotonic() + 120
        while store.seal([BOB])[0][1] is None:
            assert time.monotonic() < deadline
            clock.now += RETRY_SECONDS
            time.sleep(0.02)
        ((key, sealed),) = store.seal([BOB])
        assert store.open(key, sealed or "") == BOB.text
        store.close()
        database.close()


def test_a_locked_file_costs_the_text_once_and_not_the_record(tmp_path: Path) -> None:
    clock = Clock()
    with registry.sqlite(tmp_path) as database:
        store = SubjectStore(database, registry.secrets(tmp_path), monotonic=clock)
        with database.writing():
            before = time.monotonic()
            assert store.seal([ANN])[0][1] is None
            assert time.monotonic() - before < 9
            assert store.seal([ANN])[0][1] is None
        clock.now += RETRY_SECONDS
        deadline = time.monotonic() + 120
        while store.seal([ANN])[0][1] is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        store.close()


def test_keys_in_memory_are_bounded_and_the_least_used_goes_first(tmp_path: Path) -> None:
    with registry.sqlite(tmp_path) as database:
        store = SubjectStore(database, registry.secrets(tmp_path), cached=2)
        store.seal([ANN, BOB])
        store.seal([ANN])
        store.seal([EVE])
        with database.writing() as connection:
            connection.execute(text("DELETE FROM subjects"))
        store.seal([ANN, EVE])
        assert count(database) == 0
        store.seal([BOB])
        assert count(database) == 1
        store.close()


def test_a_damaged_key_costs_the_text_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with registry.sqlite(tmp_path) as database:
        secrets = registry.secrets(tmp_path)
        first = SubjectStore(database, secrets)
        ((key, sealed),) = first.seal([ANN])
        with database.writing() as connection:
            connection.execute(update(table).values(wrapped=bytes(60)))
        second = SubjectStore(database, secrets)
        assert second.seal([ANN]) == [(key, None)]
        assert second.open(key, sealed or "") is None
        assert "damaged or of other secrets" in caplog.text
        for store in (first, second):
            store.close()


def test_strangers_are_added_without_being_looked_for_and_who_was_known_keeps_its_key(tmp_path: Path) -> None:
    secrets = registry.secrets(tmp_path)
    with registry.sqlite(tmp_path) as database:
        other, store = SubjectStore(database, secrets), SubjectStore(database, secrets)
        ((key, sealed),) = other.seal([ANN])
        gone = secrets.address_key(EVE)
        other.destroy(gone)
        store.seal([Address.parse("zoe@acme.example")])  # a stranger: the next ones are taken for strangers, too
        (ann, bob, eve) = store.seal([ANN, BOB, EVE])
        assert store.open(*ann) == other.open(key, sealed or "") == ANN.text  # type: ignore[arg-type]
        assert other.open(*bob) == BOB.text  # type: ignore[arg-type]
        assert eve == (gone, None), "who was erased stays erased"
        assert count(database) == 4
        other.close()
        store.close()


def test_nothing_to_seal_asks_nothing(tmp_path: Path) -> None:
    database = Database(registry.sqlite_url(tmp_path))
    store = SubjectStore(database, Secrets.load_or_create(tmp_path / "s.toml"))
    assert store.seal([]) == []
    assert store.open_all([]) == []
    assert not (tmp_path / "postern.db").exists()
