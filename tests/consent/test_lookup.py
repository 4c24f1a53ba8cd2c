"""Look-ups by many threads at once, of many keys, over connections that are kept."""

import threading
from pathlib import Path

import pytest

from consent.database import Database, RegistryDown, RegistryError
from consent.lookup import KEPT, Lookup
from tests.rig.registry import sqlite

KEYS = [b"\x01%32d" % number for number in range(40)]


def filled(database: Database) -> None:
    rows = [("acme", key, b"", 1, f"own {at}") for at, key in enumerate(KEYS) if at % 2]
    rows += [("*", key, b"", 1, f"operator {at}") for at, key in enumerate(KEYS) if at % 3 == 0]
    raw = database.raw()
    raw.executemany("INSERT INTO standings VALUES (?,?,?,?,?)", rows)
    raw.close()


@pytest.mark.parametrize("count", [*range(1, 10), 16, 17, 39, 40])
def test_what_is_found_does_not_depend_on_how_many_are_asked(tmp_path: Path, count: int) -> None:
    with sqlite(tmp_path) as database:
        filled(database)
        lookup = Lookup(database)
        expected = {("acme", KEYS[at]): f"own {at}" for at in range(count) if at % 2}
        expected |= {("*", KEYS[at]): f"operator {at}" for at in range(0, count, 3)}
        assert lookup.find("acme", KEYS[:count]) == expected
        assert lookup.find("*", KEYS[:count]) == {at: text for at, text in expected.items() if at[0] == "*"}
        assert lookup.find("rival", [b"nothing"]) == {}
        lookup.close()


def test_more_keys_than_one_query_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consent.lookup._MOST", 7)
    with sqlite(tmp_path) as database:
        filled(database)
        lookup = Lookup(database)
        assert len(lookup.find("acme", KEYS)) == 20 + 14
        lookup.close()


def test_threads_do_not_share_a_connection_and_few_are_kept(tmp_path: Path) -> None:
    with sqlite(tmp_path) as database:
        filled(database)
        lookup, barrier, wrong = Lookup(database), threading.Barrier(KEPT + 8), list[object]()

        def ask() -> None:
            barrier.wait()
            for at, key in enumerate(KEYS):
                found = lookup.find("acme", [key]).get(("acme", key))
                if found != (f"own {at}" if at % 2 else None):
                    wrong.append((at, found))

        threads = [threading.Thread(target=ask) for _ in range(KEPT + 8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert wrong == []
        assert 1 <= len(lookup._idle) <= KEPT
        lookup.close()
        assert not lookup._idle


def test_a_look_up_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    with sqlite(tmp_path) as database:
        filled(database)
        lookup = Lookup(database)
        with database.writing():
            assert lookup.find("acme", KEYS[1:2])
        lookup.close()


def test_a_registry_that_is_away_is_told(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}")
    with pytest.raises(RegistryDown, match="unable to open"):
        Lookup(database).find("acme", KEYS)
    with pytest.raises(RegistryError, match="no such table"):
        Lookup(Database(f"sqlite:///{tmp_path}/empty.db")).find("acme", KEYS)
