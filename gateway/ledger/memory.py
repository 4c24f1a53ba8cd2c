"""The ledger of one process, in its memory, for as long as the process lives.

Bounded: of too many meters or marks, the one untouched longest goes; what becomes of windows says `windows`.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence

from gateway.ledger.activity import ActivityMemory, Answer, Watch
from gateway.ledger.charges import Charge, Reservation, Shortfall, Use
from gateway.ledger.model import Add, Give, Mark, Marked, Operation, Take
from gateway.ledger.windows import Windows

MAX_KEYS = 100_000
"""Meters, and marks; places are as many as there are sessions."""
MAX_COUNTERS = 200_000
"""Counters with windows; a quarter of a gigabyte, where all of them are busy."""


class MemoryLedger:
    """Places, meters, marks and windows in dictionaries."""

    healthy = True

    def __init__(self, clock: Callable[[], float], max_keys: int = MAX_KEYS, max_counters: int = MAX_COUNTERS) -> None:
        """`clock` gives seconds since 1970."""
        self._clock, self._max_keys = clock, max_keys
        self.held: dict[str, int] = {}
        """Key -> places held by this process."""
        self._meters: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Key -> (level, when)."""
        self._marks: OrderedDict[str, float] = OrderedDict()
        """Key -> when it expires."""
        self._windows = Windows(max_counters)
        self._activity = ActivityMemory()

    async def ask(self, *operations: Operation) -> list[float]:
        """The answers."""
        return [self.do(operation) for operation in operations]

    def tell(self, *operations: Operation) -> None:
        """Without answers."""
        for operation in operations:
            self.do(operation)

    async def reserve(self, *charges: Charge) -> Reservation | Shortfall:
        """Room for all, or for none."""
        return self._windows.reserve(charges, self._now())

    def settle(self, reservation: Reservation, kept: Sequence[int] | None = None) -> None:
        """Count what passed, give back the rest."""
        if reservation.open:
            self._windows.settle(reservation, reservation.end(kept), self._now())

    def release(self, reservation: Reservation) -> None:
        """Give it all back."""
        self.settle(reservation, [0] * len(reservation.charges))

    async def usage(self, *charges: Charge) -> list[list[Use]]:
        """How the windows stand."""
        return self._windows.usage(charges, self._now())

    def watch(self, watch: Watch) -> asyncio.Future[Answer | None]:
        """An operation on the activity of a credential; done at once."""
        answer: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        answer.set_result(self._activity.do(watch, self._now()))
        return answer

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    def do(self, operation: Operation) -> float:
        """One operation and its answer."""
        match operation:
            case Take(key):
                self.held[key] = self.held.get(key, 0) + 1
                return self.held[key]
            case Give(key):
                left = self.held.pop(key, 0) - 1
                if left > 0:
                    self.held[key] = left
                return max(0, left)
            case Add():
                return self._add(operation)
            case Mark(key, seconds):
                self._marks.pop(key, None)
                self._marks[key] = self._clock() + seconds
                if len(self._marks) > self._max_keys:
                    self._marks.popitem(last=False)
                return 1
            case Marked(key):
                return float(self._marks.get(key, 0.0) > self._clock())

    def _now(self) -> int:
        return round(self._clock() * 1000)

    def _add(self, add: Add) -> float:
        now = self._clock()
        level, at = self._meters.pop(add.key, (0.0, now))
        at = min(at, now)  # a clock that was set back drains nothing, and does not stop it from draining
        level = min(add.most, max(0.0, level - (now - at) / add.drain) + add.amount)
        if level > 0:
            self._meters[add.key] = (level, now)
            if len(self._meters) > self._max_keys:
                self._meters.popitem(last=False)
        return level
