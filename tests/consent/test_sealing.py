"""What is sealed opens under its subject's key only, and is exactly what was committed to."""

from pathlib import Path

import pytest
from hypothesis import given as cases
from hypothesis import settings
from hypothesis import strategies as st

from consent.imports.row import DomainName, Hashed
from consent.keys import Secrets, Unsealable
from consent.model import NOTHING, State
from consent.records import Entry
from consent.sealing import (
    Sealer,
    decode_event,
    decode_standing,
    encode_standing,
    numbered,
    seal,
    shown,
    unseal,
)
from consent.standing import apply
from tests.rig.consents import ANN, AT, BOB, entry, given, many, withdrawn


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    return Secrets.load_or_create(tmp_path_factory.mktemp("secrets") / "secrets.toml")


@pytest.fixture(scope="module")
def sealer(secrets: Secrets) -> Sealer:
    return Sealer(secrets)


SALT = bytes(16)
KEY = b"\x01" + bytes(32)
FIELDS = st.dictionaries(st.text(max_size=8), st.text(max_size=40), max_size=4)


@settings(max_examples=100, deadline=None)
@cases(FIELDS)
def test_fields_come_back_as_they_were(sealer: Sealer, fields: dict[str, str]) -> None:
    key = sealer.key("acme", KEY, SALT)
    assert key is not None
    body, sealed = seal(key, given(), fields)
    event = decode_event(body)
    assert sorted(event.commitments) == sorted(fields)
    assert unseal(key, event, sealed or None) == fields
    assert unseal(None, event, sealed or None) is None


def test_fields_are_bound_to_subject_customer_salt_and_secrets(sealer: Sealer, tmp_path: Path) -> None:
    key = sealer.key("acme", KEY, SALT)
    assert key is not None
    body, sealed = seal(key, given(), {"ip": "192.0.2.7"})
    other = Sealer(Secrets.load_or_create(tmp_path / "other.toml"))
    strangers = [
        sealer.key("rival", KEY, SALT),
        sealer.key("acme", b"\x02" + KEY[1:], SALT),
        sealer.key("acme", KEY, b"1" * 16),
        other.key("acme", KEY, SALT),
    ]
    for stranger in strangers:
        assert stranger is not None
        assert stranger.commitments({"ip": "192.0.2.7"}) != decode_event(body).commitments
        with pytest.raises(Unsealable):
            unseal(stranger, decode_event(body), sealed)
    for damaged in (b"", b"\x02" + sealed[1:], sealed[:-1], sealed[:-1] + b"\x00"):
        with pytest.raises(Unsealable):
            unseal(key, decode_event(body), damaged)


def test_fields_that_were_not_committed_to_do_not_pass(sealer: Sealer) -> None:
    key = sealer.key("acme", KEY, SALT)
    assert key is not None
    body, _ = seal(key, given(), {"ip": "192.0.2.7"})
    for fields in (b'{"ip":"192.0.2.8"}', b'{"ip":"192.0.2.7","ua":"x"}', b"{}", b"[]", b'{"ip":7}'):
        with pytest.raises(Unsealable):
            unseal(key, decode_event(body), key.seal(fields))


def test_a_destroyed_salt_gives_no_key(sealer: Sealer) -> None:
    assert sealer.key("acme", KEY, b"") is None
    assert unseal(None, given(), None) is None


def test_entries_are_prepared_as_of_new_subjects(sealer: Sealer, secrets: Secrets) -> None:
    prepared = sealer.prepare("acme", [entry(ANN), entry(BOB, withdrawn(2)), entry(BOB, given(3))])
    assert prepared.keys == [secrets.subject_octets(each) for each in (ANN, BOB, BOB)]
    assert prepared.salts[0] != prepared.salts[1] == prepared.salts[2]
    assert (prepared.stopping, prepared.hashed, prepared.recorded) == ([1], False, given(3).recorded)
    assert decode_standing(numbered(prepared.standings[0], 12)) == apply(NOTHING, given(), 12)
    assert prepared.standings[1:] == ["", ""]
    key = sealer.key("acme", prepared.keys[0], prepared.salts[0])
    assert unseal(key, decode_event(prepared.bodies[0]), prepared.sealed[0]) == {"address": ANN.text, "ip": "192.0.2.7"}


def test_nothing_at_all_can_be_prepared(sealer: Sealer) -> None:
    prepared = sealer.prepare("acme", [])
    assert (prepared.keys, prepared.recorded) == ([], 0)
    assert sealer.bare("acme", []).keys == []


def test_salts_of_a_batch_are_all_different(sealer: Sealer) -> None:
    salts = sealer.prepare("acme", many(range(100))).salts
    assert len(set(salts)) == 100
    assert {len(salt) for salt in salts} == {16}


def test_bare_events_carry_nothing_personal(sealer: Sealer) -> None:
    event = decode_event(sealer.prepare("acme", [Entry(Hashed("md5", "0" * 32), withdrawn())]).bodies[0])
    assert list(event.commitments) == ["hash"]
    bare = sealer.bare("acme", [(KEY, event)])
    assert bare.hashed
    assert decode_event(bare.bodies[0]) == withdrawn()
    assert (bare.sealed, bare.standings, bare.stopping, bare.recorded) == ([b""], [""], [0], AT)


def test_an_erasure_carries_nothing_personal(sealer: Sealer) -> None:
    prepared = sealer.prepare("acme", [entry(ANN, given(state=State.ERASED))])
    assert prepared.sealed == [b""]
    assert decode_event(prepared.bodies[0]).commitments == {}


def test_a_subject_is_kept_under_the_name_of_its_kind() -> None:
    assert shown(ANN) == ("address", "Ann@Acme.example")
    assert shown(DomainName("acme.example")) == ("domain", "acme.example")
    assert shown(Hashed("sha1", "ab")) == ("hash", "sha1:ab")


def test_a_standing_is_the_same_text_again() -> None:
    standing = apply(NOTHING, given(), 5)
    assert standing is not None
    assert encode_standing(decode_standing(encode_standing(standing))) == encode_standing(standing)
