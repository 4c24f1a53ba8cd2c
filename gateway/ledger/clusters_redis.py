"""The clusters of several processes, in Redis: one call of `clusters.lua` for each message placed.

While Redis does not answer this process goes by what it sees itself, beginning anew, and takes its reach times the
number of processes; every PROBE seconds one message asks Redis again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any, cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from filters.fingerprint import Fingerprint
from gateway.ledger.clusters import (
    BOUNDS,
    COMPARED,
    FEW,
    HELD,
    INDEXED,
    LIKENESS,
    NOWHERE,
    POSTED,
    TTL,
    WEIGHT,
    WINDOWS,
    YOUNG,
    Bounds,
    Cluster,
    Likeness,
    Placed,
    Reach,
    reduced,
)
from gateway.ledger.clusters_memory import MemoryClusters
from gateway.ledger.model import key

TIMEOUT = 1.0
"""Seconds that one round trip may take. A busy machine is no reason to look at one's own mail only."""
PROBE = 1.0
_MOST = 2000
"""Tellings under way; beyond that this process counts for itself."""
_FAILURES = (Exception,)
"""Whatever the library raises: who waits must have an answer."""
_SCRIPT = files("gateway.ledger").joinpath("clusters.lua").read_text()
_SHA = sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()
_SIZES = (INDEXED, POSTED, COMPARED, HELD, WEIGHT, YOUNG, FEW, TTL)
_TABLES = ("single", "grown", "single-postings", "grown-postings", "common")


class RedisClusters:
    """Clusters of all processes that share a Redis."""

    def __init__(
        self,
        client: Redis,
        *,
        processes: int,
        clock: Callable[[], float],
        alarm: Callable[[str, str], None],
        likeness: Likeness = LIKENESS,
        bounds: Bounds = BOUNDS,
        timeout: float = TIMEOUT,
    ) -> None:
        """`client` decodes no responses and is closed by who made it; `clock` gives seconds since 1970.

        `alarm` is `Metrics.alarm`.
        """
        self._client, self._processes, self._clock, self._alarm = client, processes, clock, alarm
        self._timeout = timeout
        tables = (bounds.single, bounds.grown, bounds.postings, bounds.postings, bounds.common)
        self._head = (tuple(likeness), tables, _SIZES, WINDOWS)
        self._alone = MemoryClusters(clock, likeness, bounds)
        self._telling: set[asyncio.Task[None]] = set()
        self._again = 0.0
        """When Redis is asked again, in the loop's time; 0 while it answers."""

    @property
    def healthy(self) -> bool:
        """Whether Redis answered last time."""
        return self._again == 0

    async def place(
        self, customer: str, fingerprint: Fingerprint, recipients: Sequence[str] = (), *, fresh: str
    ) -> Placed:
        """The cluster it joined or founded; within `timeout`."""
        if not fingerprint.features:
            return NOWHERE
        answer = await self._ask(customer, "place", *fingerprint, fresh, reduced(recipients))
        if answer is None:
            placed = self._alone.put(customer, fingerprint, recipients, fresh=fresh)
            return placed._replace(reach=Reach(*(figure * self._processes for figure in placed.reach)))
        if not answer:
            return NOWHERE
        id, since, messages, *reach = answer
        return Placed(_text(id), since / 1000, messages, Reach(*reach))

    def reached(self, customer: str, cluster: str, recipients: Sequence[str]) -> None:
        """Count them; where Redis is away, here."""
        if not cluster or not recipients:
            return
        if len(self._telling) >= _MOST:
            self._alone.reached(customer, cluster, recipients)
            return
        task = asyncio.get_running_loop().create_task(self._tell(customer, cluster, recipients))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def grown(self, customer: str) -> list[Cluster]:
        """The clusters of several messages."""
        answer = await self._ask(customer, "grown")
        if answer is None:
            return await self._alone.grown(customer)
        listed = [Cluster(_text(id), since / 1000, last / 1000, messages) for id, since, last, messages in answer]
        return sorted(listed, key=lambda each: (-each.messages, each.id))

    async def settled(self) -> None:
        """Return when all that was told is counted."""
        while self._telling:
            await asyncio.wait(self._telling)

    async def _tell(self, customer: str, cluster: str, recipients: Sequence[str]) -> None:
        if await self._ask(customer, "reached", cluster, reduced(recipients)) is None:
            self._alone.reached(customer, cluster, recipients)

    async def _ask(self, customer: str, what: str, *more: object) -> list[Any] | None:
        """The script's answer; None where Redis gives none."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._again:
            return None
        if self._again:
            self._again = loop.time() + PROBE  # one asks, the others do not wait for it
        tables = [key(f"clusters-{table}-{age}", "customer", customer) for table in _TABLES for age in ("new", "old")]
        keys = [*tables, key("reach", "customer", customer)]
        ask = msgspec.msgpack.encode((round(self._clock() * 1000), *self._head, *more))
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._run(keys, what, ask)
        except _FAILURES as error:
            if not self._again:
                why = str(error) or type(error).__name__
                self._alarm("clusters", f"Redis: {why}; each of {self._processes} processes sees its own mail only")
            self._again = loop.time() + PROBE
            return None
        self._again = 0.0
        return cast(list[Any], msgspec.msgpack.decode(answer, strict=False)) or []

    async def _run(self, keys: list[str], what: str, ask: bytes) -> bytes:
        try:
            return await cast(Awaitable[bytes], self._client.evalsha(_SHA, len(keys), *keys, what, ask))
        except NoScriptError:
            return await cast(Awaitable[bytes], self._client.eval(_SCRIPT, len(keys), *keys, what, ask))


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()
