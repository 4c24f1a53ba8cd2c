"""The way to Redis: scripts it does not know yet, and servers that began anew."""

import asyncio
import contextlib
import signal
from hashlib import sha1

import pytest
from redis.exceptions import RedisError, ResponseError

from gateway.ledger.server import TIMEOUT, Call, Script, Server, packed
from tests.rig.redis import running, running_cluster


def script(text: str) -> Script:
    return Script(text, sha1(text.encode()).hexdigest())


ECHO = script("return {KEYS[1], ARGV[1]}")


async def once_it_answers(server: Server, keys: list[str]) -> frozenset[str]:
    """The first attempts may find that old connections are closed."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(RedisError, OSError):
                identity = await server.identity()
                await server.run([Call(ECHO, [each], [b"x"]) for each in keys])
                return identity
            await asyncio.sleep(0.05)


async def test_a_script_that_is_not_known_is_sent_whole_once() -> None:
    with running() as redis:
        server = Server(redis.url)
        calls = [Call(ECHO, [f"{{{number}}}"], [b"x"]) for number in range(3)]
        for _ in range(2):
            assert await server.run(calls) == [[b"{0}", b"x"], [b"{1}", b"x"], [b"{2}", b"x"]]
        stats = await server.client.info("commandstats")
        assert stats["cmdstat_eval"]["calls"] == 3
        assert stats["cmdstat_evalsha"]["calls"] == 6
        *good, bad = await server.run([*calls, Call(script("return nonsense()"), ["{0}"], [])])
        assert good == [[b"{0}", b"x"], [b"{1}", b"x"], [b"{2}", b"x"]], "what was answered is known"
        assert isinstance(bad, ResponseError)
        await server.close()


def test_a_command_is_an_array_of_strings_counted_in_octets() -> None:
    assert packed(("EVALSHA", "ü", b"\r\n\0")) == b"*3\r\n$7\r\nEVALSHA\r\n$2\r\n\xc3\xbc\r\n$3\r\n\r\n\0\r\n"


async def test_no_answer_is_taken_for_that_of_the_next_call() -> None:
    """A call that was given up leaves its answer on the way; the next one begins on another connection."""
    with running() as redis:
        server = Server(redis.url)
        assert await server.run([Call(ECHO, ["a"], [b"1"])]) == [[b"a", b"1"]]
        redis.send(signal.SIGSTOP)
        with pytest.raises((TimeoutError, RedisError)):
            await server.run([Call(ECHO, ["a"], [b"2"])])
        redis.send(signal.SIGCONT)
        await server.identity()  # it goes on
        assert await server.run([Call(ECHO, ["a"], [b"3"])]) == [[b"a", b"3"]]
        await server.close()


async def test_a_server_that_has_closed_the_connection_is_asked_on_a_new_one() -> None:
    with running() as redis:
        server = Server(redis.url)
        assert await server.run([Call(ECHO, ["a"], [b"1"])]) == [[b"a", b"1"]]
        await server.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        async with asyncio.timeout(60):
            while server._wire is None or server._wire.usable:  # noqa: ASYNC110 - until the close was heard
                await asyncio.sleep(0)
        assert await server.run([Call(ECHO, ["a"], [b"2"])]) == [[b"a", b"2"]]
        await server.close()


async def test_a_server_that_begins_anew_is_another_one_and_one_that_hangs_is_not_waited_for() -> None:
    with running() as redis:
        server = Server(redis.url)
        before = await server.identity()
        assert await server.identity() == before
        redis.kill()
        redis.up()
        after = await once_it_answers(server, ["{0}"])
        assert len(after) == 1
        assert after != before
        redis.send(signal.SIGSTOP)
        began = asyncio.get_running_loop().time()
        with pytest.raises((TimeoutError, RedisError)):
            await server.run([Call(ECHO, ["{0}"], [b"x"])])
        assert asyncio.get_running_loop().time() - began < TIMEOUT + 5
        redis.send(signal.SIGCONT)
        await server.close()


async def test_a_cluster_is_found_from_some_of_its_nodes_and_each_call_goes_where_its_keys_are() -> None:
    with running_cluster() as cluster:
        server = Server(cluster.url)
        keys = [f"{{{number}}}" for number in range(50)]
        for _ in range(2):
            replies = await server.run([Call(ECHO, [each], [b"x"]) for each in keys])
            assert replies == [[each.encode(), b"x"] for each in keys]
        before = await server.identity()
        assert len(before) == 3
        cluster.servers[1].kill()
        cluster.servers[1].up()
        after = await once_it_answers(server, keys)
        assert len(before & after) == 2
        await server.close()
