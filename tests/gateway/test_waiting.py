"""Holders take turns, however many one of them has waiting."""

import asyncio

from gateway.waiting import Waiting


async def test_holders_take_turns_and_those_of_one_come_in_their_order() -> None:
    waiting, done = Waiting(), list[str]()

    async def wait(holder: str, number: int) -> None:
        await waiting.join(holder)
        done.append(f"{holder}{number}")

    order = [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("c", 1), ("b", 2)]
    tasks = [asyncio.create_task(wait(*each)) for each in order]
    await asyncio.sleep(0)
    for _ in order:
        assert waiting.wake()
    await asyncio.gather(*tasks)
    assert done == ["a1", "b1", "c1", "a2", "b2", "a3"]


async def test_what_was_given_up_is_passed_over() -> None:
    waiting = Waiting()
    gone, stays = waiting.join("a"), waiting.join("a")
    gone.cancel()
    assert waiting.wake() and stays.done()
    assert not waiting.wake()
    waiting.join("b").cancel()
    assert not waiting.wake()
