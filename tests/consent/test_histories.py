"""Histories are read back whole, and damage is told rather than shown."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from consent.database import Database, RegistryError
from consent.histories import Histories
from consent.keys import Secrets
from consent.sealing import Sealer
from consent.store import ConsentStore
from tests.rig.consents import ANN, BOB, entry, given, many
from tests.rig.registry import secrets as made_secrets
from tests.rig.registry import sqlite


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return made_secrets(tmp_path)


@pytest.fixture
def database(tmp_path: Path, secrets: Secrets) -> Iterator[Database]:
    with sqlite(tmp_path) as made:
        store = ConsentStore(made, secrets)
        store.append("acme", [entry(ANN, given(number)) for number in range(1200)])
        store.append("acme", many(range(30), list="offers"))
        store.close()
        yield made


def test_a_long_history_is_whole(database: Database, secrets: Secrets) -> None:
    histories = Histories(database, Sealer(secrets))
    found = histories.of("acme", secrets.subject_octets(ANN))
    assert [each.number for each in found] == list(range(1, 1201))
    assert {each.batch for each in found} == {1}
    assert {str(each.personal) for each in found} == {str({"address": ANN.text, "ip": "192.0.2.7"})}
    assert histories.of("acme", secrets.subject_octets(BOB)) == []


def test_all_of_a_list_in_small_pieces(database: Database, secrets: Secrets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consent.histories._AT_ONCE", 4)
    histories = Histories(database, Sealer(secrets))
    keys = [key for key, _ in histories.each("acme", None)]
    assert len(keys) == len(set(keys)) == 31
    assert [len(history) for _, history in histories.each("acme", "offers")] == [1] * 30


def test_salts_of_those_on_record(database: Database, secrets: Secrets) -> None:
    keys = [secrets.subject_octets(each) for each in (ANN, BOB)]
    assert [len(salt) for salt in Histories(database, Sealer(secrets)).salts("acme", keys).values()] == [16]


def test_damage_is_told(database: Database, secrets: Secrets) -> None:
    histories, key = Histories(database, Sealer(secrets)), secrets.subject_octets(ANN)
    with database.writing() as connection:
        connection.execute(text("UPDATE events SET sealed = x'01' WHERE number = 7"))
    with pytest.raises(RegistryError, match=r"event 7: personal fields were altered.*postern consent verify"):
        histories.of("acme", key)
    with database.writing() as connection:
        connection.execute(text("UPDATE events SET body = x'01', sealed = NULL WHERE number = 7"))
    with pytest.raises(RegistryError, match=r"event 7: .*postern consent verify"):
        histories.of("acme", key)


def test_the_keys_that_begin_alike(database: Database, secrets: Secrets) -> None:
    histories = Histories(database, Sealer(secrets))
    key = secrets.subject_octets(ANN)
    assert histories.keys("acme", key[:13]) == [key]
    assert histories.keys("acme", key) == [key]
    assert len(histories.keys("acme", key[:1])) == 2
    assert histories.keys("other", key[:13]) == []
    assert histories.keys("acme", secrets.subject_octets(BOB)[:13]) == []


def test_the_events_of_many_are_read_at_once_without_what_was_sealed(database: Database, secrets: Secrets) -> None:
    histories = Histories(database, Sealer(secrets))
    keys = [secrets.subject_octets(each.subject) for each in many(range(30))]
    found = histories.events("acme", [secrets.subject_octets(ANN), *keys, secrets.subject_octets(BOB)])
    assert set(found) == {secrets.subject_octets(ANN), *keys}
    whole = [(each.number, each.event) for each in histories.of("acme", secrets.subject_octets(ANN))]
    assert found[secrets.subject_octets(ANN)] == whole
    assert {len(found[key]) for key in keys} == {1}
    assert histories.events("nobody", keys) == {}
