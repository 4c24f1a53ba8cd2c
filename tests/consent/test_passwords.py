"""Passwords become hashes, and a hash that still fits is kept."""

from argon2 import PasswordHasher

from config.customers import Credential, Customer
from consent.passwords import generated, hashed, hashed_beside
from tests.rig.registry import QUICK

STORED = QUICK.hash("correct horse")


def one(known: dict[str, str], credential: Credential, hasher: PasswordHasher = QUICK) -> Credential:
    customer = Customer(id="acme", name="Acme", domains=("acme.example",), credentials=(credential,))
    return hashed([customer], {name: (each,) for name, each in known.items()}, hasher)[0].credentials[0]


def test_a_plain_password_is_hashed_and_gone() -> None:
    credential = one({}, Credential(username="app", password="correct horse"))
    assert credential.password is None
    assert credential.password_hash is not None
    assert QUICK.verify(credential.password_hash, "correct horse")
    assert "correct horse" not in repr(credential)


def test_a_stored_hash_that_the_password_fits_is_kept_whatever_the_case_of_the_username() -> None:
    assert one({"app": STORED}, Credential(username="App", password="correct horse")).password_hash == STORED


def test_another_password_a_damaged_hash_and_weaker_parameters_make_a_new_hash() -> None:
    plain = Credential(username="app", password="correct horse")
    assert one({"app": QUICK.hash("something else")}, plain).password_hash != STORED
    assert one({"app": "$argon2id$damaged"}, plain).password_hash is not None
    stronger = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
    assert "t=2" in (one({"app": STORED}, plain, stronger).password_hash or "")


def test_a_hash_as_written_and_networks_are_left_alone() -> None:
    for credential in (Credential(username="app", password_hash=STORED), Credential(networks=("192.0.2.0/24",))):
        assert one({"app": QUICK.hash("other")}, credential) == credential


def test_a_password_that_a_command_changed_is_known_by_either_hash_whatever_their_parameters() -> None:
    stronger = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
    held = (STORED, hashed_beside("another horse", STORED))
    for password, expected in zip(("correct horse", "another horse"), held, strict=True):
        plain = Credential(username="app", password=password)
        customer = Customer(id="acme", name="Acme", domains=("acme.example",), credentials=(plain,))
        assert hashed([customer], {"app": held}, stronger)[0].credentials[0].password_hash == expected


def test_a_hash_beside_another_has_its_salt_and_parameters() -> None:
    made = hashed_beside("another horse", STORED)
    assert made.split("$")[:5] == STORED.split("$")[:5]
    assert made != STORED
    assert hashed_beside("correct horse", STORED) == STORED


def test_generated_passwords_are_long_differ_and_need_no_quotes() -> None:
    made = {generated() for _ in range(100)}
    assert len(made) == 100
    assert all(len(each) == 24 and each.isalnum() for each in made)
