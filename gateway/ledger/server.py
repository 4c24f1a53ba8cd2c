"""The way to Redis, or to a Redis Cluster: scripts, a batch in one round trip.

A single server is asked on a connection of our own: what a pipeline of the library does around a round trip (a pool, a
retry, its own measurements) costs three times the round trip. `wire` is that connection.
"""

import asyncio
from collections.abc import Callable, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from gateway.ledger.model import tag_of
from gateway.ledger.wire import Wire

TIMEOUT = 1.0
"""Seconds that one round trip may take, connecting included. A busy machine is no reason to count alone."""

_LOOK = 5.0
"""Seconds to find out whether they are there, for which nobody waits."""
AT_ONCE = 200
"""Operations in one call: other clients of the server wait a few milliseconds for it."""
_T = TypeVar("_T")


class Script(NamedTuple):
    """A Lua file."""

    text: str
    sha: str

    @classmethod
    def of(cls, name: str, head: str = "") -> "Script":
        """The file of that name beside this one; what goes before it says what does not change from call to call."""
        text = head + files("gateway.ledger").joinpath(name).read_text()
        return cls(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


class Call(NamedTuple):
    """One run of a script."""

    script: Script
    keys: Sequence[str]
    arguments: Sequence[str | bytes]


class Server:
    """A Redis (`redis://`, `rediss://`) or a cluster (`redis+cluster://`, `rediss+cluster://`: hosts with commas)."""

    def __init__(self, url: str) -> None:
        options: dict[str, Any] = {
            "socket_timeout": TIMEOUT,
            "socket_connect_timeout": TIMEOUT,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
        }
        scheme = url.partition("://")[0]
        self._wire: Wire | None = None
        """To a single server, for scripts; made when it is first needed."""
        self.client: Redis | RedisCluster
        if scheme.endswith("+cluster"):
            place, at, hosts = urlsplit(url).netloc.rpartition("@")
            first, *others = hosts.split(",")
            more = [urlsplit(f"//{each}") for each in others]
            nodes = [ClusterNode(each.hostname or "", each.port or 6379) for each in more]
            one = f"{scheme.removesuffix('+cluster')}://{place}{at}{first}"
            self.client = RedisCluster.from_url(one, startup_nodes=nodes or None, **options)
        else:
            self.client = Redis.from_url(url, **options)
        self.spread = isinstance(self.client, RedisCluster)
        """Whether the keys of a call must share a hash tag; else one server has them all."""

    def bundles(self, items: Sequence[_T], key: Callable[[_T], str]) -> list[Sequence[_T]]:
        """What may go as one call each, in the order of the hash tags' names; `key` gives one key of an item."""
        if not self.spread:
            return [items[at : at + AT_ONCE] for at in range(0, len(items), AT_ONCE)]
        tags: dict[str, list[_T]] = {}
        for item in items:
            tags.setdefault(tag_of(key(item)), []).append(item)
        return [tags[tag] for tag in sorted(tags)]

    async def run(self, calls: Sequence[Call]) -> list[Any]:
        """The scripts' answers, in one round trip, two where Redis does not know a script yet.

        An answer may be an exception: of that call it is not known whether it ran. Raises RedisError, OSError,
        TimeoutError, and whatever else the library does; then it is known of none.
        """
        async with asyncio.timeout(TIMEOUT):
            replies = await self._run(calls, [("EVALSHA", call.script.sha) for call in calls])
            unknown = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            if unknown:
                missed = [calls[at] for at in unknown]
                again = await self._run(missed, [("EVAL", call.script.text) for call in missed])
                for at, reply in zip(unknown, again, strict=True):
                    replies[at] = reply
        return replies

    async def identity(self) -> frozenset[str]:
        """The runs of the servers: another answer means that one began anew, and may have forgotten.

        Asks where the servers of a cluster are, too. Raises as `run`.
        """
        async with asyncio.timeout(_LOOK):
            if isinstance(self.client, Redis):
                return frozenset((str((await self.client.info("server"))["run_id"]),))
            await self.client.aclose()
            await self.client.initialize()
            found = await self.client.info("server", target_nodes=RedisCluster.PRIMARIES)
            each = found.values() if "run_id" not in found else (found,)
            return frozenset(str(server["run_id"]) for server in each)

    async def close(self) -> None:
        """Close the connections."""
        if self._wire is not None:
            self._wire.close()
        await self.client.aclose()

    async def _run(self, calls: Sequence[Call], heads: Sequence[tuple[str, str]]) -> list[Any]:
        if not self.spread:
            commands = [
                packed((*head, str(len(call.keys)), *call.keys, *call.arguments))
                for call, head in zip(calls, heads, strict=True)
            ]
            return await self._ask(b"".join(commands), len(commands))
        pipe: Any = self.client.pipeline()
        async with pipe:
            for call, head in zip(calls, heads, strict=True):
                pipe.execute_command(*head, len(call.keys), *call.keys, *call.arguments)
            return list(await pipe.execute(raise_on_error=False))

    async def _ask(self, commands: bytes, count: int) -> list[Any]:
        """Send commands and read so many replies; an error of one command stands in its place."""
        if self._wire is None or not self._wire.usable:
            if self._wire is not None:
                self._wire.close()
            pool: Any = self.client.connection_pool  # type: ignore[union-attr]
            connection = pool.make_connection()
            await connection.connect()
            self._wire = Wire(connection)
        return await self._wire.ask(commands, count)


def packed(parts: Sequence[str | bytes]) -> bytes:
    """A command as it goes to Redis: an array of strings."""
    octets = [part if isinstance(part, bytes) else part.encode() for part in parts]
    return b"*%d\r\n" % len(octets) + b"".join([b"$%d\r\n%b\r\n" % (len(each), each) for each in octets])
