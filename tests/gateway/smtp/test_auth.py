"""Passwords: argon2id off the loop, bounded, remembered for a while, dropped on change."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher

from config.customers import Customer, Standing
from config.policy import Policy
from config.switch import Overlap
from consent.customers import StoredCustomer
from consent.passwords import hashed_beside
from gateway.directory import Directory
from gateway.ledger.activity import Kind, Passage, Watch, activity_of
from gateway.ledger.memory import MemoryLedger
from gateway.metrics import Metrics
from gateway.smtp import auth
from gateway.smtp.auth import REMEMBERED_SECONDS, Authenticator, Busy
from gateway.smtp.backoff import Backoff
from gateway.smtp.places import Places

NOW = datetime(2026, 11, 20, tzinfo=UTC)
HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def customer(password: str) -> StoredCustomer:
    made = Customer.model_validate(
        {"id": "acme", "name": "A", "domains": ["acme.example"],
         "credentials": [{"username": "app", "password_hash": HASHER.hash(password)}]}
    )  # fmt: skip
    return StoredCustomer(made, Standing(), 1, NOW)


class Time:
    """Monotonic time that moves when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


PAUSES: list[float] = []
"""What those who waited waited, in this test."""


async def pause(seconds: float) -> None:
    """Wait no time."""
    PAUSES.append(seconds)
    await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def pauses() -> list[float]:
    PAUSES.clear()
    return PAUSES


def authenticator(directory: Directory, time: Time) -> Authenticator:
    return Authenticator(
        directory, Backoff(MemoryLedger(time)), Metrics(), time, lambda: NOW + timedelta(seconds=time.now)
    )


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> tuple[Directory, Authenticator, Time, list[str]]:
    """A directory with user `app`, its authenticator, a clock, and the passwords that were really hashed."""
    directory, time, hashed = Directory(Policy()), Time(), list[str]()
    directory.update([customer("right password")])
    made = authenticator(directory, time)
    matches = made._matches

    def watched(held: Sequence[str], password: str) -> str:
        hashed.append(password)
        return matches(held, password)

    monkeypatch.setattr(made, "_matches", watched)
    return directory, made, time, hashed


Parts = tuple[Directory, Authenticator, Time, list[str]]


async def test_right_wrong_and_unknown(parts: Parts) -> None:
    _, made, _, hashed = parts
    assert await made.verify("app", "right password", "192.0.2.1", pause) is not None
    assert await made.verify("app", "wrong", "192.0.2.1", pause) is None
    assert await made.verify("nobody", "right password", "192.0.2.1", pause) is None
    assert hashed == ["right password", "wrong", "right password"]  # an unknown user costs a verification too


async def test_a_right_password_is_remembered_for_ten_minutes_and_a_wrong_one_never(parts: Parts) -> None:
    _, made, time, hashed = parts
    for _ in range(3):
        assert await made.verify("app", "right password", "192.0.2.1", pause) is not None
        assert await made.verify("app", "wrong", "192.0.2.1", pause) is None
    assert hashed == ["right password", "wrong", "wrong", "wrong"]
    time.now += REMEMBERED_SECONDS
    assert await made.verify("app", "right password", "192.0.2.1", pause) is not None
    assert hashed[-1] == "right password"


async def test_the_memory_ends_with_the_password(parts: Parts) -> None:
    directory, made, _, _ = parts
    assert await made.verify("app", "right password", "192.0.2.1", pause) is not None
    directory.update([customer("new password")])
    assert await made.verify("app", "right password", "192.0.2.1", pause) is None
    assert await made.verify("app", "new password", "192.0.2.1", pause) is not None


async def test_the_memory_holds_no_password_and_is_bounded(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    _, made, _, _ = parts
    monkeypatch.setattr(auth, "_REMEMBERED", 1)
    await made.verify("app", "right password", "192.0.2.1", pause)
    assert b"right password" not in b"".join(made._right)
    await made.verify("APP", "right password", "192.0.2.1", pause)
    assert len(made._right) == 1


async def test_too_many_at_once_are_busy(parts: Parts) -> None:
    _, made, _, _ = parts
    made._by_address = Places(2)
    results = await asyncio.gather(
        *(made.verify("app", f"wrong {n}", f"192.0.2.{n}", pause) for n in range(5)), return_exceptions=True
    )
    assert [type(result) for result in results].count(Busy) == 3
    assert await made.verify("app", "right password", "192.0.2.1", pause) is not None


async def test_one_peer_keeps_nobody_else_out(parts: Parts) -> None:
    _, made, _, _ = parts
    guesses = [made.verify("app", f"wrong {n}", "192.0.2.9", pause) for n in range(50)]
    results = await asyncio.gather(
        *guesses, made.verify("app", "right password", "192.0.2.1", pause), return_exceptions=True
    )
    assert [type(result) for result in results[:-1]].count(Busy) == 50 - auth._ATTEMPTS_OF_ADDRESS
    assert not isinstance(results[-1], BaseException) and results[-1] is not None


async def test_failures_slow_the_next_attempt_for_known_and_unknown_accounts_alike(
    parts: Parts, pauses: list[float]
) -> None:
    _, made, _, _ = parts
    for username, address in (("app", "192.0.2.1"), ("nobody", "192.0.2.2")):
        pauses.clear()
        for n in range(8):
            assert await made.verify(username, f"wrong {n}", address, pause) is None
        assert pauses == [0.25, 0.5, 1, 2, 4, 5, 5]


async def test_a_right_password_is_never_refused_and_a_remembered_one_waits_for_nothing(
    parts: Parts, pauses: list[float]
) -> None:
    _, made, time, hashed = parts
    for n in range(30):
        await made.verify("app", f"wrong {n}", "192.0.2.1", pause)
    assert await made.verify("app", "right password", "192.0.2.1", pause) is not None
    assert await made.verify("app", "right password", "192.0.2.2", pause) is not None
    assert pauses[-1] == 5
    pauses.clear()
    hashed.clear()
    for n in range(10):
        assert await made.verify("app", "right password", f"192.0.2.{n}", pause) is not None
    assert (pauses, hashed) == ([], [])
    # Not remembered any more, but the address is good: what others do elsewhere costs it nothing.
    time.now += REMEMBERED_SECONDS
    for n in range(30):
        await made.verify("app", f"wrong {n}", "192.0.2.9", pause)
    pauses.clear()
    assert await made.verify("app", "right password", "192.0.2.2", pause) is not None
    assert (pauses, hashed[-1]) == ([], "right password")


async def test_a_server_that_opens_many_connections_does_not_wait_for_itself(parts: Parts, pauses: list[float]) -> None:
    _, made, _, hashed = parts
    found = await asyncio.gather(*(made.verify("app", "right password", "192.0.2.1", pause) for _ in range(40)))
    assert None not in found
    assert (hashed, pauses) == (["right password"], [])


async def test_many_guesses_at_once_are_no_way_around_the_pause(parts: Parts, pauses: list[float]) -> None:
    _, made, _, _ = parts
    await asyncio.gather(*(made.verify("app", f"wrong {n}", "192.0.2.1", pause) for n in range(10)))
    assert pauses == [0.25, 0.5, 1, 2, 4, 5, 5, 5, 5]


async def test_who_hangs_up_while_waiting_has_not_failed(parts: Parts, pauses: list[float]) -> None:
    _, made, _, hashed = parts

    async def hangs_up(seconds: float) -> None:
        raise ConnectionError

    for n in range(3):
        await made.verify("app", f"wrong {n}", "192.0.2.1", pause)
    hashed.clear()
    for _ in range(20):
        with pytest.raises(ConnectionError):
            await made.verify("app", "wrong", "192.0.2.1", hangs_up)
    assert hashed == []
    pauses.clear()
    assert await made.verify("app", "right password", "192.0.2.1", pause) is not None
    assert pauses == [1]
    assert (made._by_address.taken, made._by_account.taken, made._under_way) == (0, 0, {})


async def test_who_waits_for_another_one_s_same_guess_goes_on_when_that_one_hangs_up(parts: Parts) -> None:
    _, made, _, hashed = parts
    await made.verify("app", "wrong", "192.0.2.1", pause)
    waits = asyncio.Event()

    async def hangs_up(seconds: float) -> None:
        await waits.wait()
        raise ConnectionError

    first = asyncio.create_task(made.verify("app", "right password", "192.0.2.1", hangs_up))
    await asyncio.sleep(0)
    second = asyncio.create_task(made.verify("app", "right password", "192.0.2.1", pause))
    await asyncio.sleep(0)
    waits.set()
    assert await second is not None
    with pytest.raises(ConnectionError):
        await first
    assert hashed == ["wrong", "right password"]


async def test_a_good_address_gets_in_where_strangers_have_taken_all_places(parts: Parts) -> None:
    _, made, time, _ = parts
    assert await made.verify("app", "right password", "192.0.2.1", pause) is not None
    time.now += REMEMBERED_SECONDS
    release = asyncio.Event()

    async def long(seconds: float) -> None:
        await release.wait()

    guesses = [
        asyncio.create_task(made.verify(f"user {n}", "wrong", f"198.51.100.{n % 200}", long)) for n in range(1000)
    ]
    while made._by_address.take("192.0.2.77"):
        pass
    assert await made.verify("app", "right password", "192.0.2.1", pause) is not None
    release.set()
    for guess in guesses:
        guess.cancel()
    await asyncio.gather(*guesses, return_exceptions=True)


async def test_a_broken_hash_never_matches() -> None:
    directory = Directory(Policy())
    broken = customer("x" * 8).customer.model_dump()
    broken["credentials"][0]["password_hash"] = "$argon2id$broken"
    directory.update([StoredCustomer(Customer.model_validate(broken), Standing(), 1, NOW)])
    made = authenticator(directory, Time())
    assert await made.verify("app", "x" * 8, "192.0.2.1", pause) is None
    made.close()


def test_an_unknown_username_costs_what_a_known_one_costs() -> None:
    assert not PasswordHasher().check_needs_rehash(auth.DECOY)


async def test_two_passwords_hold_until_the_overlap_is_over_and_no_longer_from_memory(parts: Parts) -> None:
    directory, made, time, hashed = parts
    old = customer("right password")
    held = old.customer.credentials[0].password_hash or ""
    fresh = hashed_beside("new password", held)
    credential = old.customer.credentials[0].model_copy(update={"password_hash": fresh})
    until = NOW + timedelta(seconds=60)
    rotated = old.customer.model_copy(update={"credentials": (credential,)})
    directory.update([replace(old, customer=rotated, overlaps={"app": Overlap(held, until)})])
    for password, shown in (("right password", held), ("new password", fresh)):
        found = await made.verify("app", password, "192.0.2.1", pause)
        assert found is not None and found.shown == shown
        again = await made.verify("app", password, "192.0.2.1", pause)
        assert again is not None and again.shown == shown
    assert hashed == ["right password", "new password"], "each was computed once"
    assert await made.verify("app", "wrong password", "192.0.2.1", pause) is None
    time.now = 60.0
    assert await made.verify("app", "right password", "192.0.2.1", pause) is None
    assert await made.verify("app", "new password", "192.0.2.1", pause) is not None


async def test_a_right_password_after_a_burst_of_wrong_ones_is_noted_for_the_credential() -> None:
    ledger, passage = MemoryLedger(Time()), Passage(("ann",), ("acme",), "192.0.2.0/24", "body", 1)
    directory = Directory(Policy())
    directory.update([customer("right")])
    made = Authenticator(directory, Backoff(ledger), Metrics(), Time(), lambda: NOW)

    async def guessed() -> bool:
        answer = await ledger.watch(Watch(Kind.LOOK, "acme", "app", passage))
        assert answer is not None
        return activity_of(answer).guessed

    for number in range(8):
        assert await made.verify("app", f"wrong {number}", f"198.51.{number}.7", pause) is None
    assert not await guessed()
    assert await made.verify("APP", "right", "203.0.113.9", pause) is not None
    assert await guessed()
    made.close()
