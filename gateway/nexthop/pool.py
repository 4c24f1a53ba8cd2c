"""Pool: the sessions with one next hop, kept, grown with demand, and shared among customers."""

import asyncio
import math
from collections import Counter, OrderedDict, deque
from collections.abc import Callable

from gateway.nexthop.bounds import Bounds
from gateway.nexthop.dial import Dialler, UnreachableError
from gateway.nexthop.health import Health
from gateway.nexthop.link import Link


class BusyError(Exception):
    """No session became free in time: all are in use, or this customer holds its share."""


class _Waiter:
    """A transaction that waits for a session."""

    __slots__ = ("busy", "customer", "future")

    def __init__(self, customer: str, future: "asyncio.Future[Link | None]") -> None:
        self.customer = customer
        self.future = future
        """A link; or None, the right to dial one."""
        self.busy = False
        """It waited long enough; then None means nothing."""


class Pool:
    """Sessions; the one used last is used next, so that a quiet pool shrinks.

    Who needs a new session dials it in its own task: there are no tasks here to leak. Waiters are served customer by
    customer in turn, so that one customer's crowd does not keep the others out.
    """

    def __init__(
        self,
        dialler: Dialler,
        health: Health,
        *,
        sessions: int,
        share: float,
        bounds: Bounds,
        clock: Callable[[], float],
    ) -> None:
        self._dialler = dialler
        self._health = health
        self._sessions = sessions
        # Rounded first: 0.1 * 30 is a little above 3, and its ceiling would be 4.
        self._cap = max(1, math.ceil(round(share * sessions, 6)))
        self._bounds = bounds
        self._clock = clock
        self._links: set[Link] = set()
        self._open: set[Link] = set()
        self._idle: list[Link] = []
        self._dialling = 0
        self._held: Counter[str] = Counter()
        self._queue: OrderedDict[str, deque[_Waiter]] = OrderedDict()
        self._waiting = 0
        self._grow_after = float("-inf")
        self._closing = False
        self._closed: asyncio.Future[None] | None = None
        self.last_used = float("-inf")
        """When a session was last opened or given back in order, by the clock."""

    @property
    def size(self) -> int:
        """Sessions that can be used, in use or idle."""
        return len(self._links)

    @property
    def idle(self) -> int:
        """Sessions that are free."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """Transactions that wait for a session."""
        return self._waiting

    def take(self, customer: str) -> Link | None:
        """A free session at once, or None."""
        if not self._idle or self._held[customer] >= self._cap:
            return None
        link = self._idle.pop()
        link.customer = customer
        self._held[customer] += 1
        return link

    async def acquire(self, customer: str, *, fresh: bool = False) -> Link:
        """A session, a newly opened one if `fresh` and possible.

        Raises BusyError after `bounds.wait` seconds without one, UnreachableError when none can be opened.
        """
        link = None if fresh else self.take(customer)
        if link is not None:
            return link
        if self._held[customer] < self._cap:
            if fresh and self._idle and not self._room():
                self._idle[0].quit()
            if self._room():
                self._reserve(customer)
                return await self._grow(customer)
        return await self._wait(customer)

    def give_back(self, link: Link) -> None:
        """The session is free, in the state after EHLO. Giving back one that is free or gone does nothing."""
        if link.customer is None:
            return
        self._release(link.customer)
        link.customer = None
        if not link.gone:
            self._keep(link)
        if self._queue:
            self._grant()

    async def probe(self) -> None:
        """Open a session to see whether the next hop can be reached; it stays for use. Faults go to `health`."""
        if self._closing or not self._room():
            return
        self._dialling += 1
        try:
            link = await self._dial()
        except UnreachableError:
            return
        else:
            if not link.gone:
                self._keep(link)
        finally:
            self._dialling -= 1
            if self._queue:
                self._grant()

    def reap(self) -> None:
        """Close the sessions that were idle for long."""
        oldest = self._clock() - self._bounds.idle
        for link in [link for link in self._idle if link.idle_since <= oldest]:
            link.quit()

    async def close(self) -> None:
        """Say QUIT where nothing runs, drop the rest, and wait until all are closed."""
        self._closing = True
        for waiter in [waiter for waiters in self._queue.values() for waiter in waiters]:
            self._give_up(waiter)
        for link in list(self._links):
            if link.customer is None:
                link.quit()
            else:
                link.drop("the gateway closes")
        if self._open:
            self._closed = asyncio.get_running_loop().create_future()
            timer = asyncio.get_running_loop().call_later(min(1.0, self._bounds.quit), self._drop_all)
            await self._closed
            timer.cancel()

    # As the keeper of its links

    def gone(self, link: Link) -> None:
        """A link can no longer be used."""
        self._links.discard(link)
        if link.customer is not None:
            self._release(link.customer)  # its share is free at once, also if nobody ever gives it back
            link.customer = None
        elif link in self._idle:
            self._idle.remove(link)
        if self._queue:
            self._grant()

    def closed(self, link: Link) -> None:
        """A link's connection is closed."""
        self._open.discard(link)
        if not self._open and self._closed is not None and not self._closed.done():
            self._closed.set_result(None)

    def _drop_all(self) -> None:
        for link in list(self._open):
            link.drop("the gateway closes")

    def _room(self) -> bool:
        """Whether one more session may be opened now."""
        if self._closing or len(self._links) + self._dialling >= self._sessions:
            return False
        # A next hop that takes no more connections still serves those it has.
        return not self._links or self._clock() >= self._grow_after

    def _reserve(self, customer: str) -> None:
        self._held[customer] += 1
        self._dialling += 1

    def _release(self, customer: str) -> None:
        self._held[customer] -= 1
        if self._held[customer] <= 0:
            del self._held[customer]

    def _keep(self, link: Link) -> None:
        if self._closing or link.resets >= self._bounds.resets or link.messages >= self._bounds.messages:
            link.quit()
            return
        link.idle_since = self.last_used = self._clock()
        self._idle.append(link)

    async def _grow(self, customer: str) -> Link:
        """Open a session in the place that `_reserve` kept."""
        try:
            link = await self._dial()
        except BaseException as error:
            self._dialling -= 1
            self._release(customer)
            if self._queue:
                self._grant()
            if isinstance(error, UnreachableError) and self._links:
                return await self._wait(customer)
            raise
        self._dialling -= 1
        if self._closing:
            link.drop("the gateway closes")
        link.customer = customer
        return link

    async def _dial(self) -> Link:
        try:
            link = await self._dialler.dial(self)
        except UnreachableError as error:
            self._grow_after = self._clock() + self._bounds.backoff
            if self._links:
                self._health.alarm("next_hop_full", f"no further session beside {len(self._links)}: {error}")
            else:
                self._health.fault(error.stage, str(error))
            raise
        self._health.connected()
        self.last_used = self._clock()
        if not link.gone:
            self._links.add(link)
            self._open.add(link)
        return link

    async def _wait(self, customer: str) -> Link:
        if self._closing or self._waiting >= self._bounds.waiters:
            raise BusyError
        loop = asyncio.get_running_loop()
        waiter = _Waiter(customer, loop.create_future())
        self._queue.setdefault(customer, deque()).append(waiter)
        self._waiting += 1
        timer = loop.call_later(self._bounds.wait, self._give_up, waiter)
        try:
            granted = await waiter.future
        except asyncio.CancelledError:
            self._forget(waiter)
            if waiter.future.done() and not waiter.future.cancelled() and not waiter.busy:
                self._return(customer, waiter.future.result())
            raise
        finally:
            self._waiting -= 1
            timer.cancel()
        if waiter.busy:
            raise BusyError
        return granted if granted is not None else await self._grow(customer)

    def _give_up(self, waiter: _Waiter) -> None:
        self._forget(waiter)
        if not waiter.future.done():
            waiter.busy = True
            waiter.future.set_result(None)

    def _forget(self, waiter: _Waiter) -> None:
        waiters = self._queue.get(waiter.customer)
        if waiters is not None and waiter in waiters:
            waiters.remove(waiter)
            if not waiters:
                del self._queue[waiter.customer]

    def _return(self, customer: str, granted: Link | None) -> None:
        """Undo a grant that came too late."""
        if granted is not None:
            self.give_back(granted)
            return
        self._dialling -= 1
        self._release(customer)
        self._grant()

    def _grant(self) -> None:
        """Give what is free to those who wait."""
        while self._idle or self._room():
            customer = next((name for name in self._queue if self._held[name] < self._cap), None)
            if customer is None:
                return
            waiters = self._queue[customer]
            waiter = waiters.popleft()
            if waiters:
                self._queue.move_to_end(customer)
            else:
                del self._queue[customer]
            if waiter.future.done():
                continue
            link = self.take(customer)
            if link is None:
                self._reserve(customer)
            waiter.future.set_result(link)
