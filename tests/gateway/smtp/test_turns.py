"""Turns: one holder's crowd keeps nobody else waiting."""

import asyncio
import threading

import pytest

from gateway.smtp.turns import Turns


class Work:
    """Blocking work that waits until it is let go, and notes the order."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.go = threading.Semaphore(0)

    def __call__(self, name: str) -> str:
        self.order.append(name)
        self.go.acquire(timeout=60)
        return name


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_holders_take_turns_and_the_first_go_before_all() -> None:
    turns, work = Turns(1, "test"), Work()
    names = ["a1", "a2", "a3", "b1", "c1", "a4"]
    tasks = [asyncio.create_task(turns.run(name[0], lambda name=name: work(name))) for name in names]  # type: ignore[misc]
    await settle()
    tasks.append(asyncio.create_task(turns.run("d", lambda: work("d1"), first=True)))
    await settle()
    work.go.release(len(tasks))
    assert await asyncio.gather(*tasks) == [*names, "d1"]
    assert work.order == ["a1", "d1", "a2", "b1", "c1", "a3", "a4"]
    turns.close()


async def test_who_no_longer_waits_is_passed_over_and_no_thread_is_lost() -> None:
    turns, work = Turns(1, "test"), Work()
    tasks = [asyncio.create_task(turns.run("a", lambda name=name: work(name))) for name in ("1", "2", "3")]  # type: ignore[misc]
    await settle()
    tasks[1].cancel()
    await settle()
    work.go.release(3)
    assert await tasks[2] == "3"
    assert work.order == ["1", "3"]
    assert await turns.run("b", lambda: "free again") == "free again"
    turns.close()


async def test_work_that_raises_frees_its_thread() -> None:
    turns = Turns(1, "test")
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await turns.run("a", lambda: 1 // 0)
    turns.close()
