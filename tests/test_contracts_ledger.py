"""One set of cases for both forms of the ledger: in memory, and in a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.ledger.memory import MemoryLedger
from gateway.ledger.model import Add, Give, Ledger, Mark, Marked, Operation, Take, key
from gateway.ledger.redis import RedisLedger
from tests.rig.redis import RedisServer, running

HERE, THERE = key("connections", "address", "192.0.2.1"), key("connections", "address", "192.0.2.2")
METER, MARK = key("failures", "address", "192.0.2.1"), key("good", "address", "192.0.2.1")


class Time:
    """Seconds since 1970 that move when told."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def alarm(part: str, text: str) -> None:
    raise AssertionError(f"{part}: {text}")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running() as started:
        yield started


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(params=["memory", "redis"])
async def ledger(request: pytest.FixtureRequest, time: Time) -> AsyncIterator[Ledger]:
    if request.param == "memory":
        made: Ledger = MemoryLedger(time)
    else:
        server: RedisServer = request.getfixturevalue("server")
        remote = RedisLedger(server.url, processes=1, clock=time, alarm=alarm, tell_time=True)
        await remote._server.client.flushall()
        made = remote
    await made.open()
    yield made
    await made.close()


def fail(amount: float) -> Add:
    return Add(METER, amount, drain=60, most=10)


async def test_places_are_counted_for_each_key(ledger: Ledger) -> None:
    assert await ledger.ask(Take(HERE), Take(HERE), Take(THERE), Give(HERE), Take(HERE)) == [1, 2, 1, 1, 2]
    ledger.tell(Give(HERE), Give(HERE))
    assert await ledger.ask(Take(HERE)) == [1]


async def test_giving_back_what_nobody_holds_makes_no_room(ledger: Ledger) -> None:
    assert await ledger.ask(Give(HERE), Take(HERE)) == [0, 1]


async def test_a_meter_rises_and_drains_and_has_a_top(ledger: Ledger, time: Time) -> None:
    assert await ledger.ask(fail(1), fail(1), fail(0)) == [1, 1 + 1, 2]
    time.now += 90
    assert await ledger.ask(fail(0)) == [pytest.approx(0.5)]
    time.now += 60
    assert await ledger.ask(fail(0)) == [0]
    assert await ledger.ask(*(fail(4) for _ in range(4))) == [4, 8, 10, 10]


async def test_a_clock_that_is_set_back_drains_nothing_and_does_not_freeze_a_meter(ledger: Ledger, time: Time) -> None:
    await ledger.ask(fail(3))
    time.now -= 3600
    assert await ledger.ask(fail(0)) == [3]
    time.now += 60
    assert await ledger.ask(fail(0)) == [pytest.approx(2)]


async def test_a_mark_is_there_until_it_expires_and_can_be_renewed(ledger: Ledger, time: Time) -> None:
    assert await ledger.ask(Marked(MARK), Mark(MARK, 100), Marked(MARK)) == [0, 1, 1]
    time.now += 60
    await ledger.ask(Mark(MARK, 100))
    time.now += 99
    assert await ledger.ask(Marked(MARK)) == [1]
    time.now += 1
    assert await ledger.ask(Marked(MARK)) == [0]


async def test_what_many_ask_at_once_is_answered_one_after_the_other(ledger: Ledger) -> None:
    answers = await asyncio.gather(*(ledger.ask(Take(HERE)) for _ in range(1500)))
    assert sorted(answer for (answer,) in answers) == list(range(1, 1501))


OPERATION: st.SearchStrategy[Operation] = st.one_of(
    st.sampled_from([HERE, THERE]).map(Take),
    st.sampled_from([HERE, THERE]).map(Give),
    st.floats(0, 3).map(fail),
    st.integers(1, 300).map(lambda seconds: Mark(MARK, seconds)),
    st.just(Marked(MARK)),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(0, 200_000), OPERATION), max_size=40))
def test_both_forms_answer_alike(server: RedisServer, steps: list[tuple[int, Operation]]) -> None:
    async def both() -> None:
        time = Time()
        memory, remote = (
            MemoryLedger(time),
            RedisLedger(server.url, processes=1, clock=time, alarm=alarm, tell_time=True),
        )
        await remote._server.client.flushall()
        for milliseconds, operation in steps:
            time.now = round(time.now * 1000 + milliseconds) / 1000
            assert await remote.ask(operation) == [pytest.approx(memory.do(operation), abs=1e-6)]
        await remote.close()

    asyncio.run(both())


def test_no_two_counters_have_one_key_and_the_tag_is_what_it_is_about() -> None:
    parts = [
        ("a", "b", "c"),
        ("a", "b", "c", ""),
        ("a:1", "b", "c"),
        ("a", "1:b", "c"),
        ("ab", "", "c"),
        ("a", "", "bc"),
    ]
    parts += [("a", "b", "c}", "d"), ("a", "b", "c", "}d"), ("a", "b", "c}:1:a1:d"), ("1:a", "b", "c")]
    assert len({key(*each) for each in parts}) == len(parts)
    assert key("connections", "customer", "acme", "x") == "postern:1:{8:customer:4:acme}:11:connections:1:x"
