"""Pool: the few threads in which requests ask the registry.

They are the API's own. What brings suspensions into this process, the audit and the tokens use others, and never wait
behind a long look-up.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import ParamSpec, TypeVar

from gateway.http.problems import LATER, Problem

P = ParamSpec("P")
R = TypeVar("R")

THREADS = 4
WAITING = 100
"""Requests that wait for a thread; the next one is answered 503."""


class Pool:
    """A bounded number of threads and of callers that wait for one."""

    def __init__(self, threads: int = THREADS, waiting: int = WAITING) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="postern-api")
        self._most, self._asked = threads + waiting, 0

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What `work` gives, in a thread. Raises what it raises, and Problem 503 when too many wait already.

        It goes on to its end even when the caller is cancelled: nothing is left half done.
        """
        if self._asked >= self._most:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests wait already; try again later", LATER)
        self._asked += 1
        future = self._executor.submit(work, *args, **kwargs)
        loop = asyncio.get_running_loop()
        # Counted when the thread is done, not when the caller has gone.
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._done))
        return await asyncio.shield(asyncio.wrap_future(future))

    def _done(self) -> None:
        self._asked -= 1

    async def close(self) -> None:
        """Wait for what runs; nothing can be asked any more."""
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)
