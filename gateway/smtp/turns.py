"""Turns: blocking work in a few threads, one holder after the other."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from gateway.waiting import Waiting

T = TypeVar("T")


class Turns:
    """Holders wait as `gateway.waiting` says: the many of one keep another's one from nothing."""

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, name)
        self._free = threads
        self._first, self._others = Waiting(), Waiting()

    async def run(self, holder: str, work: Callable[[], T], *, first: bool = False) -> T:
        """The result of `work`, run in a thread when it is the holder's turn; `first` goes before all holders."""
        if self._free:
            self._free -= 1
        else:
            turn = (self._first if first else self._others).join(holder)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._pass_on()
                raise
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        """A thread is free: whose turn is it?"""
        if not self._first.wake() and not self._others.wake():
            self._free += 1

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
