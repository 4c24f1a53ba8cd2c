"""Link: one connection to the next hop.

It never raises. What was asked is answered by a list: shorter than asked for when the connection went away before, and
then `gone` says why. So nobody waits for an exception that nobody collects, and a task that is cancelled leaves
nothing behind but a link to be dropped.
"""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from gateway.nexthop.answers import Answer, AnswerParser
from gateway.nexthop.bounds import Bounds

Answers = list[Answer]


class Keeper(Protocol):
    """Who is told when a link ends: the pool, and in tests a plain recorder."""

    def gone(self, link: "Link") -> None:
        """The link cannot be used any more."""

    def closed(self, link: "Link") -> None:
        """Its connection is closed; comes after `gone`."""


class _Expected:
    """Answers that are on their way, and who gets them."""

    __slots__ = ("answers", "count", "future", "then")

    def __init__(
        self, count: int, future: "asyncio.Future[Answers] | None", then: Callable[[Answers], None] | None = None
    ) -> None:
        self.answers: Answers = []
        self.count = count
        self.future = future
        self.then = then

    def settle(self) -> None:
        if self.future is not None and not self.future.done():
            self.future.set_result(self.answers)
        if self.then is not None:
            self.then(self.answers)


class Link(asyncio.Protocol):
    """An SMTP client connection. Times are in seconds."""

    __slots__ = (
        "_bounds",
        "_deadline",
        "_drained",
        "_expected",
        "_keeper",
        "_late",
        "_loop",
        "_parser",
        "_paused",
        "_quitting",
        "_timer",
        "_transport",
        "address",
        "customer",
        "garbled",
        "gone",
        "greeting",
        "idle_since",
        "keywords",
        "messages",
        "resets",
        "tls",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, address: str, keeper: Keeper, bounds: Bounds) -> None:
        self.address = address
        """Which of the next hop's addresses, such as `mx.example[192.0.2.1]:25`."""
        self.gone = ""
        """Why it cannot be used any more; empty while it can."""
        self.garbled = False
        """It is gone because the next hop sent what is not SMTP."""
        self.keywords: dict[str, str] = {}
        """What EHLO offered: keyword in upper case, parameters."""
        self.tls = False
        self.greeting: asyncio.Future[Answers] = loop.create_future()
        self.messages = 0
        self.resets = 0
        self.customer: str | None = None
        """For whom it is held; None when it is free."""
        self.idle_since = 0.0
        self._loop = loop
        self._keeper = keeper
        self._bounds = bounds
        self._parser = AnswerParser()
        self._expected: deque[_Expected] = deque([_Expected(1, self.greeting)])
        self._transport: asyncio.Transport | None = None
        self._paused = False
        self._drained: asyncio.Future[None] | None = None
        self._quitting = False
        self._deadline = 0.0
        self._late: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # What the owner does

    def ask(self, data: bytes, count: int, timeout: float) -> "asyncio.Future[Answers]":
        """Send `data` and expect `count` answers within `timeout`."""
        future: asyncio.Future[Answers] = self._loop.create_future()
        if self.gone or self._transport is None:
            future.set_result([])
            return future
        self._expected.append(_Expected(count, future))
        self._transport.write(data)
        self.within(timeout)
        return future

    def expect(self) -> "asyncio.Future[Answers]":
        """The next answer, to what is still to be written."""
        future: asyncio.Future[Answers] = self._loop.create_future()
        if self.gone:
            future.set_result([])
        else:
            self._expected.append(_Expected(1, future))
            self.within(self._bounds.progress)
        return future

    def write(self, data: "bytes | memoryview") -> bool:
        """Hand octets to the connection; false when it is gone, and then none were handed over."""
        if self.gone or self._transport is None or self._transport.is_closing():
            return False
        self._transport.write(data)
        return True

    async def drain(self) -> None:
        """Wait until the next hop has taken in most of what was written, or has answered, or is gone."""
        if self.gone:
            return
        self.within(self._bounds.progress)
        if not self._paused:
            # Writing into an empty socket never waits: let others, and an early answer, have their turn.
            await asyncio.sleep(0)
            return
        self._drained = self._loop.create_future()
        try:
            await self._drained
        finally:
            self._drained = None

    def within(self, seconds: float, late: Callable[[], None] | None = None) -> None:
        """Call `late` in `seconds` unless something else is asked for before; without one, the link is dropped."""
        when = self._loop.time() + seconds
        self._deadline = when
        self._late = late
        # One timer, moved forward when it fires: making one for each command costs more than the command.
        if self._timer is None:
            self._timer = self._loop.call_at(when, self._tick)
        elif self._timer.when() > when:
            self._timer.cancel()
            self._timer = self._loop.call_at(when, self._tick)

    def reset(self, then: "Callable[[Link], None]") -> None:
        """RSET; `then` is called when it is done, or the link gone."""
        self.resets += 1
        if self.gone or self._transport is None:
            then(self)
            return

        def done(answers: Answers) -> None:
            if answers and not answers[0].positive:
                self.drop(f"RSET was answered {answers[0].line}")
            then(self)

        self._expected.append(_Expected(1, None, done))
        self._transport.write(b"RSET\r\n")
        self.within(self._bounds.reset)

    def quit(self) -> None:
        """Say QUIT and close; the link is gone from now on."""
        if self.gone or self._transport is None:
            return
        self.gone = "we closed it"
        self._quitting = True
        self._transport.write(b"QUIT\r\n")
        self.within(self._bounds.quit)
        self._keeper.gone(self)

    def drop(self, reason: str, *, garbled: bool = False) -> None:
        """Close without ado; whoever waits gets the answers there are."""
        self._quitting = False
        if self._transport is not None:
            self._transport.abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.gone:
            return
        self.gone = reason
        self.garbled = garbled
        expected, self._expected = self._expected, deque()
        self._keeper.gone(self)
        for waiting in expected:
            waiting.settle()
        self._wake()

    async def start_tls(self, context: ssl.SSLContext, host: str, timeout: float) -> None:
        """Begin TLS after the 220 to STARTTLS; raises OSError (ssl.SSLError, TimeoutError are).

        What came in clear behind the 220 would be read as if it came through TLS (CVE-2011-0411), so it is a fault.
        """
        if self._transport is None or self.gone or not self._parser.between:
            raise ConnectionAbortedError(self.gone or "plain text behind the reply to STARTTLS")
        transport = await self._loop.start_tls(
            self._transport, self, context, server_hostname=host, ssl_handshake_timeout=timeout
        )
        if transport is None or transport.is_closing():
            raise ConnectionAbortedError("the connection was closed during the handshake")
        self._transport = transport
        self.tls = True

    # What the event loop does

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands; the greeting is waited for."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        sock = transport.get_extra_info("socket")
        # Nagle's algorithm costs 40 ms for each message; a peer that vanishes must not hold a session for ever.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.within(self._bounds.greeting)

    def data_received(self, data: bytes) -> None:
        """Give answers to those who wait for them."""
        if self.gone:
            if self._quitting:
                self.drop("")
            return
        for answer in self._parser.feed(data):
            if not self._answered(answer):
                return
        if self._parser.broken:
            self.drop(f"the next hop sent {self._parser.broken}", garbled=True)

    def eof_received(self) -> None:
        """The next hop has closed."""
        self.drop("the next hop closed the connection")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        self.drop(f"the connection was lost ({exc})" if exc else "the next hop closed the connection")
        self._transport = None
        self._keeper.closed(self)

    def pause_writing(self) -> None:
        """The next hop takes in less than we write."""
        self._paused = True

    def resume_writing(self) -> None:
        """The next hop caught up."""
        self._paused = False
        self._wake()

    def _answered(self, answer: Answer) -> bool:
        """Give an answer to who waits for it; whether more may come."""
        if answer.code == 421:
            # It closes after this (RFC 5321 section 3.8), whatever it was an answer to.
            if self._expected:
                self._expected[0].answers.append(answer)
            self.drop(f"the next hop said {answer.line}")
            return False
        if not self._expected:
            self.drop(f"the next hop said, unasked, {answer.line}", garbled=True)
            return False
        waiting = self._expected[0]
        waiting.answers.append(answer)
        if len(waiting.answers) == waiting.count:
            self._expected.popleft()
            waiting.settle()
            self._wake()
        return not self.gone

    def _wake(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def _tick(self) -> None:
        self._timer = None
        late, left = self._late, self._deadline - self._loop.time()
        if not (late or self._expected or self._drained or self._quitting):
            return
        if left > 0.002:  # the clock of some loops runs in milliseconds
            self._timer = self._loop.call_at(self._deadline, self._tick)
        elif late is not None:
            self._late = None
            late()
        else:
            self.drop("the next hop did not answer in time")
