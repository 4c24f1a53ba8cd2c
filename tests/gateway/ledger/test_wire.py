"""A connection taken over from the library, with a real Redis."""

import asyncio
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, ResponseError

from gateway.ledger.server import packed
from gateway.ledger.wire import Wire
from tests.rig.redis import RedisServer, running


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running() as started:
        yield started


async def opened(client: Redis) -> Wire:
    pool: Any = client.connection_pool
    connection = pool.make_connection()
    await connection.connect()
    return Wire(connection)


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run])
def test_replies_come_in_order_and_errors_in_their_places(server: RedisServer, runner: object) -> None:
    large = b"x" * 500_000  # more than one read

    async def asked() -> None:
        client = Redis.from_url(server.url, protocol=2)
        wire = await opened(client)
        commands = [("SET", "a", large), ("GET", "a"), ("NONSENSE",), ("EVALSHA", "0" * 40, "0"), ("GET", "none")]
        for _ in range(2):
            done, value, wrong, unknown, none = await wire.ask(b"".join(map(packed, commands)), len(commands))
            assert (done, value, none) == (b"OK", large, None)
            assert isinstance(wrong, ResponseError) and isinstance(unknown, NoScriptError)
        assert wire.usable
        wire.close()
        await client.aclose()

    assert callable(runner)
    runner(asked())


async def test_who_stops_waiting_leaves_nothing_that_could_be_taken_for_another_answer(server: RedisServer) -> None:
    client = Redis.from_url(server.url, protocol=2)
    wire = await opened(client)
    server.send(signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wire.ask(packed(("PING",)), 1), 0.01)
    finally:
        server.send(signal.SIGCONT)
    assert not wire.usable
    await client.aclose()


async def test_a_server_that_goes_is_an_error_for_who_waits() -> None:
    with running() as server:
        client = Redis.from_url(server.url, protocol=2)
        wire = await opened(client)
        assert await wire.ask(packed(("PING",)), 1) == [b"PONG"]
        waiting = asyncio.ensure_future(wire.ask(packed(("BLPOP", "list", "0")), 1))
        await asyncio.sleep(0)
        server.kill()
        async with asyncio.timeout(60):
            with pytest.raises(ConnectionError):
                await waiting
        assert not wire.usable
        await client.aclose()
