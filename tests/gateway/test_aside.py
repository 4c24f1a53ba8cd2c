"""Work on large messages leaves the loop to others."""

import asyncio
import threading

import pytest

from filters.message import Message
from gateway.aside import SMALL, aside

LARGE = Message(b"x" * (SMALL + 1))


async def test_of_a_small_message_it_is_done_at_once() -> None:
    assert await aside(Message(b"x" * SMALL), threading.get_ident) == threading.get_ident()


async def test_of_a_large_one_in_a_thread_while_the_loop_serves_others() -> None:
    loop = asyncio.get_running_loop()

    async def served() -> int:
        return threading.get_ident()

    def work() -> int:
        assert asyncio.run_coroutine_threadsafe(served(), loop).result(60) != threading.get_ident()
        return threading.get_ident()

    assert await aside(LARGE, work) != threading.get_ident()
    assert await aside(Message(b"x"), work, small=0) != threading.get_ident()


async def test_what_it_raises_is_raised() -> None:
    def work() -> None:
        raise ValueError("of the work")

    with pytest.raises(ValueError, match="of the work"):
        await aside(LARGE, work)


async def test_the_loops_own_threads_are_not_used() -> None:
    free, begun = threading.Event(), [threading.Event() for _ in range(2)]

    def work(number: int) -> None:
        if number < len(begun):
            begun[number].set()
        assert free.wait(60)

    waiting = [asyncio.create_task(aside(LARGE, lambda at=number: work(at))) for number in range(50)]  # type: ignore[misc]
    for each in begun:
        assert await asyncio.to_thread(each.wait, 60)
    free.set()
    await asyncio.gather(*waiting)
