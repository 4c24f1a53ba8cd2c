"""One set of cases for tokens, subjects, heads and repeats, on SQLite and on a real PostgreSQL."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from consent.address import Address
from consent.customers import CustomerStore, UnknownCustomer
from consent.database import Database, RegistryError
from consent.heads import HeadStore
from consent.keys import Secrets
from consent.repeats import Repeat, RepeatStore
from consent.schema import metadata
from consent.subjects import SubjectStore
from consent.tokens import TokenError, TokenStore
from tests.rig.registry import NOW, customer

pytest_plugins = ("tests.rig.contracts",)

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def subjects(database: Database, secrets: Secrets) -> Iterator[SubjectStore]:
    made = SubjectStore(database, secrets)
    yield made
    made.close()


# -- tokens


def test_a_token_is_known_again_until_it_is_revoked(database: Database) -> None:
    tokens = TokenStore(database)
    number, token = tokens.create("auditor", None, NOW)
    assert token.startswith(f"postern_{number}_")
    found = tokens.check(token)
    assert found is not None
    assert (found.id, found.role, found.customer, found.created) == (number, "auditor", None, NOW)
    assert tokens.revoke(number, LATER)
    assert not tokens.revoke(number, LATER)
    assert tokens.check(token) is None
    assert [each.revoked for each in tokens.list()] == [LATER]


def test_only_a_token_s_hash_is_stored(database: Database) -> None:
    _, token = TokenStore(database).create("admin", None, NOW)
    with database.reading() as connection:
        assert token.rpartition("_")[2] not in str(connection.execute(metadata.tables["tokens"].select()).all())


def test_texts_that_are_no_token_are_refused(database: Database) -> None:
    tokens = TokenStore(database)
    number, token = tokens.create("admin", None, NOW)
    unknown = f"postern_{'0' * 12}_{'A' * 43}"
    for wrong in ("", token[:-1], token + "A", token.upper(), f"postern_{number}_{'A' * 43}", unknown, "é\udcff"):
        assert tokens.check(wrong) is None


def test_a_customer_s_token_names_a_customer_that_exists(database: Database, customers: CustomerStore) -> None:
    tokens = TokenStore(database)
    customers.apply([customer("acme")], NOW)
    _, token = tokens.create("customer", "acme", NOW)
    found = tokens.check(token)
    assert found is not None
    assert found.customer == "acme"
    with pytest.raises(UnknownCustomer):
        tokens.create("customer", "nobody", NOW)
    for role, whose in (("customer", None), ("admin", "acme"), ("root", None)):
        with pytest.raises(TokenError):
            tokens.create(role, whose, NOW)
    with pytest.raises(TokenError, match="no token 'x'"):
        tokens.revoke("x", NOW)


# -- subjects


ANN, BOB = Address.parse("ann@acme.example"), Address.parse("Bob@brand.example")


def test_a_sealed_address_opens_and_tells_nothing_by_itself(subjects: SubjectStore, secrets: Secrets) -> None:
    sealed = subjects.seal([ANN, BOB, ANN])
    assert [key for key, _ in sealed] == [secrets.address_key(address) for address in (ANN, BOB, ANN)]
    assert [subjects.open(key, text or "") for key, text in sealed] == [ANN.text, BOB.text, ANN.text]
    assert sealed[0][1] != sealed[2][1]
    assert not any("ann" in (text or "") or "acme" in (text or "") for _, text in sealed)


def test_what_one_node_seals_another_opens(database: Database, secrets: Secrets, subjects: SubjectStore) -> None:
    other = SubjectStore(database, secrets)
    ((key, mine),), ((_, theirs),) = subjects.seal([ANN]), other.seal([ANN])
    assert other.open_all([(key, mine or ""), (key, theirs or "")]) == [ANN.text, ANN.text]
    assert subjects.open(key, theirs or "") == ANN.text
    other.close()


def test_many_addresses_at_once(subjects: SubjectStore) -> None:
    addresses = [Address.parse(f"user{number}@acme.example") for number in range(1203)]
    sealed = subjects.seal(addresses)
    assert subjects.open_all([(key, text or "") for key, text in sealed]) == [address.text for address in addresses]


def test_an_erased_subject_is_unreadable_and_stays_erased(
    database: Database, secrets: Secrets, subjects: SubjectStore
) -> None:
    other = SubjectStore(database, secrets)
    ((key, sealed),) = other.seal([ANN])
    subjects.destroy(key)
    subjects.destroy(key)
    assert subjects.seal([ANN, BOB])[0] == (key, None)
    assert subjects.open(key, sealed or "") is None
    # The other node still has the key in memory: what it seals with it opens nowhere.
    ((_, late),) = other.seal([ANN])
    assert other.open(key, late or "") is None
    other.close()
    third = SubjectStore(database, secrets)
    assert third.seal([ANN]) == [(key, None)]
    third.close()


def test_a_subject_erased_before_it_was_ever_seen_gets_no_key(subjects: SubjectStore, secrets: Secrets) -> None:
    key = secrets.address_key(ANN)
    subjects.destroy(key)
    assert subjects.seal([ANN]) == [(key, None)]


def test_texts_that_are_not_the_subject_s_do_not_open(subjects: SubjectStore) -> None:
    (ann, sealed), (bob, _) = subjects.seal([ANN, BOB])
    assert subjects.open(bob, sealed or "") is None
    assert subjects.open(ann, "1:AAAA") is None
    assert subjects.open("1:nobody", sealed or "") is None


def test_nodes_that_meet_a_subject_at_once_use_one_key(database: Database, secrets: Secrets) -> None:
    addresses = [Address.parse(f"user{number}@acme.example") for number in range(200)]
    stores = [SubjectStore(database, secrets) for _ in range(4)]
    found: list[list[tuple[str, str | None]]] = []

    def seal(store: SubjectStore) -> None:
        for start in range(0, len(addresses), 10):
            found.append(store.seal(addresses[start : start + 10]))

    threads = [threading.Thread(target=seal, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    pairs = [(key, text or "") for group in found for key, text in group]
    assert None not in stores[0].open_all(pairs)
    assert len(pairs) == 800
    for store in stores:
        store.close()


# -- heads and repeats


def test_a_process_has_one_head_the_last(database: Database) -> None:
    heads = HeadStore(database)
    heads.put("node1-1", "head one", NOW)
    heads.put("node1-2", "other", NOW)
    heads.put("node1-1", "head two", LATER)
    assert heads.all() == {"node1-1": "head two", "node1-2": "other"}


def test_repeats_reach_other_nodes_and_are_forgotten_by_them(database: Database) -> None:
    repeats = RepeatStore(database)
    assert repeats.changed_since(0) == (0, ())
    digest = bytes(range(32))
    repeats.put("acme", digest, "REF1", NOW)
    seen, changed = repeats.changed_since(0)
    assert changed == (Repeat("acme", digest, "REF1", NOW, False),)
    assert repeats.changed_since(seen) == (seen, ())
    assert repeats.delete("acme", digest)
    assert not repeats.delete("acme", digest)
    after, changed = repeats.changed_since(seen)
    assert [each.heard for each in changed] == [True]
    repeats.put("acme", digest, "REF2", LATER)
    _, changed = repeats.changed_since(after)
    assert changed == (Repeat("acme", digest, "REF2", LATER, False),)


def test_old_repeats_are_purged(database: Database) -> None:
    repeats = RepeatStore(database)
    repeats.put("acme", bytes(32), "OLD", NOW)
    repeats.put("acme", b"n" * 32, "NEW", LATER)
    assert repeats.purge(LATER) == 1
    assert [each.reference for each in repeats.changed_since(0)[1]] == ["NEW"]
    with pytest.raises(ValueError, match="32 octets"):
        repeats.put("acme", b"short", "X", NOW)


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(RegistryError, match="aware"):
        HeadStore(database).put("p", "x", NOW.replace(tzinfo=None))
