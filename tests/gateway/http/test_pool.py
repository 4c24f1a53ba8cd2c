"""Threads of the API's own."""

import asyncio
import threading

import pytest

from gateway.http.pool import Pool
from gateway.http.problems import Problem


async def test_it_gives_what_the_work_gives_and_raises_what_it_raises() -> None:
    pool = Pool()
    assert await pool.run(lambda a, b: a + b, 1, b=2) == 3
    with pytest.raises(ZeroDivisionError):
        await pool.run(lambda: 1 // 0)
    assert (await pool.run(threading.current_thread)).name.startswith("postern-api")
    await pool.close()


async def test_more_than_may_wait_are_answered_503() -> None:
    pool, go = Pool(threads=1, waiting=1), threading.Event()
    busy = [asyncio.create_task(pool.run(go.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Problem) as refused:
        await pool.run(lambda: None)
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "5")
    go.set()
    await asyncio.gather(*busy)
    await asyncio.sleep(0)
    await pool.run(lambda: None)
    await pool.close()


async def test_what_has_begun_is_finished_though_nobody_waits() -> None:
    pool, go, done = Pool(threads=1), threading.Event(), threading.Event()

    def work() -> None:
        go.wait()
        done.set()

    asked = asyncio.create_task(pool.run(work))
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    go.set()
    await pool.close()
    assert done.is_set()
