"""The event loop of asynchronous tests: what it takes for passed time no busy machine can add to."""

import asyncio
import selectors
import time
from collections.abc import Callable

SLICE = 0.02
"""Seconds after which a loop that waits for input looks at its clock."""
TURN = 0.05
"""Seconds that one turn may take at most, in the loop's own time."""


class CalmClock:
    """Time that passes as that of `monotonic`, in seconds, but for where a machine stood still, or had no turn for us."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen = self._now = monotonic()

    def __call__(self) -> float:
        """The time."""
        return self._now + min(self._monotonic() - self._seen, TURN)

    def tick(self, most: float) -> None:
        """What passed since the last call counts for no more than `most` seconds."""
        seen = self._monotonic()
        self._now += min(seen - self._seen, most)
        self._seen = seen

    def leap(self, seconds: float) -> None:
        """So many seconds have passed."""
        self._now += seconds


class _Selector(selectors.DefaultSelector):
    """Waits in slices, so that a stall adds at most one of them."""

    def __init__(self, clock: CalmClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready, perhaps nothing before `timeout`."""
        self._clock.tick(TURN)
        ready = super().select(SLICE if timeout is None else min(timeout, SLICE))
        self._clock.tick(SLICE)
        return ready


class CalmLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop with such a clock: a time-out ends what has had its turns, not what the machine has held up.

    Whatever can go on within a turn does, before a timer that a stall alone would have made due.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._calm = CalmClock(monotonic)
        super().__init__(_Selector(self._calm))

    def leap(self, seconds: float) -> None:
        """So many seconds have passed for all its timers; those that are due fire in the next turn."""
        self._calm.leap(seconds)

    def time(self) -> float:
        """The time of its timers, in seconds."""
        return self._calm()


def calm() -> CalmLoop:
    """The loop of the test that asks."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, CalmLoop)
    return loop
