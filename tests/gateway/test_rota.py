"""One piece of a large message in each turn of the event loop, and small things between them."""

import asyncio
import itertools

from gateway.rota import Rota


async def test_who_asks_alone_waits_for_nothing() -> None:
    rota, loops = Rota(), 0

    def count() -> None:
        nonlocal loops
        loops += 1

    asyncio.get_running_loop().call_soon(count)
    await rota.turn("acme")
    assert loops == 0


async def test_of_many_one_works_in_each_turn_of_the_loop_in_the_order_they_asked() -> None:
    rota, done, between = Rota(), list[str](), list[int]()

    async def large(name: str) -> None:
        for _ in range(3):
            await rota.turn("acme")
            done.append(name)

    async def small() -> None:
        for _ in range(9):
            between.append(len(done))
            await asyncio.sleep(0)

    await asyncio.gather(*(large(name) for name in "abc"), small())
    # The first asks a second time before the others have asked at all.
    assert "".join(done) == "aabcabcbc"
    assert all(after - before <= 1 for before, after in itertools.pairwise(between))


async def test_one_that_gives_up_is_passed_over() -> None:
    rota, done = Rota(), list[str]()

    async def large(name: str) -> None:
        await rota.turn("acme")
        done.append(name)

    tasks = [asyncio.create_task(large(name)) for name in "abcd"]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert done == ["a", "c", "d"]
    await asyncio.sleep(0)
    await asyncio.wait_for(rota.turn("acme"), 60)


async def test_a_newcomer_waits_for_one_of_a_crowd_and_not_for_all() -> None:
    rota, done = Rota(), list[str]()

    async def connect(holder: str) -> None:
        await rota.turn(holder)
        done.append(holder)

    await asyncio.gather(*(connect("crowd") for _ in range(100)), connect("newcomer"))
    assert done.index("newcomer") == 2
