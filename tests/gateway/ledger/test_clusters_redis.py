"""gateway/ledger/clusters_redis.py; what both forms do is in tests/test_contracts_clusters.py."""

from collections.abc import Iterator
from typing import Any

import pytest
from redis.asyncio import Redis

from filters.fingerprint import Fingerprint
from gateway.ledger import clusters_redis
from gateway.ledger.clusters import TTL
from gateway.ledger.clusters_redis import RedisClusters
from tests.rig.redis import RedisServer, running

ADVERT = Fingerprint(tuple(range(1000, 1040)))


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running() as started:
        yield started


def clusters(client: Any, alarms: list[str], processes: int = 1) -> RedisClusters:
    return RedisClusters(
        client, processes=processes, clock=lambda: 1.8e9, alarm=lambda _, text: alarms.append(text), timeout=60
    )


async def test_processes_see_one_anothers_mail(server: RedisServer) -> None:
    client: Any = Redis.from_url(server.url)
    await client.flushall()
    here, there = clusters(client, []), clusters(client, [])
    await here.place("acme", ADVERT, fresh="a")
    here.reached("acme", "a", ["ann", "bob"])
    await here.settled()
    placed = await there.place("acme", ADVERT, ["eve"], fresh="b")
    assert (placed.cluster, placed.messages, placed.reach.day) == ("a", 2, 3)
    await client.aclose()


async def test_a_million_recipients_cost_kilobytes_and_every_key_expires_and_has_the_customers_tag(
    server: RedisServer,
) -> None:
    client: Any = Redis.from_url(server.url)
    await client.flushall()
    here = clusters(client, [])
    for fresh in ("a", "b"):
        await here.place("acme", ADVERT, fresh=fresh)
    keys = [key.decode() async for key in client.scan_iter()]
    assert keys
    for start in range(0, 100_000, 5000):
        here.reached("acme", "a", [f"somebody{number}" for number in range(start, start + 5000)])
        await here.settled()
    placed = await here.place("acme", ADVERT, fresh="x")
    assert placed.reach.year == pytest.approx(100_000, rel=0.04)
    size = 0
    async for key in client.scan_iter():
        assert b"{8:customer:4:acme}" in key
        assert 0 < await client.ttl(key) <= TTL
        if b"reach" in key:
            size += await client.memory_usage(key)
    assert size < 80_000  # HyperLogLog: no more for a million, see docs/bulk.md
    await client.aclose()


async def test_without_redis_a_process_goes_by_its_own_mail_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as server:
        alarms: list[str] = []
        client: Any = Redis.from_url(server.url)
        here = clusters(client, alarms, processes=3)
        await here.place("acme", ADVERT, fresh="a")
        healthy = [here.healthy]
        server.kill()
        placed = await here.place("acme", ADVERT, ["ann", "bob"], fresh="b")
        assert (placed.cluster, placed.reach.day) == ("b", 6)
        here.reached("acme", "b", ["ann"])
        await here.settled()
        again = await here.place("acme", ADVERT, ["ann"], fresh="c")
        assert (again.cluster, again.messages, again.reach.day) == ("b", 2, 3)
        healthy.append(here.healthy)
        assert len(alarms) == 1 and "each of 3 processes" in alarms[0]
        assert [each.id for each in await here.grown("acme")] == ["b"]
        server.up()
        monkeypatch.setattr(clusters_redis, "PROBE", 0.0)
        here._again = 1e-9  # the time has come
        assert (await here.place("acme", ADVERT, fresh="d")).cluster == "d"
        assert [*healthy, here.healthy] == [True, False, True]
        await client.aclose()
