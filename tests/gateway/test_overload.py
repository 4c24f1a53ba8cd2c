"""Overload: a slow turn is none, a loop that stays late is one, and it ends only when it has recovered."""

import asyncio

import pytest

from gateway.overload import EVERY, Overload
from tests.rig.loops import calm


@pytest.fixture
def seen() -> list[tuple[float, bool]]:
    return []


@pytest.fixture
def overload(seen: list[tuple[float, bool]]) -> Overload:
    return Overload(0.5, lambda delay, on: seen.append((delay, on)))


def is_on(overload: Overload) -> bool:
    return overload.on


def late(overload: Overload, delay: float, times: int) -> None:
    for _ in range(times):
        overload.late(delay, EVERY + delay)


def test_one_slow_turn_is_no_overload(overload: Overload, seen: list[tuple[float, bool]]) -> None:
    late(overload, 0.7, 1)
    late(overload, 0.0, 5)
    assert [on for _, on in seen] == [False] * 6
    assert seen[0] == (0.7, False)


def test_a_loop_that_stays_late_is_overloaded_within_seconds(overload: Overload) -> None:
    late(overload, 0.6, 2)
    assert not is_on(overload)
    late(overload, 0.6, 2)
    assert is_on(overload)


def test_it_is_over_when_the_delay_has_fallen_to_half_and_not_before(overload: Overload) -> None:
    late(overload, 1.0, 10)
    late(overload, 0.3, 50)
    assert is_on(overload)
    assert overload.delay == pytest.approx(0.3, abs=0.01)
    late(overload, 0.0, 5)
    assert not is_on(overload)
    late(overload, 0.4, 50)
    assert not is_on(overload)


async def test_a_blocked_loop_is_seen(overload: Overload, seen: list[tuple[float, bool]]) -> None:
    watching = asyncio.create_task(overload.watch())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(EVERY / 2, calm().leap, 0.3)
    await asyncio.sleep(4 * EVERY)
    watching.cancel()
    assert 0.15 < seen[0][0] < 2
