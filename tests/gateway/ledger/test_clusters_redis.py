"""gateway/ledger/clusters_redis.py; what all forms do is in tests/test_contracts_clusters.py."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator

import pytest

from filters.fingerprint import Fingerprint
from gateway.ledger.clusters import TTL
from gateway.ledger.clusters_redis import RedisClusters
from gateway.ledger.model import Take, key
from gateway.ledger.redis import RedisLedger
from tests.gateway.ledger.test_redis import HERE, round_trips
from tests.rig.ledgers import World
from tests.rig.redis import RedisServer, running

ADVERT = Fingerprint(tuple(range(1000, 1040)))
OTHER = Fingerprint(tuple(range(5000, 5040)))


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running() as started:
        yield started


@pytest.fixture
async def world(server: RedisServer) -> AsyncIterator[World]:
    made = World(server)
    await made.process()._server.client.flushall()
    yield made
    await made.close()


def clusters(world: World, processes: int = 2) -> tuple[RedisLedger, RedisClusters]:
    ledger = world.process(processes)
    return ledger, RedisClusters(ledger, processes=processes, clock=lambda: world.now)


@pytest.mark.usefixtures("patient")
async def test_processes_see_one_anothers_mail(world: World) -> None:
    (_, here), (_, there) = clusters(world), clusters(world)
    await here.place("acme", ADVERT, fresh="a")
    here.reached("acme", "a", ["ann", "bob"])
    await here.close()
    placed = await there.place("acme", ADVERT, ["eve"], fresh="b")
    assert (placed.cluster, placed.messages, placed.reach.day) == ("a", 2, 3)


@pytest.mark.usefixtures("patient")
async def test_what_is_placed_and_counted_in_one_turn_travels_together(world: World) -> None:
    ledger, here = clusters(world)
    await here.place("acme", ADVERT, fresh="a")
    before = await round_trips(ledger)
    await asyncio.gather(ledger.ask(Take(HERE)), *(here.place("acme", OTHER, fresh=f"{n}") for n in range(10)))
    assert await round_trips(ledger) - before == 2  # all ten in one call, and the place in another
    await asyncio.gather(*(here.place("acme", OTHER, fresh=f"{n}") for n in range(100)))
    assert [each.messages for each in await here.grown("acme")] == [110]


@pytest.mark.usefixtures("patient")
async def test_a_million_recipients_cost_kilobytes_and_every_key_expires_and_has_the_customers_tag(
    world: World,
) -> None:
    ledger, here = clusters(world)
    client = ledger._server.client
    for fresh in ("a", "b"):
        await here.place("acme", ADVERT, fresh=fresh)
    for start in range(0, 100_000, 5000):
        here.reached("acme", "a", [f"somebody{number}" for number in range(start, start + 5000)])
        await here.close()
    placed = await here.place("acme", ADVERT, fresh="x")
    assert placed.reach.year == pytest.approx(100_000, rel=0.04)
    keys = [name async for name in client.scan_iter()]
    assert keys
    for name in keys:
        assert b"{8:customer:4:acme}" in name
        assert 0 < await client.ttl(name) <= TTL
    size = 0
    for name in keys:
        size += (await client.memory_usage(name) or 0) if b"reach" in name else 0
    assert size < 80_000  # HyperLogLog: no more for a million, see docs/bulk.md


async def test_without_redis_a_process_goes_by_its_own_mail_and_says_so_once() -> None:
    with running() as server:
        world = World(server)
        ledger, here = clusters(world, processes=3)
        await ledger.open()
        await here.place("acme", OTHER, fresh="a")
        server.kill()
        placed = await here.place("acme", OTHER, ["ann", "bob"], fresh="b")
        assert (placed.cluster, placed.reach.day) == ("b", 2)
        here.reached("acme", "b", ["ann"])
        await here.close()
        again = await here.place("acme", OTHER, ["ann"], fresh="c")
        assert (again.cluster, again.messages, again.reach.day) == ("b", 2, 3)
        assert [(each.id, each.reach.day) for each in await here.grown("acme")] == [("b", 3)]
        assert not ledger.healthy
        assert len(world.alarms) == 1 and "each of 3 processes" in world.alarms[0]
        server.up()
        await ledger.keep()
        await here.place("acme", ADVERT, fresh="e")
        assert (await here.place("acme", OTHER, fresh="d")).cluster == "d"
        kept = here._alone._customers["acme"]
        assert (len(kept.single), len(kept.single_postings), len(kept.grown)) == (0, 0, 1)
        await world.close()


async def test_a_campaign_that_was_seen_is_the_same_one_while_redis_is_away(patient: None) -> None:
    """Else its label, and what it has reached, would be forgotten just then."""
    with running() as server:
        world = World(server)
        (_, elsewhere), (ledger, here) = clusters(world), clusters(world)
        await elsewhere.place("acme", ADVERT, fresh="a")
        begun = world.now
        world.now += 7200
        for number in range(40):
            placed = await here.place("acme", ADVERT, fresh=f"x{number}")
            here.reached("acme", placed.cluster, [f"somebody{number}"])
            await here.place("acme", Fingerprint(tuple(range(9000 + 50 * number, 9050 + 50 * number))), fresh="o")
        await here.close()
        server.kill()
        placed = await here.place("acme", ADVERT, ["ann"], fresh="b")
        assert (placed.cluster, placed.since, placed.reach.day) == ("a", begun, 2 * 40 + 1)
        assert not ledger.healthy
        await world.close()


async def test_a_campaign_that_redis_forgot_is_followed_under_its_new_id(patient: None) -> None:
    with running() as server:
        world = World(server)
        ledger, here = clusters(world)
        for fresh in "ab":
            await here.place("acme", ADVERT, fresh=fresh)
        await ledger._server.client.flushall()
        world.now += 60
        for fresh in "cd":
            placed = await here.place("acme", ADVERT, fresh=fresh)
        here.reached("acme", "c", ["ann"])
        await here.close()
        server.kill()
        placed = await here.place("acme", ADVERT, ["bob"], fresh="e")
        assert (placed.cluster, placed.since, placed.reach.day) == ("c", world.now, 2 + 1)
        assert not ledger.healthy
        await world.close()


async def test_nobody_waits_longer_than_the_ledger_for_a_redis_that_hangs() -> None:
    with running() as server:
        world = World(server)
        ledger, here = clusters(world, processes=1)
        await ledger.ask(Take(key("connections", "address", "192.0.2.1")))
        server.send(signal.SIGSTOP)
        try:
            placed = await asyncio.gather(*(here.place("acme", ADVERT, fresh=f"{n}") for n in range(60)))
        finally:
            server.send(signal.SIGCONT)
        assert [each.messages for each in placed] == list(range(1, 61))
        assert len(world.alarms) == 1
        await world.close()
