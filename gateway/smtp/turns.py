"""Turns: blocking work in a few threads, one holder after the other."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Turns:
    """Holders wait side by side, not behind each other's crowds: the many of one keep another's one from nothing."""

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, name)
        self._free = threads
        self._first: deque[asyncio.Future[None]] = deque()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def run(self, holder: str, work: Callable[[], T], *, first: bool = False) -> T:
        """The result of `work`, run in a thread when it is the holder's turn; `first` goes before all holders."""
        if self._free:
            self._free -= 1
        else:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            (self._first if first else self._waiting.setdefault(holder, deque())).append(turn)
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
        while self._first or self._waiting:
            if self._first:
                turn = self._first.popleft()
            else:
                holder, queue = self._waiting.popitem(last=False)
                turn = queue.popleft()
                if queue:
                    self._waiting[holder] = queue
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
