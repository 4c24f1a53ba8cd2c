"""Passwords: argon2id off the loop, bounded, remembered for a while, dropped on change."""

import asyncio
from datetime import UTC, datetime

import pytest
from argon2 import PasswordHasher

from config.customers import Customer, Standing
from config.policy import Policy
from consent.customers import StoredCustomer
from gateway.directory import Directory
from gateway.smtp import auth
from gateway.smtp.auth import REMEMBERED_SECONDS, Authenticator, Busy

HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def customer(password: str) -> StoredCustomer:
    made = Customer.model_validate(
        {"id": "acme", "name": "A", "domains": ["acme.example"],
         "credentials": [{"username": "app", "password_hash": HASHER.hash(password)}]}
    )  # fmt: skip
    return StoredCustomer(made, Standing(), 1, datetime(2026, 11, 20, tzinfo=UTC))


class Time:
    """Monotonic time that moves when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> tuple[Directory, Authenticator, Time, list[str]]:
    """A directory with user `app`, its authenticator, a clock, and the passwords that were really hashed."""
    directory, time, hashed = Directory(Policy()), Time(), list[str]()
    directory.update([customer("right password")])
    made = Authenticator(directory, time)
    matches = made._matches

    def watched(held: str, password: str) -> bool:
        hashed.append(password)
        return matches(held, password)

    monkeypatch.setattr(made, "_matches", watched)
    return directory, made, time, hashed


Parts = tuple[Directory, Authenticator, Time, list[str]]


async def test_right_wrong_and_unknown(parts: Parts) -> None:
    _, made, _, hashed = parts
    assert await made.verify("app", "right password", "192.0.2.1") is not None
    assert await made.verify("app", "wrong", "192.0.2.1") is None
    assert await made.verify("nobody", "right password", "192.0.2.1") is None
    assert hashed == ["right password", "wrong", "right password"]  # an unknown user costs a verification too


async def test_a_right_password_is_remembered_for_ten_minutes_and_a_wrong_one_never(parts: Parts) -> None:
    _, made, time, hashed = parts
    for _ in range(3):
        assert await made.verify("app", "right password", "192.0.2.1") is not None
        assert await made.verify("app", "wrong", "192.0.2.1") is None
    assert hashed == ["right password", "wrong", "wrong", "wrong"]
    time.now += REMEMBERED_SECONDS
    assert await made.verify("app", "right password", "192.0.2.1") is not None
    assert hashed[-1] == "right password"


async def test_the_memory_ends_with_the_password(parts: Parts) -> None:
    directory, made, _, _ = parts
    assert await made.verify("app", "right password", "192.0.2.1") is not None
    directory.update([customer("new password")])
    assert await made.verify("app", "right password", "192.0.2.1") is None
    assert await made.verify("app", "new password", "192.0.2.1") is not None


async def test_the_memory_holds_no_password_and_is_bounded(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    _, made, _, _ = parts
    monkeypatch.setattr(auth, "_REMEMBERED", 1)
    await made.verify("app", "right password", "192.0.2.1")
    assert b"right password" not in b"".join(made._right)
    await made.verify("APP", "right password", "192.0.2.1")
    assert len(made._right) == 1


async def test_too_many_at_once_are_busy(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    _, made, _, _ = parts
    monkeypatch.setattr(auth, "_WAITING", 2)
    results = await asyncio.gather(
        *(made.verify("app", f"wrong {n}", f"192.0.2.{n}") for n in range(5)), return_exceptions=True
    )
    assert [type(result) for result in results].count(Busy) == 3
    assert await made.verify("app", "right password", "192.0.2.1") is not None


async def test_one_peer_keeps_nobody_else_out(parts: Parts) -> None:
    _, made, _, _ = parts
    guesses = [made.verify("app", f"wrong {n}", "192.0.2.9") for n in range(20)]
    results = await asyncio.gather(*guesses, made.verify("app", "right password", "192.0.2.1"), return_exceptions=True)
    assert [type(result) for result in results[:-1]].count(Busy) == 20 - auth._WAITING_PER_PEER
    assert not isinstance(results[-1], BaseException) and results[-1] is not None


async def test_a_broken_hash_never_matches() -> None:
    directory = Directory(Policy())
    broken = customer("x" * 8).customer.model_dump()
    broken["credentials"][0]["password_hash"] = "$argon2id$broken"
    directory.update(
        [StoredCustomer(Customer.model_validate(broken), Standing(), 1, datetime(2026, 11, 20, tzinfo=UTC))]
    )
    made = Authenticator(directory, lambda: 0.0)
    assert await made.verify("app", "x" * 8, "192.0.2.1") is None
    made.close()


def test_an_unknown_username_costs_what_a_known_one_costs() -> None:
    assert not PasswordHasher().check_needs_rehash(auth.DECOY)
