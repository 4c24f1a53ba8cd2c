"""Back-off: what an attempt waits, by a table; and who is made to wait for whose failures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.memory import MemoryLedger
from gateway.smtp.backoff import LONGEST, Attempt, Backoff, pause

HERE, THERE = "192.0.2.1", "192.0.2.2"


class Time:
    """Seconds that move when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def backoff(time: Time) -> Backoff:
    return Backoff(MemoryLedger(time))


async def waits(backoff: Backoff, address: str, username: str) -> float:
    return pause(await backoff.failures(Attempt(address, username)))


def fail(backoff: Backoff, address: str, username: str, times: int) -> None:
    for _ in range(times):
        backoff.failed(Attempt(address, username))


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0), (0.99, 0), (1, 0.25), (2, 0.5), (3, 1), (4, 2), (5, 4), (6, 5), (10, 5), (1e9, 5)],
)
def test_the_pause_doubles_up_to_five_seconds(failures: float, seconds: float) -> None:
    assert pause(failures) == seconds


@given(st.floats(0, 1e12), st.floats(0, 1e12))
def test_no_pause_is_longer_than_five_seconds_and_more_failures_never_shorten_it(one: float, other: float) -> None:
    assert 0 <= pause(min(one, other)) <= pause(max(one, other)) <= LONGEST


async def test_failures_count_for_their_address_and_for_their_account(backoff: Backoff) -> None:
    fail(backoff, HERE, "app", 6)
    assert await waits(backoff, HERE, "app") == 5
    assert await waits(backoff, HERE, "other") == 5
    assert await waits(backoff, THERE, "app") == 5
    assert await waits(backoff, THERE, "other") == 0


async def test_the_case_of_a_username_and_the_rest_of_a_network_of_64_bits_make_no_difference(backoff: Backoff) -> None:
    fail(backoff, "2001:db8::1", "App", 6)
    assert await waits(backoff, THERE, "aPP") == 5
    assert await waits(backoff, "2001:db8::ffff", "nobody") == 5
    assert await waits(backoff, "2001:db8:0:1::1", "nobody") == 0


async def test_a_failure_is_forgotten_each_minute_and_an_attack_within_ten(backoff: Backoff, time: Time) -> None:
    fail(backoff, HERE, "app", 1000)
    time.now += 5 * 60
    assert await waits(backoff, HERE, "app") == 4
    time.now += 4 * 60
    assert await waits(backoff, HERE, "app") == 0.25
    time.now += 60
    assert await waits(backoff, HERE, "app") == 0


async def test_a_good_address_waits_for_its_own_failures_alone(backoff: Backoff, time: Time) -> None:
    backoff.succeeded(Attempt(HERE, "app"))
    fail(backoff, THERE, "app", 100)
    fail(backoff, HERE, "other", 100)
    assert await waits(backoff, HERE, "app") == 0
    assert await waits(backoff, THERE, "app") == 5
    assert await waits(backoff, HERE, "nobody") == 5, "good for one account is good for no other"
    fail(backoff, HERE, "app", 2)
    assert await waits(backoff, HERE, "app") == 0.5
    time.now += 31 * 86_400
    fail(backoff, THERE, "app", 100)
    assert await waits(backoff, HERE, "app") == 5


async def test_no_username_is_kept_in_clear() -> None:
    ledger = MemoryLedger(lambda: 0.0)
    Backoff(ledger).failed(Attempt(HERE, "my password"))
    assert len(ledger._meters) == 3
    assert not any("my password" in name for name in ledger._meters)


async def test_a_burst_is_seen_from_a_new_address_only(backoff: Backoff, time: Time) -> None:
    async def burst(address: str) -> bool:
        attempt = Attempt(address, "app")
        await backoff.failures(attempt)
        return attempt.burst

    backoff.succeeded(Attempt(HERE, "app"))
    fail(backoff, THERE, "app", 7)
    assert not await burst(THERE)
    fail(backoff, THERE, "app", 1)
    assert await burst(THERE)
    # Who guesses from elsewhere, or an old password in the same office, makes nobody a thief who was there before.
    assert not await burst(HERE)
    fail(backoff, HERE, "app", 10)
    assert not await burst(HERE)
    time.now += 600
    assert not await burst(THERE)
