"""Rota: what is next of the work that comes in crowds, the pieces of large messages and new connections.

A piece takes the event loop a third of a millisecond, and so does a connection. Were those of a crowd worked on as they
come, one after the other, every small message would wait for all of them at each of its ten steps; so one goes in each
turn of the loop, and the others wait, their clients held back by TCP.
"""

import asyncio

from gateway.waiting import Waiting


class Rota:
    """One for each process."""

    def __init__(self) -> None:
        self._taken = False
        self._waiting = Waiting()

    async def turn(self, holder: str) -> None:
        """Return when it is the turn of `holder`, a customer or an address, for the work of its caller up to where that
        next waits for anything."""
        if self._taken:
            await self._waiting.join(holder)
        else:
            self._taken = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._taken = self._waiting.wake()
        if self._taken:
            asyncio.get_running_loop().call_soon(self._next)
