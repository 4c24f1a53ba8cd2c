"""Overload: how late the event loop turns, and when that is too late to take on more."""

import asyncio
import math
from collections.abc import Callable

EVERY = 0.1
"""Seconds between two looks."""
_MEMORY = 1.0
"""Seconds over which the delay is averaged: one slow turn is no overload."""


class Overload:
    """On when the averaged delay reaches `limit` seconds, off when it has fallen to half of it."""

    def __init__(self, limit: float, seen: Callable[[float, bool], None]) -> None:
        """`seen` is told each delay in seconds, and whether it is too much."""
        self._limit, self._seen = limit, seen
        self.delay = 0.0
        """The average, in seconds."""
        self.on = False

    def late(self, delay: float, since: float) -> None:
        """The loop came `delay` seconds late, `since` seconds after the look before."""
        weight = 1 - math.exp(-since / _MEMORY)
        self.delay += weight * (delay - self.delay)
        self.on = self.delay > self._limit / 2 if self.on else self.delay >= self._limit
        self._seen(delay, self.on)

    async def watch(self) -> None:
        """Look for ever."""
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(EVERY)
            since = loop.time() - before
            self.late(max(0.0, since - EVERY), since)
