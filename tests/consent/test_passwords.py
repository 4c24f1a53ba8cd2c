"""Passwords become hashes, and a hash that still fits is kept."""

from argon2 import PasswordHasher

from config.customers import Credential, Customer
from consent.passwords import hashed
from tests.rig.registry import QUICK

STORED = QUICK.hash("correct horse")


def one(known: dict[str, str], credential: Credential, hasher: PasswordHasher = QUICK) -> Credential:
    customer = Customer(id="acme", name="Acme", domains=("acme.example",), credentials=(credential,))
    return hashed([customer], known, hasher)[0].credentials[0]


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
