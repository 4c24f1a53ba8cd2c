"""Whatever is changed in the registry shows: each case on SQLite and on a real PostgreSQL."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, text

from consent.database import Database
from consent.imports.row import DomainName
from consent.keys import Secrets
from consent.model import State
from consent.store import ConsentStore, hashes
from tests.rig.consents import ANN, AT, BOB, HOUR, entry, given, many, withdrawn

pytest_plugins = ("tests.rig.contracts",)

Tamper = Callable[[Connection], Any]


@pytest.fixture
def registry(database: Database) -> Iterator[Database]:
    made = database.consent()
    made.upgrade()
    yield made
    made.close()


@pytest.fixture
def store(registry: Database, secrets: Secrets) -> Iterator[ConsentStore]:
    """Seven events in four batches: Ann's are 1, 4 and 5."""
    made = ConsentStore(registry, secrets)
    made.append("acme", [entry(ANN), entry(BOB), entry(DomainName("spam.example"), withdrawn())])
    made.append("acme", [entry(ANN, withdrawn(1))])
    made.append("acme", [entry(ANN, given(2)), entry(hashes(BOB)[1], withdrawn())])
    made.append("rival", [entry(ANN, given(3))])
    yield made
    made.close()


def sql(*statements: str) -> Tamper:
    def tamper(connection: Connection) -> None:
        for statement in statements:
            assert connection.execute(text(statement)).rowcount >= 1, statement

    return tamper


def body(number: int, before: str, after: str) -> Tamper:
    def tamper(connection: Connection) -> None:
        found = bytes(connection.execute(text(f"SELECT body FROM events WHERE number = {number}")).scalar_one())
        assert before.encode() in found
        value = {"body": found.replace(before.encode(), after.encode(), 1)}
        connection.execute(text(f"UPDATE events SET body = :body WHERE number = {number}"), value)

    return tamper


def key_of(number: int, other: int) -> Tamper:
    return sql(f"UPDATE events SET key = (SELECT key FROM events WHERE number = {other}) WHERE number = {number}")


def swapped(one: int, other: int) -> Tamper:
    return sql(
        f"UPDATE events SET number = -1 WHERE number = {one}",
        f"UPDATE events SET number = {one} WHERE number = {other}",
        f"UPDATE events SET number = {other} WHERE number = -1",
    )


def sealed_of(number: int, other: int) -> Tamper:
    return sql(f"UPDATE events SET sealed = (SELECT sealed FROM events WHERE number = {other}) WHERE number = {number}")


COPY = "INSERT INTO events (number, customer, key, previous, body, sealed) SELECT {}, customer, key, {}, body, sealed FROM events WHERE number = {}"
ANN_S = "customer = 'acme' AND last = 5"

TAMPERED: list[tuple[str, Tamper, list[str]]] = [
    (
        "a changed body",
        body(2, '"grade":2', '"grade":4'),
        ["batch 1 or one of its events, 1 to 3, was changed", "standing is not what"],
    ),
    ("a body that is no event", body(2, '"given"', '"gone!"'), ["batch 1 or", "an event cannot be read"]),
    ("a changed key", key_of(2, 3), ["batch 1 or", "leads to, is missing or not its own"]),
    (
        "a changed customer",
        sql("UPDATE events SET customer = 'rival' WHERE number = 2"),
        ["event 2 names customer 'rival', its batch 'acme'", "not its own"],
    ),
    (
        "an event taken out",
        sql("DELETE FROM events WHERE number = 4"),
        ["event 4 is missing", "event 4, which its history leads to, is missing"],
    ),
    ("two events changed about", swapped(1, 2), ["batch 1 or", "not its own"]),
    ("an event put in at the end", sql(COPY.format(8, 5, 5)), ["1 events are in no batch, the first is 8"]),
    ("an event put in before the first", sql(COPY.format(0, "NULL", 5)), ["1 events are in no batch, the first is 0"]),
    (
        "a batch taken out",
        sql("DELETE FROM batches WHERE number = 2"),
        ["batch 2 is missing", "batch 3 begins with event 5 and not 4", "batch 3 or"],
    ),
    (
        "two batches taken out",
        sql("DELETE FROM batches WHERE number IN (2, 3)"),
        ["batch 2 is missing, and more before 4"],
    ),
    ("the first batch taken out", sql("DELETE FROM batches WHERE number = 1"), ["batch 1 is missing"]),
    (
        "a batch's hash",
        sql("UPDATE batches SET hash = (SELECT hash FROM batches WHERE number = 1) WHERE number = 2"),
        ["batch 2 or", "batch 3 or"],
    ),
    ("a batch's time", sql("UPDATE batches SET recorded = recorded + 1 WHERE number = 2"), ["batch 2 or"]),
    ("a batch's import", sql("UPDATE batches SET import_id = 'I1' WHERE number = 2"), ["batch 2 or"]),
    (
        "a batch's customer",
        sql("UPDATE batches SET customer = 'rival' WHERE number = 2"),
        ["event 4 names customer 'acme', its batch 'rival'", "batch 2 or"],
    ),
    ("a batch's count", sql("UPDATE batches SET count = 1000000000000000 WHERE number = 4"), ["event 8 is missing"]),
    (
        "a batch's count below none",
        sql("UPDATE batches SET count = -5 WHERE number = 2"),
        ["batch 3 begins with event 5 and not 4"],
    ),
    (
        "a link that leaves one out",
        sql("UPDATE events SET previous = 1 WHERE number = 5"),
        ["batch 3 or", "standings lead to 6 of 7 events", "standing is not what"],
    ),
    (
        "a link cut off",
        sql("UPDATE events SET previous = NULL WHERE number = 4"),
        ["batch 2 or", "standings lead to 6 of 7"],
    ),
    (
        "a link to another's event",
        sql("UPDATE events SET previous = 2 WHERE number = 4"),
        ["batch 2 or", "event 2, which its history leads to"],
    ),
    (
        "a link to itself",
        sql("UPDATE events SET previous = 4 WHERE number = 4"),
        ["batch 2 or", "event 4, which its history leads to"],
    ),
    (
        "a changed standing",
        sql(f"UPDATE standings SET standing = '[]' WHERE {ANN_S}"),
        ["its standing is not what its events come to"],
    ),
    (
        "a standing behind",
        sql(f"UPDATE standings SET last = 4 WHERE {ANN_S}"),
        ["standings lead to 6 of 7 events", "standing is not what"],
    ),
    (
        "a standing taken out",
        sql("DELETE FROM standings WHERE customer = 'rival'"),
        ["standings lead to 6 of 7 events; event 7 has no standing"],
    ),
    (
        "a standing put in",
        sql(
            "INSERT INTO standings (customer, key, salt, last, standing) SELECT 'other', key, salt, last, standing FROM standings WHERE last = 7"
        ),
        ["of customer 'other': event 7, which"],
    ),
    (
        "a salt of another",
        sql(f"UPDATE standings SET salt = (SELECT salt FROM standings WHERE last = 2) WHERE {ANN_S}"),
        ["event 5: personal fields were altered", "event 1: personal fields were altered"],
    ),
    (
        "a destroyed salt",
        sql(f"UPDATE standings SET salt = (SELECT salt FROM standings WHERE last = 0) WHERE {ANN_S}"),
        ["event 5: its personal fields should have been erased"],
    ),
    (
        "sealed fields taken out",
        sql("UPDATE events SET sealed = NULL WHERE number = 4"),
        ["event 4: its personal fields are missing"],
    ),
    ("sealed fields of another subject", sealed_of(2, 1), ["event 2: personal fields were altered"]),
    ("sealed fields of another event", sealed_of(7, 6), ["event 7: personal fields were altered"]),
    (
        "the mark for hashes taken out",
        sql("DELETE FROM standings WHERE last = 0"),
        ["the mark for hashes of customer 'acme' is missing"],
    ),
    (
        "the mark for hashes changed",
        sql("UPDATE standings SET standing = 'x' WHERE last = 0"),
        ["the mark for hashes of customer 'acme' was changed"],
    ),
]


def test_an_untouched_registry_has_no_faults(store: ConsentStore) -> None:
    steps: list[tuple[int, int]] = []
    found = store.verify(lambda done, of: steps.append((done, of)), anchor=_end(store))
    assert (found.events, found.batches, found.faults) == (7, 4, [])
    assert found.last == store.last_batch()
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert {of for _, of in steps} == {14}


def test_an_empty_registry_has_no_faults(registry: Database, secrets: Secrets) -> None:
    found = ConsentStore(registry, secrets).verify()
    assert (found.events, found.batches, found.faults, found.last) == (0, 0, [], None)


@pytest.mark.parametrize(("tamper", "faults"), [case[1:] for case in TAMPERED], ids=[case[0] for case in TAMPERED])
def test_tampering_shows(store: ConsentStore, registry: Database, tamper: Tamper, faults: list[str]) -> None:
    with registry.writing() as connection:
        tamper(connection)
    found = store.verify(anchor=_end(store))
    for fault in faults:
        assert any(fault in each for each in found.faults), found.faults


def _end(store: ConsentStore) -> tuple[int, str]:
    last = store.last_batch()
    assert last is not None
    return last.number, last.hash


def test_a_commitment_that_does_not_fit_shows(store: ConsentStore, registry: Database) -> None:
    """Fields sealed anew, under the right key, by someone who has the secrets."""
    with registry.reading() as connection:
        salt, key = connection.execute(text("SELECT salt, key FROM standings WHERE customer = 'rival'")).one()
    forged = store._sealer._keys.of("rival", bytes(key), bytes(salt)).seal(
        b'{"address":"ann@acme.example","ip":"203.0.113.1"}'
    )
    with registry.writing() as connection:
        connection.execute(text("UPDATE events SET sealed = :sealed WHERE number = 7"), {"sealed": forged})
    assert store.verify().faults == ["event 7: personal fields are not those the event was recorded with"]


def test_a_missing_end_shows_against_an_anchor_only(store: ConsentStore, registry: Database) -> None:
    anchor = _end(store)
    with registry.writing() as connection:
        connection.execute(text("DELETE FROM standings WHERE customer = 'rival'"))
        connection.execute(text("DELETE FROM events WHERE number = 7"))
        connection.execute(text("DELETE FROM batches WHERE number = 4"))
    assert store.verify().faults == []
    assert store.verify(anchor=anchor).faults == [
        "the end is missing: batch 4 is on record elsewhere, and here the last is 3"
    ]


def test_a_history_written_anew_shows_against_an_anchor(
    registry: Database, secrets: Secrets, store: ConsentStore
) -> None:
    anchor = _end(store)
    with registry.writing() as connection:
        for table in ("standings", "events", "batches"):
            connection.execute(text(f"DELETE FROM {table}"))
    for _ in range(4):
        store.append("acme", many(range(_ * 3, _ * 3 + 3)))
    assert store.verify().faults == []
    assert store.verify(anchor=anchor).faults == ["batch 4 is not the one that is on record elsewhere"]


def test_an_erased_subject_s_fields_that_came_back_show(store: ConsentStore, registry: Database) -> None:
    with registry.reading() as connection:
        sealed = connection.execute(text("SELECT sealed FROM events WHERE number = 1")).scalar_one()
    store.erase("acme", ANN, actor="x", now=AT + 9 * HOUR)
    store.append("acme", [entry(ANN, given(10, grade=3))])
    assert store.verify().faults == []
    with registry.writing() as connection:
        connection.execute(text("UPDATE events SET sealed = :sealed WHERE number = 1"), {"sealed": sealed})
    assert store.verify().faults == ["event 1: its personal fields should have been erased"]


def test_the_chain_cannot_be_made_without_the_secrets(store: ConsentStore, registry: Database, tmp_path: Any) -> None:
    other = ConsentStore(registry, Secrets.load_or_create(tmp_path / "other.toml"))
    assert sum("was changed" in fault for fault in other.verify().faults) == 4
    other.close()


def test_what_is_recorded_during_a_check_is_not_part_of_it(store: ConsentStore) -> None:
    rounds = 0

    def meanwhile(done: int, of: int) -> None:
        nonlocal rounds
        rounds += 1
        store.append("acme", [entry(ANN, given(20 + rounds)), entry(BOB, withdrawn(20 + rounds)), *many([rounds])])

    found = store.verify(meanwhile)
    assert rounds > 3
    assert (found.events, found.faults) == (7, [])
    assert store.verify().faults == []


def test_very_many_faults_are_counted(store: ConsentStore, registry: Database) -> None:
    store.append("acme", many(range(300)))
    with registry.writing() as connection:
        connection.execute(text("UPDATE standings SET standing = '[]' WHERE last > 7"))
    faults = store.verify().faults
    assert len(faults) == 101
    assert faults[-1] == "and 200 more"
    assert State.GIVEN not in faults[0]
