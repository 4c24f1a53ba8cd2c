"""The ledger in Redis: batches, leases, and what happens while Redis is slow or gone."""

import asyncio
import signal
from collections.abc import Iterator
from hashlib import sha1
from typing import Any

import pytest

from gateway.ledger.activity import Kind, Passage, Watch, activity_of
from gateway.ledger.model import Add, Give, Mark, Marked, Take, key
from gateway.ledger.redis import LEASE, RedisLedger
from gateway.ledger.server import TIMEOUT, Script
from tests.rig.ledgers import World
from tests.rig.redis import RedisServer, running

HERE, METER, MARK = (
    key("connections", "address", "192.0.2.1"),
    key("failures", "address", "192.0.2.1"),
    key("good", "address", "192.0.2.1"),
)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with running() as started:
        yield started


@pytest.fixture
async def world(server: RedisServer) -> Any:
    made = World(server)
    yield made
    await made.close()


def well(ledger: RedisLedger) -> bool:
    return ledger.healthy


async def round_trips(ledger: RedisLedger) -> int:
    """How many times the server has been asked to run the script, up to now."""
    stats = await ledger._server.client.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha", "eval"))


@pytest.mark.usefixtures("patient")
async def test_two_processes_count_together(world: World) -> None:
    one, other = world.process(), world.process()
    assert await one.ask(Take(HERE)) == [1]
    assert await other.ask(Take(HERE), Take(HERE)) == [2, 3]
    one.tell(Give(HERE))
    assert await one.ask(Add(METER, 2, drain=60, most=10)) == [2]
    assert await other.ask(Take(HERE), Add(METER, 1, drain=60, most=10)) == [3, 3]
    await one.ask(Mark(MARK, 60))
    assert await other.ask(Marked(MARK)) == [1]


@pytest.mark.usefixtures("patient")
async def test_what_is_asked_in_one_turn_is_one_call(world: World) -> None:
    ledger = world.process()
    await ledger.ask(Take(HERE))
    before = await round_trips(ledger)
    sent: list[int] = []
    run = ledger._server.run

    async def counted(*arguments: Any) -> Any:
        sent.append(1)
        return await run(*arguments)

    setattr(ledger._server, "run", counted)  # noqa: B010
    await asyncio.gather(*(ledger.ask(Take(key("connections", "address", f"192.0.2.{n % 4}"))) for n in range(100)))
    assert len(sent) == 1
    assert await round_trips(ledger) - before == 1


@pytest.mark.usefixtures("patient")
async def test_the_places_of_a_process_that_died_return_when_its_lease_is_over(world: World) -> None:
    dead, alive = world.process(), world.process()
    await dead.ask(Take(HERE), Take(HERE))
    world.now += LEASE / 2
    assert await alive.ask(Take(HERE)) == [3]
    await alive.keep()
    world.now += LEASE / 2
    assert await alive.ask(Take(HERE)) == [2]


@pytest.mark.usefixtures("patient")
async def test_places_that_are_renewed_stay_and_those_given_back_at_the_end_are_free_at_once(world: World) -> None:
    one, other = world.process(), world.process()
    await one.ask(Take(HERE))
    for _ in range(3):
        world.now += LEASE - 1
        await one.keep()
    assert await other.ask(Take(HERE)) == [2]
    await one.close()
    assert await other.ask(Take(HERE)) == [2]


@pytest.mark.usefixtures("patient")
async def test_every_key_expires(world: World) -> None:
    ledger = world.process()
    await ledger.ask(Take(HERE), Add(METER, 3, drain=60, most=10), Mark(MARK, 600))
    left = {name: await ledger._server.client.pttl(name) for name in (HERE, METER, MARK)}
    assert await ledger._server.client.dbsize() == 3
    assert 0 < left[HERE] <= LEASE * 1000
    assert 0 < left[METER] <= 180_000
    assert 0 < left[MARK] <= 600_000


async def test_without_redis_each_process_hands_out_its_share(world: World) -> None:
    ledger = world.process(processes=4, url="redis://127.0.0.1:1/0")
    await ledger.open()
    assert not well(ledger)
    # The first is always one, or four processes would refuse everybody where the limit is three.
    assert [await ledger.ask(Take(HERE)) for _ in range(4)] == [[1], [5], [9], [13]]
    assert await ledger.ask(Add(METER, 0, drain=60, most=10)) == [0]
    assert await ledger.ask(Add(METER, 1, drain=60, most=10)) == [4]
    assert await ledger.ask(Mark(MARK, 60), Marked(MARK)) == [1, 1]


async def test_one_alarm_a_minute_while_redis_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = world.process(url="redis://127.0.0.1:1/0")
    loop, passed = asyncio.get_running_loop(), 0.0
    real = loop.time
    monkeypatch.setattr(loop, "time", lambda: real() + passed)
    for _ in range(130):
        await ledger.keep()
        passed += 1
    assert len(world.alarms) == 3
    assert "counting alone" in world.alarms[0]


async def test_a_server_that_forgot_everything_is_told_again(world: World) -> None:
    ledger, other = world.process(), world.process()
    await ledger.ask(Take(HERE), Take(HERE))
    world.server.kill()
    assert await ledger.ask(Take(HERE)) == [5]
    assert not well(ledger)
    assert len(world.alarms) == 1
    world.server.up()
    assert await ledger.ask(Take(HERE)) == [7]
    await ledger.keep()
    assert well(ledger)
    assert await other.ask(Take(HERE)) == [5]


async def test_a_server_that_hangs_keeps_nobody_waiting(world: World) -> None:
    ledger, loop = world.process(), asyncio.get_running_loop()
    await ledger.ask(Take(HERE))
    world.server.send(signal.SIGSTOP)
    began = loop.time()
    answers = await asyncio.gather(*(ledger.ask(Take(HERE)) for _ in range(20)))
    assert loop.time() - began < 2 * TIMEOUT + 0.5
    assert [answer for (answer,) in answers] == [1 + 2 * n for n in range(1, 21)]
    began = loop.time()
    await ledger.ask(Take(HERE))
    assert loop.time() - began < TIMEOUT / 2, "once it is known to hang, nobody waits"
    await ledger.keep()
    assert not well(ledger)
    world.server.send(signal.SIGCONT)
    async with asyncio.timeout(60):
        while not well(ledger):
            await ledger.keep()
    assert await ledger.ask(Take(HERE)) == [23]


@pytest.mark.usefixtures("patient")
async def test_a_caller_that_is_cancelled_leaves_the_others_their_answers(world: World) -> None:
    ledger = world.process()
    first, second = (asyncio.create_task(ledger.ask(Take(HERE))) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == [2]
    assert await ledger.ask(Take(HERE)) == [3]


async def test_a_server_that_asks_for_a_password_is_an_alarm_and_not_an_exception(world: World) -> None:
    ledger = world.process()
    await ledger._server.client.config_set("requirepass", "secret")
    other = world.process()
    assert await other.ask(Take(HERE)) == [1]
    assert "uthentication" in world.alarms[0]


async def test_whatever_the_library_raises_everybody_has_an_answer(world: World) -> None:
    ledger = world.process()

    async def broken(*arguments: Any) -> Any:
        raise IndexError("pop from an empty deque")

    setattr(ledger._server, "run", broken)  # noqa: B010
    assert await ledger.ask(Take(HERE), Marked(MARK)) == [1, 0]
    assert world.alarms == ["Redis: pop from an empty deque; counting alone, each of 2 processes its share"]


@pytest.mark.usefixtures("patient")
async def test_a_crowd_beyond_the_bound_is_answered_alone_and_told_with_the_next_renewal(world: World) -> None:
    ledger, other = world.process(), world.process()
    answers = await asyncio.gather(*(ledger.ask(Take(HERE)) for _ in range(2500)))
    assert len(answers) == 2500
    await ledger.keep()
    assert await other.ask(Take(HERE)) == [2501]


@pytest.mark.usefixtures("patient")
async def test_renewing_many_leases_keeps_nobody_waiting(world: World) -> None:
    ledger = world.process()
    for start in range(0, 10_000, 1000):
        await ledger.ask(*(Take(key("connections", "address", str(n))) for n in range(start, start + 1000)))
    renewing = asyncio.create_task(ledger.keep())
    await asyncio.sleep(0)
    answered = 0
    async with asyncio.timeout(60):
        while not renewing.done():
            await ledger.ask(Take(HERE))
            await asyncio.sleep(0)  # while Redis is away, asking waits for nothing
            answered += 1
    assert answered >= 10, "others are answered between its steps"


async def test_activity_is_seen_by_all_processes_and_by_none_alone(world: World, server: RedisServer) -> None:
    one, other = world.process(), world.process()
    passage = Passage(("ann",), ("acme",), "192.0.2.0/24", "body", 5)

    async def look(ledger: RedisLedger) -> int | None:
        answer = await ledger.watch(Watch(Kind.LOOK, "acme", "app", passage))
        return None if answer is None else activity_of(answer).recipients.now

    one.watch(Watch(Kind.COUNT, "acme", "app", passage))
    assert await look(one) == 10
    before = await round_trips(one)
    assert await asyncio.gather(*(look(other) for _ in range(50))) == [10] * 50
    assert await round_trips(one) - before == 1
    server.kill()
    one.watch(Watch(Kind.COUNT, "acme", "app", passage))
    assert await look(one) is None
    assert not one.healthy
    assert await look(one) is None
    server.up()
    await one.keep()
    assert await look(one) == 5


@pytest.mark.usefixtures("patient")
async def test_a_script_of_somebodys_own_that_fails_is_an_alarm_and_harms_nobody_else(world: World) -> None:
    ledger = world.process()
    good, bad = (Script(text, sha1(text.encode()).hexdigest()) for text in ("return ARGV", "return nothing.here"))
    before = await round_trips(ledger)
    answers = await asyncio.gather(
        ledger.run(good, HERE, b"one"),
        ledger.run(bad, HERE, b""),
        ledger.run(good, METER, b"two"),
        ledger.ask(Take(HERE)),
    )
    assert list(answers) == [b"one", None, b"two", [1]]
    # Of each script one call, and one with its text, because it was not known yet.
    assert await round_trips(ledger) - before == 2 * 3
    assert ledger.healthy
    assert len(world.alarms) == 1 and "nothing" in world.alarms[0]
