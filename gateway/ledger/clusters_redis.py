"""The clusters of several processes, in Redis: `clusters.lua`, by way of the ledger.

While Redis does not answer this process goes by what it has seen itself, and takes its reach times the number of
processes, so that bulk is not let through for want of Redis. It therefore follows the clusters of several messages in
its own memory too, under the same ids: what was labelled or observed stays so, and slow start goes on. One-to-one mail,
which is most, is not followed, and costs nothing twice; what of it came while Redis was away is forgotten afterwards.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from struct import Struct
from typing import Any

import msgspec

from filters.fingerprint import Fingerprint
from gateway.ledger.clusters import (
    BOUNDS,
    COMPARED,
    FEW,
    HELD,
    INDEXED,
    LIKENESS,
    LISTED,
    NOWHERE,
    PACED,
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
from gateway.ledger.server import Script

_MOST = 2000
"""Tellings under way; beyond that this process counts for itself."""
_SIZES = (INDEXED, POSTED, COMPARED, HELD, WEIGHT, YOUNG, FEW, PACED, TTL)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Any]).decode


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
        values = ", ".join(map(_lua, (likeness, tables, _SIZES, WINDOWS)))
        self._script = Script.of("clusters.lua", f"local likeness, bounds, sizes, windows = {values}\n")
        self._alone = MemoryClusters(clock, likeness, bounds)
        self._founds = False
        """Clusters of one message have been founded in `_alone`, for want of Redis."""
        self._telling: set[asyncio.Future[bytes | None]] = set()

    async def place(
        self, customer: str, fingerprint: Fingerprint, recipients: Sequence[str] = (), *, fresh: str
    ) -> Placed:
        """The cluster it joined or founded; within 2 * TIMEOUT of the ledger's."""
        if not fingerprint.features:
            return NOWHERE
        features = _packing(len(fingerprint.features)).pack(*fingerprint.features)
        answer = await self._ask(customer, "place", fingerprint.all, fresh, reduced(recipients), features=features)
        if answer is None:
            self._founds = True
            placed = self._alone.put(customer, fingerprint, recipients, fresh=fresh)
            return placed._replace(reach=self._of_all(customer, placed.cluster, placed.reach))
        if self._founds:
            self._founds = False
            self._alone.forget_single()
        if not answer:
            return NOWHERE
        id, since, messages, *reach = answer
        placed = Placed(id, since / 1000, messages, Reach(*reach))
        if messages > 1:
            self._alone.follow(customer, fingerprint, placed)
        return placed

    async def hold(self, customer: str, cluster: str, holder: str, recipients: Sequence[str], most: int) -> int | None:
        """Count them, where there is room; within 2 * TIMEOUT of the ledger's."""
        answer = await self._ask(customer, "hold", cluster, holder, reduced(recipients), most)
        if answer is None:
            return self._alone.put_on_hold(customer, cluster, holder, recipients, most, self._processes)
        return answer[0] if answer else None

    def let_go(self, customer: str, cluster: str, holder: str, recipients: Sequence[str]) -> None:
        """They were not reached."""
        if self._alone.knows(customer, cluster):
            self._alone.let_go(customer, cluster, holder, recipients)
        if len(self._telling) < _MOST:
            self._tell(self._run(customer, "let_go", cluster, holder, reduced(recipients)))

    def reached(self, customer: str, cluster: str, recipients: Sequence[str], holder: str = "") -> None:
        """Count them; where Redis is away, here."""
        if not cluster or not recipients:
            return
        crowded = len(self._telling) >= _MOST
        if crowded or self._alone.knows(customer, cluster):
            self._alone.reached(customer, cluster, recipients, holder)
        if not crowded:
            telling = self._run(customer, "reached", cluster, reduced(recipients), holder)
            telling.add_done_callback(partial(self._told, customer, cluster, recipients, holder))
            self._tell(telling)

    async def grown(self, customer: str) -> list[Cluster]:
        """The largest clusters of several messages."""
        answer = await self._ask(customer, "grown")
        if answer is None:
            grown = await self._alone.grown(customer)
            return [each._replace(reach=self._of_all(customer, each.id, each.reach)) for each in grown]
        largest = sorted(answer, key=lambda row: (-row[3], row[0]))[:LISTED]
        reaches = await asyncio.gather(*(self._ask(customer, "reach", row[0]) for row in largest))
        return [
            Cluster(id, since / 1000, last / 1000, messages, Reach(*(reach or (0, 0, 0))))
            for (id, since, last, messages), reach in zip(largest, reaches, strict=True)
        ]

    async def close(self) -> None:
        """Return when all that was told is counted, or Redis could not be told. Before the ledger is closed."""
        while self._telling:
            await asyncio.wait(self._telling)

    def _tell(self, telling: asyncio.Future[bytes | None]) -> None:
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    def _told(
        self,
        customer: str,
        cluster: str,
        recipients: Sequence[str],
        holder: str,
        telling: asyncio.Future[bytes | None],
    ) -> None:
        unheard = telling.cancelled() or telling.result() is None
        if unheard and not self._alone.knows(customer, cluster):
            self._alone.reached(customer, cluster, recipients, holder)

    async def _ask(self, customer: str, what: str, *more: object, features: bytes = b"") -> list[Any] | None:
        """The script's answer; None where Redis gives none."""
        answer = await self._run(customer, what, *more, features=features)
        return None if answer is None else _decode(answer)

    def _run(self, customer: str, what: str, *more: object, features: bytes = b"") -> asyncio.Future[bytes | None]:
        now = round(self._clock() * 1000)
        return self._ledger.run(self._script, _key(customer), _encode((what, now, *more)) + features)

    def _of_all(self, customer: str, cluster: str, reach: Reach) -> Reach:
        """What it comes to if all processes have reached as many as this one. Those who are asked about are reached by
        none yet, and asked about here alone: a letter to ten is no campaign of ten times the processes."""
        reached = self._alone.reach(customer, cluster)
        return Reach(*(each + own * (self._processes - 1) for each, own in zip(reach, reached, strict=True)))


@lru_cache(maxsize=10_000)
def _key(customer: str) -> str:
    """What the keys of a customer begin with."""
    return key("clusters", "customer", customer)


@lru_cache(maxsize=256)
def _packing(features: int) -> Struct:
    """Of so many, as the script has them."""
    return Struct(f">{features}I")


def _lua(value: object) -> str:
    """A number, or a tuple of such values, as Lua has it."""
    return f"{{{', '.join(map(_lua, value))}}}" if isinstance(value, tuple) else repr(value)
