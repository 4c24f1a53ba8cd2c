"""One set of cases for the registry of consents, on SQLite and on a real PostgreSQL.

What `verify` finds is in tests/consent/test_verification.py, on both as well; several processes at once and `kill -9`
in tests/consent/test_writer.py.
"""

import hashlib
import pickle
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from sqlalchemy import text

from consent.address import Address
from consent.database import Database, RegistryDown, RegistryError
from consent.imports.row import DomainName
from consent.keys import Secrets, key_octets
from consent.model import ALL, NOTHING, Event, Known, State
from consent.records import ImportProgress
from consent.standing import build
from consent.store import ConsentStore, hashes
from tests.rig.consents import ANN, AT, BOB, HOUR, entry, given, many, withdrawn

pytest_plugins = ("tests.rig.contracts",)


@pytest.fixture
def registry(database: Database) -> Iterator[Database]:
    made = database.consent()
    made.upgrade()
    yield made
    made.close()


@pytest.fixture
def store(registry: Database, secrets: Secrets) -> Iterator[ConsentStore]:
    made = ConsentStore(registry, secrets)
    yield made
    assert made.verify().faults == []
    made.close()


# -- recording and looking up


def test_what_is_recorded_is_known_and_read_back(store: ConsentStore) -> None:
    assert store.known("acme", [ANN]) == [Known()]
    assert store.history("acme", ANN) == []
    assert store.last_batch() is None
    done = store.append("acme", [entry(ANN, ip="192.0.2.7", user_agent="Móz")])
    assert (done.new, done.known, done.numbers) == (1, 0, [1])
    assert done.batch is not None
    assert done.batch == store.last_batch() == store.batch(1)
    assert (done.batch.first, done.batch.count, done.batch.customer, done.batch.recorded) == (1, 1, "acme", AT)
    (known,) = store.known("acme", [Address.parse("ann@ACME.example")])
    assert known == Known(own=build([(1, given())]))
    assert store.standing("acme", ANN) == known.own
    (told,) = store.history("acme", ANN)
    assert told.personal == {"address": "Ann@Acme.example", "ip": "192.0.2.7", "user_agent": "Móz"}
    assert (told.number, told.batch, told.event.at, told.event.state) == (1, 1, AT, State.GIVEN)
    assert sorted(told.event.commitments) == ["address", "ip", "user_agent"]


def test_each_customer_sees_its_own_and_the_operator_s(store: ConsentStore) -> None:
    store.append("acme", [entry(ANN), entry(DomainName("brand.example"), withdrawn(1))])
    store.append("rival", [entry(ANN, given(2))])
    store.append(ALL, [entry(BOB, withdrawn(3)), entry(DomainName("acme.example"), withdrawn(4))])
    ann, bob = store.known("acme", [ANN, BOB])
    assert [each.grants[0].event for each in (ann.own, store.standing("rival", ANN))] == [1, 3]
    assert [len(each.withdrawals) for each in (ann.own, ann.own_domain, ann.operator, ann.operator_domain)] == [
        0,
        0,
        0,
        1,
    ]
    assert [len(each.withdrawals) for each in (bob.own, bob.own_domain, bob.operator, bob.operator_domain)] == [
        0,
        1,
        1,
        0,
    ]
    assert store.known("nobody", [ANN])[0].own == NOTHING
    assert store.history("nobody", ANN) == []


@pytest.mark.parametrize("count", [1, 2, 3, 5, 17, 600])
def test_a_look_up_of_any_number_of_recipients_answers_in_their_order(store: ConsentStore, count: int) -> None:
    store.append("acme", many(range(0, 700, 2)))
    addresses = [each.subject for each in many(range(count))]
    answers = store.known("acme", [each for each in addresses if isinstance(each, Address)])
    assert [bool(answer.own.grants) for answer in answers] == [number % 2 == 0 for number in range(count)]
    assert store.known("acme", []) == []


def test_a_history_keeps_its_order_and_events_of_others_out(store: ConsentStore) -> None:
    store.append("acme", [entry(ANN), entry(BOB)])
    store.append("rival", [entry(ANN)])
    store.append("acme", [entry(ANN, withdrawn(1), source="link"), entry(ANN, given(2), ip="192.0.2.8")])
    history = store.history("acme", ANN)
    assert [(each.number, each.batch, each.event.state) for each in history] == [
        (1, 1, State.GIVEN),
        (4, 3, State.WITHDRAWN),
        (5, 3, State.GIVEN),
    ]
    assert [each.personal and each.personal.get("ip") for each in history] == ["192.0.2.7", None, "192.0.2.8"]
    assert store.standing("acme", ANN) == build((each.number, each.event) for each in history)


def test_what_is_told_again_is_not_recorded_again(store: ConsentStore) -> None:
    store.append("acme", [entry(ANN)])
    again = store.append("acme", [entry(ANN), entry(BOB), entry(ANN), entry(BOB)])
    assert (again.new, again.known, again.numbers) == (1, 3, [None, 2, None, None])
    nothing = store.append("acme", [entry(BOB)])
    assert (nothing.new, nothing.known, nothing.batch) == (0, 1, None)
    assert store.append("acme", []).batch is None
    last = store.last_batch()
    assert last is not None
    assert (last.number, last.first, last.count) == (2, 2, 1)


def test_several_events_of_one_subject_in_one_batch(store: ConsentStore) -> None:
    events = [given(0), withdrawn(3), given(1, list="offers"), given(5)]
    done = store.append("acme", [entry(ANN, event, ip=f"192.0.2.{at}") for at, event in enumerate(events)])
    assert done.numbers == [1, 2, 3, 4]
    assert [each.personal and each.personal["ip"][-1] for each in store.history("acme", ANN)] == ["0", "1", "2", "3"]


def test_an_event_that_names_the_place_holder_of_its_number_is_kept_as_it_is(store: ConsentStore) -> None:
    store.append("acme", [entry(ANN, given(list="9223372036854775806"))])
    assert [(each.list, each.event) for each in store.standing("acme", ANN).grants] == [("9223372036854775806", 1)]


def test_a_large_batch_of_old_and_new_subjects(store: ConsentStore) -> None:
    store.append("acme", many(range(1500)))
    done = store.append("acme", [*many(range(1000, 3000)), *many(range(2900, 3100), grade=3)])
    assert (done.new, done.known) == (1700, 500)
    history = store.history("acme", Address.parse("user2950@list.example"))
    assert [each.event.grade for each in history] == [2, 3]
    assert [each.personal for each in history] == [{"address": "user2950@list.example", "ip": "192.0.2.7"}] * 2


def test_prepared_entries_can_be_sent_to_another_process(store: ConsentStore) -> None:
    prepared = pickle.loads(pickle.dumps(store.prepare("acme", many(range(10)))))
    assert store.write(prepared).new == 10
    assert b"192.0.2.7" not in pickle.dumps(prepared)
    assert "user1@list" not in repr(prepared)


def test_text_that_is_no_unicode_is_refused_before_anything_is_written(store: ConsentStore) -> None:
    with pytest.raises(ValueError):
        store.append("acme", [entry(ANN), entry(BOB, ip="\udcff")])
    assert store.last_batch() is None


# -- hashes


@pytest.mark.parametrize("which", range(3))
def test_a_hashed_block_is_found_for_its_address(store: ConsentStore, which: int) -> None:
    store.append("acme", [entry(ANN)])
    done = store.append("acme", [entry(hashes(ANN)[which], withdrawn(1))])
    assert done.new == 1
    store.append("acme", [entry(BOB)])
    ann, bob = store.known("acme", [ANN, BOB])
    assert len(ann.own.grants) == 1
    assert [each.event for each in ann.own.withdrawals] == [2]
    assert bob.own.withdrawals == ()
    assert store.known("rival", [ANN]) == [Known()]


def test_the_operator_s_hashed_block_holds_for_every_customer_and_a_hash_never_allows(store: ConsentStore) -> None:
    store.append(ALL, [entry(hashes(ANN)[2], withdrawn())])
    store.append("acme", [entry(hashes(BOB)[0], given())])
    ann, bob = store.known("acme", [ANN, BOB])
    assert len(ann.operator.withdrawals) == 1
    assert bob == Known()


def test_the_hashes_of_an_address_are_those_of_its_lower_case_forms() -> None:
    assert {each.algorithm: each.digest for each in hashes(ANN)} == {
        "md5": hashlib.md5(b"ann@acme.example").hexdigest(),
        "sha1": hashlib.sha1(b"ann@acme.example").hexdigest(),
        "sha256": hashlib.sha256(b"ann@acme.example").hexdigest(),
    }
    idn = hashes(Address.parse("Ann@Bücher.example"))
    assert len(idn) == 6
    assert hashlib.md5("ann@bücher.example".encode()).hexdigest() in [each.digest for each in idn]


# -- what must be durable elsewhere first


def test_what_stops_mail_is_told_before_it_is_committed(store: ConsentStore, registry: Database) -> None:
    told: list[tuple[bytes, int, Event]] = []

    def tell(items: Sequence[tuple[bytes, int, Event]]) -> None:
        told.extend(items)
        with registry.reading() as connection:
            assert connection.execute(text("SELECT count(*) FROM events")).scalar() == 0

    store.append("acme", [entry(ANN), entry(BOB, withdrawn(1)), entry(BOB, withdrawn(1))], before_commit=tell)
    ((key, number, event),) = told
    assert (number, event.state) == (2, State.WITHDRAWN)
    assert key == store._secrets.subject_octets(BOB)
    told.clear()
    store.append("acme", [entry(BOB, withdrawn(1)), entry(ANN, given(2))], before_commit=tell)
    assert told == []


def test_what_cannot_be_told_is_not_recorded(store: ConsentStore) -> None:
    def fail(items: object) -> None:
        raise OSError("the audit's disk is full")

    store.append("acme", [entry(ANN)])
    with pytest.raises(OSError, match="disk is full"):
        store.append("acme", [entry(ANN, withdrawn(1))], before_commit=fail)
    assert store.standing("acme", ANN).withdrawals == ()
    assert store.append("acme", [entry(ANN, withdrawn(1))]).numbers == [2]


def test_a_restored_registry_takes_what_the_audit_kept(
    store: ConsentStore, registry: Database, secrets: Secrets
) -> None:
    kept: list[tuple[bytes, Event]] = []
    store.append(
        "acme",
        [entry(ANN, withdrawn()), entry(hashes(BOB)[1], withdrawn(1)), entry(DomainName("spam.example"), withdrawn(2))],
        before_commit=lambda items: kept.extend((key, event) for key, _, event in items),
    )
    before = store.known("acme", [ANN, BOB, Address.parse("x@spam.example")])
    clear(registry)
    assert store.known("acme", [ANN]) == [Known()]
    assert store.restore("acme", iter(kept)) == 3
    assert store.restore("acme", iter(kept)) == 0
    assert store.known("acme", [ANN, BOB, Address.parse("x@spam.example")]) == before
    assert store.history("acme", ANN)[0].personal == {}


def clear(registry: Database) -> None:
    """As if from a backup of the first day."""
    with registry.writing() as connection:
        for table in ("events", "batches", "standings"):
            connection.execute(text(f"DELETE FROM {table}"))


# -- erasure


def test_erasure_takes_the_data_and_leaves_the_stop(store: ConsentStore, registry: Database) -> None:
    store.append("acme", [entry(ANN), entry(ANN, given(1, list="offers")), entry(BOB)])
    store.append("rival", [entry(ANN)])
    told: list[tuple[bytes, int, Event]] = []
    assert store.erase("acme", ANN, actor="token:1", now=AT + 5 * HOUR, before_commit=told.extend)
    assert [event.state for _, _, event in told] == [State.ERASED]
    assert not store.erase("acme", ANN, actor="token:1", now=AT + 6 * HOUR)
    history = store.history("acme", ANN)
    assert [(each.event.state, each.personal) for each in history] == [
        (State.GIVEN, None),
        (State.GIVEN, None),
        (State.ERASED, None),
    ]
    standing = store.standing("acme", ANN)
    assert (standing.grants, [each.reason for each in standing.withdrawals]) == ((), ["erasure"])
    for customer, address in (("rival", ANN), ("acme", BOB)):
        assert store.history(customer, address)[0].personal is not None
    with registry.reading() as connection:
        query = text("SELECT salt FROM standings WHERE customer = 'acme' AND last = 5")
        assert bytes(connection.execute(query).scalar_one()) == b""
        assert connection.execute(text("SELECT count(*) FROM events WHERE sealed IS NULL")).scalar() == 3


def test_an_import_does_not_bring_back_what_was_erased_and_a_new_act_does(store: ConsentStore) -> None:
    store.append("acme", [entry(ANN)])
    store.erase("acme", ANN, actor="x", now=AT + HOUR)
    store.append("acme", [entry(ANN, given(-9, imported=True)), entry(ANN, withdrawn(2))])
    assert [each.personal for each in store.history("acme", ANN)] == [None] * 4
    store.append("acme", [entry(ANN, given(3, grade=3), ip="192.0.2.9"), entry(ANN, given(4, list="offers"))])
    assert [each.personal and each.personal["ip"] for each in store.history("acme", ANN)[4:]] == [
        "192.0.2.9",
        "192.0.2.7",
    ]
    assert not any(each.personal for each in store.history("acme", ANN)[:4])
    assert store.erase("acme", ANN, actor="x", now=AT + 9 * HOUR)
    assert {str(each.personal) for each in store.history("acme", ANN)} == {"None"}


def test_erasure_covers_the_hashes_of_an_address_and_one_nobody_knew(store: ConsentStore) -> None:
    store.append("acme", [entry(hashes(ANN)[1], withdrawn())])
    assert store.erase("acme", ANN, actor="x", now=AT + HOUR)
    assert [each.personal for _, history in store.each("acme") for each in history] == [None, None, None]
    assert store.erase("acme", BOB, actor="x", now=AT + HOUR)
    store.append("acme", [entry(BOB, given(-1, imported=True))])
    assert [each.reason for each in store.known("acme", [BOB])[0].own.withdrawals] == ["erasure"]
    assert {each.personal is None for each in store.history("acme", BOB)} == {True}


def test_erasure_within_the_batch_that_told(store: ConsentStore) -> None:
    erased = Event(state=State.ERASED, party=ALL, list=ALL, at=AT, recorded=AT)
    store.append("acme", [entry(ANN)])
    store.append("acme", [entry(ANN, given(1)), entry(ANN, erased), entry(BOB), entry(BOB, erased)])
    for address in (ANN, BOB):
        assert {each.personal is None for each in store.history("acme", address)} == {True}


def test_a_replayed_erasure_erases(store: ConsentStore, secrets: Secrets) -> None:
    store.append("acme", [entry(ANN)])
    erased = Event(state=State.ERASED, party=ALL, list=ALL, at=AT + HOUR, recorded=AT + HOUR)
    assert store.restore("acme", [(secrets.subject_octets(ANN), erased)]) == 1
    assert [each.personal for each in store.history("acme", ANN)] == [None, None]


# -- export


def test_every_subject_is_exported_once_in_order(store: ConsentStore, secrets: Secrets) -> None:
    store.append("acme", many(range(1203)))
    store.append("acme", [entry(hashes(ANN)[0], withdrawn()), entry(ANN, given(list="offers"))])
    store.append("rival", many(range(5)))
    found = list(store.each("acme"))
    assert len(found) == 1205
    keys = [key_octets(key) for key, _ in found]
    assert keys == sorted(keys)
    assert dict(found)[secrets.address_key(ANN)][0].personal == {"address": ANN.text, "ip": "192.0.2.7"}
    assert len(list(store.each("acme", "offers"))) == 2
    assert list(store.each("nobody")) == []


# -- imports


def test_progress_is_written_with_the_batch_or_not_at_all(store: ConsentStore, registry: Database) -> None:
    with registry.writing() as connection:
        connection.execute(
            text(
                "INSERT INTO imports (id, customer, list, document, status, phase, done, counts, errors, sha256, created) "
                "VALUES ('I1', 'acme', 'news', '{}', 'running', 'survey', 0, '{}', '[]', '', 1)"
            )
        )
    progress = ImportProgress("consents", 20, {"new": 5, "refused": 2}, '[{"line":3}]')
    store.append("acme", many(range(3)))
    store.write(store.prepare("acme", many(range(20))), import_id="I1", progress=progress)
    with registry.reading() as connection:
        row = connection.execute(text("SELECT phase, done, counts, errors FROM imports")).one()
    assert tuple(row) == ("consents", 20, '{"new":22,"refused":2,"known":3}', '[{"line":3}]')
    last = store.last_batch()
    assert last is not None
    assert last.import_id == "I1"
    store.write(store.prepare("acme", many(range(20))), import_id="I1", progress=replace(progress, done=40))
    with registry.reading() as connection:
        assert connection.execute(text("SELECT done FROM imports")).scalar() == 40
    with pytest.raises(RegistryError, match="there is no import 'I2'"):
        store.write(store.prepare("acme", many([99])), import_id="I2", progress=progress)
    assert store.last_batch() == last


# -- failures


def test_a_registry_without_its_tables_says_so(database: Database, secrets: Secrets, url: str) -> None:
    with database.writing() as connection:
        connection.execute(text("DROP TABLE standings"))
    store = ConsentStore(database, secrets)
    for attempt in (lambda: store.known("acme", [ANN]), lambda: store.append("acme", [entry(ANN)])):
        with pytest.raises(RegistryError, match="standings") as caught:
            attempt()
        assert not isinstance(caught.value, RegistryDown)
    store.close()


def test_a_damaged_standing_is_named_and_nothing_is_written_over_it(registry: Database, secrets: Secrets) -> None:
    store = ConsentStore(registry, secrets)
    store.append("acme", [entry(ANN)])
    with registry.writing() as connection:
        connection.execute(text("UPDATE standings SET standing = '[1]'"))
    for attempt in (lambda: store.known("acme", [ANN]), lambda: store.append("acme", [entry(ANN, given(1))])):
        with pytest.raises(RegistryError, match=r"cannot be read by this version.*postern consent verify") as caught:
            attempt()
        assert secrets.address_key(ANN) in str(caught.value)
    store.close()


def test_connections_that_were_lost_are_made_anew(store: ConsentStore, registry: Database) -> None:
    store.append("acme", [entry(ANN)])
    store.known("acme", [ANN])
    if not registry.is_sqlite:
        with registry.reading() as killer:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
            assert len(killer.execute(text(others)).all()) >= 2
    assert store.known("acme", [ANN])[0].own.grants
    assert store.append("acme", [entry(BOB)]).new == 1
    store.close()
    assert store.known("acme", [BOB])[0].own.grants


def test_threads_record_at_once_without_gaps(store: ConsentStore) -> None:
    def record(start: int) -> None:
        for number in range(start, start + 10):
            store.append("acme", many([number]))

    threads = [threading.Thread(target=record, args=(start,)) for start in range(0, 80, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    last = store.last_batch()
    assert last is not None
    assert (last.number, last.first) == (80, 80)
