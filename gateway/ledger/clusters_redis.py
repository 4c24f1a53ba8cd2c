"""The clusters of several processes, in Redis: one call of `clusters.lua` for each message, by way of the ledger.

While Redis does not answer this process goes by what it has seen itself, and takes its reach times the number of
processes, so that bulk is not let through for want of Redis. It therefore follows the clusters of several messages in
its own memory too, under the same ids: what was labelled or observed stays so, and slow start goes on. One-to-one mail,
which is most, is not followed, and costs nothing twice.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec

from filters.fingerprint import Fingerprint
from gateway.ledger import server
from gateway.ledger.clusters import (
    BOUNDS,
    COMPARED,
    FEW,
    HELD,
    INDEXED,
    LIKENESS,
    LISTED,
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
from gateway.ledger.redis import RedisLedger
from gateway.ledger.server import Call, Script

_MOST = 2000
"""Tellings under way; beyond that this process counts for itself."""
_SCRIPT = Script.of("clusters.lua")
_SIZES = (INDEXED, POSTED, COMPARED, HELD, WEIGHT, YOUNG, FEW, TTL)
_TABLES = ("single", "grown", "single-postings", "grown-postings", "common")


class RedisClusters:
    """Clusters of all processes that share a Redis."""

    def __init__(
        self,
        ledger: RedisLedger,
        *,
        processes: int,
        clock: Callable[[], float],
        likeness: Likeness = LIKENESS,
        bounds: Bounds = BOUNDS,
    ) -> None:
        """`ledger` is the way to Redis, opened and closed by who made it; `clock` gives seconds since 1970."""
        self._ledger, self._processes, self._clock = ledger, processes, clock
        tables = (bounds.single, bounds.grown, bounds.postings, bounds.postings, bounds.common)
        self._head = (tuple(likeness), tables, _SIZES, WINDOWS)
        self._alone = MemoryClusters(clock, likeness, bounds)
        self._telling: set[asyncio.Task[None]] = set()

    async def place(
        self, customer: str, fingerprint: Fingerprint, recipients: Sequence[str] = (), *, fresh: str
    ) -> Placed:
        """The cluster it joined or founded; within 2 * TIMEOUT of the ledger's."""
        if not fingerprint.features:
            return NOWHERE
        answer = await self._ask(customer, "place", *fingerprint, fresh, reduced(recipients))
        if answer is None:
            placed = self._alone.put(customer, fingerprint, recipients, fresh=fresh)
            return placed._replace(reach=await self._of_all(customer, placed.cluster, placed.reach))
        if not answer:
            return NOWHERE
        id, since, messages, *reach = answer
        placed = Placed(_text(id), since / 1000, messages, Reach(*reach))
        if messages > 1:
            self._alone.follow(customer, fingerprint, placed)
        return placed

    async def reach(self, customer: str, cluster: str, recipients: Sequence[str] = ()) -> Reach:
        """With these; within 2 * TIMEOUT of the ledger's."""
        answer = await self._ask(customer, "reach", cluster, reduced(recipients))
        if answer is None:
            return await self._of_all(customer, cluster, await self._alone.reach(customer, cluster, recipients))
        return Reach(*answer)

    def reached(self, customer: str, cluster: str, recipients: Sequence[str]) -> asyncio.Task[None] | None:
        """Count them; where Redis is away, here."""
        if not cluster or not recipients:
            return None
        crowded = len(self._telling) >= _MOST
        if crowded or self._alone.knows(customer, cluster):
            self._alone.reached(customer, cluster, recipients)
        if crowded:
            return None
        task = asyncio.get_running_loop().create_task(self._tell(customer, cluster, recipients))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
        return task

    async def grown(self, customer: str) -> list[Cluster]:
        """The largest clusters of several messages."""
        answer = await self._ask(customer, "grown")
        if answer is None:
            grown = await self._alone.grown(customer)
            return [each._replace(reach=await self._of_all(customer, each.id, each.reach)) for each in grown]
        largest = sorted(answer, key=lambda row: (-row[3], _text(row[0])))[:LISTED]
        reaches = await asyncio.gather(*(self._ask(customer, "reach", _text(row[0]), []) for row in largest))
        return [
            Cluster(_text(id), since / 1000, last / 1000, messages, Reach(*(reach or (0, 0, 0, 0))))
            for (id, since, last, messages), reach in zip(largest, reaches, strict=True)
        ]

    async def close(self) -> None:
        """Return when all that was told is counted, or Redis could not be told. Before the ledger is closed."""
        while self._telling:
            await asyncio.wait(self._telling)

    async def _tell(self, customer: str, cluster: str, recipients: Sequence[str]) -> None:
        told = await self._ask(customer, "reached", cluster, reduced(recipients))
        if told is None and not self._alone.knows(customer, cluster):
            self._alone.reached(customer, cluster, recipients)

    async def _ask(self, customer: str, what: str, *more: object) -> list[Any] | None:
        """The script's answer; None where Redis gives none."""
        tables = [key(f"clusters-{table}-{age}", "customer", customer) for table in _TABLES for age in ("new", "old")]
        keys = [*tables, key("reach", "customer", customer)]
        ask = msgspec.msgpack.encode((round(self._clock() * 1000), *self._head, *more))
        try:
            async with asyncio.timeout(2 * server.TIMEOUT):
                answer = await self._ledger.run(Call(_SCRIPT, keys, [what, ask]))
        except TimeoutError:
            return None
        return None if answer is None else cast(list[Any], msgspec.msgpack.decode(answer, strict=False)) or []

    async def _of_all(self, customer: str, cluster: str, reach: Reach) -> Reach:
        """What it comes to if all processes have reached as many as this one. Those who are asked about are reached by
        none yet, and asked about here alone: a letter to ten is no campaign of ten times the processes."""
        reached = await self._alone.reach(customer, cluster)
        return Reach(*(each + own * (self._processes - 1) for each, own in zip(reach, reached, strict=True)))


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()
