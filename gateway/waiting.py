"""Waiting: who waits for a turn, side by side and not behind each other's crowds."""

import asyncio
from collections import OrderedDict, deque


class Waiting:
    """Holders and what waits for each. They take turns, however many one of them has waiting."""

    def __init__(self) -> None:
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def join(self, holder: str) -> "asyncio.Future[None]":
        """Done when it is the turn of this one; cancelling it gives the place up."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(holder, deque()).append(turn)
        return turn

    def wake(self) -> bool:
        """Give one its turn; False when nobody waits."""
        while self._queues:
            holder, queue = self._queues.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._queues[holder] = queue
            if not turn.done():
                turn.set_result(None)
                return True
        return False
