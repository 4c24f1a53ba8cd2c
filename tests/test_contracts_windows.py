"""One set of cases on sliding windows for all forms of the ledger."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from math import inf

import pytest
from hypothesis import given, settings

from gateway.ledger.charges import Charge, Reservation, Shortfall, Use
from gateway.ledger.memory import MemoryLedger
from gateway.ledger.model import Ledger, key
from gateway.ledger.redis import RedisLedger
from tests.rig.redis import Cluster, RedisServer, running, running_cluster
from tests.rig.windows import (
    CUSTOMER,
    DAY,
    HOUR,
    MINUTE,
    MONTH,
    RECIPIENT,
    STEPS,
    STEPS_BACK,
    Model,
    Time,
    charge,
    passed,
    play,
    reserved,
    short,
    used,
)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as started:
        yield started


def alarm(part: str, text: str) -> None:
    raise AssertionError(f"{part}: {text}")


async def shared(url: str, time: Time) -> RedisLedger:
    """A ledger in an empty Redis."""
    made = RedisLedger(url, processes=1, clock=time, alarm=alarm, tell_time=True)
    await made._server.client.flushall()
    return made


@pytest.fixture(params=["memory", "redis", "cluster"])
async def ledger(request: pytest.FixtureRequest, time: Time, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ledger]:
    made: Ledger
    if request.param == "memory":
        made = MemoryLedger(time)
    else:
        # Here time goes by and nobody renews a lease.
        monkeypatch.setattr("gateway.ledger.redis.LEASE", 10.0**9)
        monkeypatch.setattr("gateway.ledger.server.TIMEOUT", 60.0)  # the machine may be busy
        made = await shared(request.getfixturevalue("server" if request.param == "redis" else "cluster").url, time)
    await made.open()
    yield made
    await made.close()


@pytest.mark.parametrize("length", [1, MINUTE, HOUR, DAY, MONTH])
async def test_room_returns_after_the_window_and_at_most_one_slot_late(ledger: Ledger, time: Time, length: int) -> None:
    one = charge(1, (length, 3))
    for _ in range(3):
        await passed(ledger, one)
        time.pass_ms(length * 100)
    began = time.now - 3 * length / 10
    refused = await short(ledger, one)
    assert (refused.charge, refused.window, refused.cap) == (0, length, 3)
    frees = time.now + refused.seconds
    assert began + length < frees <= began + length * (1 + 1 / 60) + 0.001
    time.now = round((frees - 0.001) * 1000) / 1000
    await short(ledger, one)
    time.pass_ms(1)
    await passed(ledger, one)
    await short(ledger, one)


async def test_each_window_has_its_own_cap_and_the_longest_wait_is_told(ledger: Ledger, time: Time) -> None:
    one = charge(1, (MINUTE, 2), (HOUR, 3))
    await passed(ledger, one, one)
    assert (await short(ledger, one)).window == MINUTE
    time.pass_ms(61_001)
    await passed(ledger, one)
    time.pass_ms(61_001)
    assert (await short(ledger, one)).window == HOUR
    two = Charge(CUSTOMER, 2, one.caps)
    time.pass_ms(HOUR * 1000 - 2 * 61_002)
    await short(ledger, two)
    time.pass_ms(61_001)
    await passed(ledger, two)


async def test_all_is_reserved_or_nothing(ledger: Ledger) -> None:
    many, few = charge(4), charge(1, (HOUR, 2), key=RECIPIENT)
    await passed(ledger, many, few)
    held = await reserved(ledger, many, few)
    assert held.used == [[8], [2]]
    refused = await short(ledger, charge(1), few)
    assert (refused.charge, refused.cap) == (1, 2)
    assert await used(ledger, many, few) == [8, 2]
    ledger.release(held)
    assert await used(ledger, many, few) == [4, 1]


async def test_what_is_reserved_counts_however_long_and_is_counted_anew_when_it_passes(
    ledger: Ledger, time: Time
) -> None:
    one = charge(1, (MINUTE, 1))
    held = await reserved(ledger, one)
    for _ in range(30):
        time.pass_ms(10_000)
        await ledger.usage(one)
    await short(ledger, one)
    ledger.settle(held)
    await ledger.usage(one)
    time.pass_ms(59_999)
    await short(ledger, one)
    time.pass_ms(1_002)
    await passed(ledger, one)


async def test_a_retry_costs_nothing_twice(ledger: Ledger) -> None:
    for _ in range(20):
        ledger.release(await reserved(ledger, charge(10)))
    assert await used(ledger, charge()) == [0]


async def test_a_part_passes_and_the_rest_is_given_back(ledger: Ledger) -> None:
    held = await reserved(ledger, charge(6), charge(5, key=RECIPIENT))
    ledger.settle(held, [4, 0])
    assert await used(ledger, charge(), charge(key=RECIPIENT)) == [4, 0]


async def test_a_reservation_ends_once(ledger: Ledger) -> None:
    held = await reserved(ledger, charge(6))
    with pytest.raises(ValueError, match="cannot have passed"):
        ledger.settle(held, [7])
    ledger.settle(held)
    ledger.settle(held)
    ledger.release(held)
    assert await used(ledger, charge()) == [6]


async def test_odd_caps_and_amounts(ledger: Ledger) -> None:
    nothing = charge(1, (HOUR, 0))
    assert await ledger.reserve(nothing) == Shortfall(0, HOUR, 0, inf)
    assert await ledger.reserve(charge(11)) == Shortfall(0, HOUR, 10, inf)
    await passed(ledger, charge(0, (HOUR, 0)))
    await passed(ledger, charge(10))
    await passed(ledger, charge(0))
    await short(ledger, charge(1))
    assert await ledger.usage(nothing) == [[Use(HOUR, 0, 10, inf)]]
    # Lowered below what has passed, then raised: nothing is lost.
    assert isinstance(await ledger.reserve(charge(1, (HOUR, 5))), Shortfall)
    await passed(ledger, charge(1, (HOUR, 11)))


async def test_bytes_of_a_month_are_counted_to_the_last(ledger: Ledger) -> None:
    most = 3 * 10**15
    volume = charge(most - 1, (DAY, most), (MONTH, most))
    await passed(ledger, volume)
    assert (await short(ledger, charge(2, *volume.caps))).cap == most
    await passed(ledger, charge(1, *volume.caps))
    assert [each.used for each in (await ledger.usage(volume))[0]] == [most, most]


async def test_one_charge_twice_in_one_call_is_counted_twice(ledger: Ledger) -> None:
    await short(ledger, charge(6), charge(6))
    assert await used(ledger, charge()) == [0]
    await passed(ledger, charge(5), charge(5))
    assert await used(ledger, charge()) == [10]


async def test_usage_says_when_there_is_room_for_one(ledger: Ledger, time: Time) -> None:
    one = charge(1, (MINUTE, 1), (HOUR, 5))
    assert await ledger.usage(one) == [[Use(MINUTE, 1, 0, 0.0), Use(HOUR, 5, 0, 0.0)]]
    await passed(ledger, one)
    time.pass_ms(20_000)
    ((minute, hour),) = await ledger.usage(one)
    assert minute == Use(MINUTE, 1, 1, (await short(ledger, one)).seconds)
    assert hour == Use(HOUR, 5, 1, 0.0)


async def test_a_clock_that_is_set_back_gives_room_late_and_never_freezes(ledger: Ledger, time: Time) -> None:
    one = charge(1, (HOUR, 2))
    await passed(ledger, one)
    time.pass_ms(1_800_000)
    await passed(ledger, one)
    time.now -= 365 * DAY
    assert (await short(ledger, one)).seconds <= HOUR / 2 + 60
    time.pass_ms(1_799_000)
    await short(ledger, one)
    time.pass_ms(61_001)
    await passed(ledger, one)
    await short(ledger, one)
    time.pass_ms(HOUR * 1000 + 60_000)
    await passed(ledger, one)


async def test_at_the_cap_only_those_above_their_fair_share_are_refused(ledger: Ledger, time: Time) -> None:
    def by(customer: str, amount: int = 1) -> Charge:
        return charge(amount, (HOUR, 12), key=RECIPIENT, among=customer)

    await passed(ledger, by("a", 12))
    assert (await short(ledger, by("a"))).cap == 12
    await passed(ledger, by("b", 6))
    await short(ledger, by("b"))
    await passed(ledger, by("c", 4))
    assert await used(ledger, by("c")) == [22]
    await short(ledger, by("c"))
    # One that has reserved takes part, one that gave it back does not.
    held = await reserved(ledger, by("d", 3))
    await short(ledger, by("e", 3))
    ledger.release(held)
    await passed(ledger, by("e", 3))
    time.pass_ms(HOUR * 1000 + 60_001)
    await passed(ledger, by("e", 12))
    assert await used(ledger, by("e")) == [12]


async def test_a_stranger_to_the_flood_passes_below_and_at_the_cap(ledger: Ledger) -> None:
    """Five customers to one recipient; a sixth's single message."""
    flood = [charge(1, (HOUR, 200), key=RECIPIENT, among=f"c{number}") for number in range(5)]
    through = 0
    for _ in range(100):
        for each in flood:
            answer = await ledger.reserve(each)
            if isinstance(answer, Reservation):
                ledger.settle(answer)
                through += 1
    assert through == 200
    await passed(ledger, charge(1, (HOUR, 200), key=RECIPIENT, among="sixth"))


async def test_the_overshoot_of_fair_shares_is_bounded(ledger: Ledger) -> None:
    """The worst order there is: each new one comes when all before it have taken all they can."""
    customers, cap = 6, 60
    for number in range(customers):
        while isinstance(
            answer := await ledger.reserve(charge(1, (HOUR, cap), key=RECIPIENT, among=str(number))), Reservation
        ):
            ledger.settle(answer)
    assert await used(ledger, charge(key=RECIPIENT)) == [sum(cap // n for n in range(1, customers + 1))]


async def test_a_shared_counter_and_one_of_the_same_name_are_two(ledger: Ledger) -> None:
    shared = charge(1, (HOUR, 1), key=key("messages", "recipient", "bob@example.org"), among="acme")
    alone = charge(1, (HOUR, 1), key=key("messages", "recipient", "bob@example.org", "acme"))
    await passed(ledger, shared, alone)


async def test_of_many_at_once_exactly_the_cap_passes(ledger: Ledger) -> None:
    one = charge(1, (HOUR, 1000))

    async def session(number: int) -> int:
        through = 0
        for turn in range(50):
            answer = await ledger.reserve(one, charge(1, (HOUR, 10**6), key=key("m", "sender", f"s{number}")))
            if isinstance(answer, Reservation):
                if (turn + number) % 5:
                    ledger.settle(answer)
                    through += 1
                else:
                    ledger.release(answer)
        return through

    assert sum(await asyncio.gather(*(session(number) for number in range(64)))) == 1000
    assert await used(ledger, one) == [1000]


@settings(max_examples=200)
@given(steps=STEPS)
def test_never_more_than_the_cap_and_never_less_than_fits_with_a_slot_to_spare(steps: list[object]) -> None:
    time = Time()
    asyncio.run(play(MemoryLedger(time), time, steps, Model()))


@settings(max_examples=50)
@given(steps=STEPS_BACK)
def test_all_forms_answer_alike(server: RedisServer, cluster: Cluster, steps: list[object]) -> None:
    async def all_of_them() -> None:
        time = Time()
        expected = await play(MemoryLedger(time), time, steps, None)
        for url in (server.url, cluster.url):
            time = Time()
            remote = await shared(url, time)
            assert await play(remote, time, steps, None) == expected
            await remote.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.ledger.redis.LEASE", 10.0**9)
        patch.setattr("gateway.ledger.server.TIMEOUT", 60.0)
        asyncio.run(all_of_them())
