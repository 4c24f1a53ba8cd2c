"""One connection with a client, over aiosmtpd: its life cycle, its silence, what is read and what is said.

From aiosmtpd come the protocol's life cycle and the convention that a command FOO is the method smtp_FOO. Overridden
here, because each is a trap (the tests name them): how lines are read (it ends commands at a bare LF), one timer made
anew for each command, and what happens when a client hangs up (it cancels the handler, in the middle of forwarding
too). `gateway.smtp.session` overrides the commands.

Input is kept in one inbox. Replies wait until more input is needed, so that a pipelined group is answered in one write
(RFC 2920 section 3.2).
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aiosmtpd.smtp import SMTP

from filters.model import Reply
from gateway.smtp import replies
from gateway.smtp.inbox import Inbox
from gateway.smtp.proxy import plain_address

log = logging.getLogger("postern.smtp")

_HIGH_WATER = 128 * 1024
"""Octets of unread input at which reading pauses."""
_LEAST_OCTETS_PER_SECOND = 1024
"""A message that comes slower than this, over all its time less one time-out, is given up (R-045)."""
_UNREADABLE = 32 * 1024
"""Octets of input below which a socket does not count as readable while TLS is to begin: no first flight is as long."""
_TCP_CLOSE = 7
"""The state of a connection after a reset, in the kernel's TCP_INFO."""
_RESET_SECONDS = 1.0
"""How long a client that closed its side is watched: a reset tells that it closed both."""
_HANDSHAKE_SECONDS = 30.0
_LAST_WORDS_SECONDS = 10.0
"""How long a client that was sent away may take to read what it was told."""


class Gone(Exception):
    """The client is gone, or was sent away."""


class Connection(SMTP):
    """The transport's side of a session."""

    def __init__(self, silence: float, said: Callable[[str], None], turn: Callable[[], Awaitable[None]]) -> None:
        """`silence`: seconds a client may say nothing; `said` sees every reply line; `turn` waits for this
        client's turn with a piece of a large message."""
        # aiosmtpd's own __init__ inspects every attribute of itself at each connection; what it sets up for what we
        # keep is set here. tests/gateway/smtp/test_aiosmtpd.py fails when those names move.
        loop = asyncio.get_running_loop()
        # Neither stream is made: nobody reads or writes by them, and they would leave each session in a cycle.
        asyncio.StreamReaderProtocol.__init__(self, cast(Any, None), loop=loop)
        self.loop = loop
        self.transport: asyncio.BaseTransport | None = None
        self.session = None
        self.envelope = None
        self._original_transport = None
        self._timeout_handle = None
        self._timeout_duration = silence
        self._handle_hooks = {}
        self._said = said
        self._heard = 0.0
        self._client_owes = False
        """We wait for the client, to send or to read: its silence counts."""
        self._inbox = Inbox(self._wait_for_input, turn)
        self._more: asyncio.Future[None] | None = None
        self._delayed: asyncio.Future[None] | None = None
        self._octets_in = 0
        self._pace_from: tuple[float, int] | None = None
        """While a message comes in: when it began, and how many octets had come by then."""
        self._ended = self._reading_paused = False
        self._out: list[bytes] = []
        self._peer = ("", 0)
        """The client's address and port: the other end, or whom a listed balancer speaks for."""
        self._tls: str | None = None
        self._tls_first = False
        """TLS begins before anything is said (an implicit listener)."""

    # Life cycle

    def take_over(self, transport: asyncio.BaseTransport, client: tuple[str, int] | None) -> None:
        """Go on with a connection that a gate has begun; `client` is whom a balancer speaks for, None the other end.

        Reading is paused until input is wanted: uvloop reads on in the same turn, and on an implicit listener the
        handshake would come into the inbox before TLS is started.
        """
        if client is not None:
            self._peer = client
        self._reading_paused = True
        self.connection_made(transport)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected. On an implicit listener TLS is yet to begin."""
        if not self._peer[0]:
            name = transport.get_extra_info("peername")
            self._peer = (plain_address(str(name[0])), int(name[1])) if isinstance(name, tuple) else ("unknown", 0)
        if self._tls_first:
            # uvloop looks for input between this call and the session's first step, and what is read then is lost to
            # the handshake. Nor can reading be paused here: uvloop begins it afterwards.
            self._readable_from(_UNREADABLE, transport)
        super().connection_made(transport)

    def _readable_from(self, octets: int, transport: asyncio.BaseTransport) -> None:
        """How many octets must have come before the system says that there is input."""
        client = transport.get_extra_info("socket")
        if client is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, octets)

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone. What is being forwarded goes on: its outcome must be recorded."""
        self._ended = True
        self._wake()
        self._undelay()
        self._stop_timeout()
        asyncio.StreamReaderProtocol.connection_lost(self, error)
        self.transport = None

    def eof_received(self) -> bool | None:
        """The client sends no more; it may still read."""
        self._ended = True
        self._wake()
        self._undelay()
        return self._tls is None

    def data_received(self, data: bytes) -> None:
        """Input; reading pauses when it comes faster than it is used."""
        self._inbox.feed(data)
        self._octets_in += len(data)
        if len(self._inbox) > _HIGH_WATER and not self._reading_paused and self.transport is not None:
            self._reading_paused = True
            cast(asyncio.ReadTransport, self.transport).pause_reading()
        self._wake()

    def _reset_timeout(self, duration: float | None = None) -> None:
        """The client is heard of. aiosmtpd makes a new timer for each command; here one looks now and then."""
        self._heard = self.loop.time()
        if self._timeout_handle is None:
            self._timeout_handle = self.loop.call_later(self._timeout_duration, self._timeout_cb)

    def _stop_timeout(self) -> None:
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
            self._timeout_handle = None

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    async def _delay(self, seconds: float) -> None:
        """Let the client wait, for a timer and nothing else; raises Gone when it hangs up meanwhile.

        One that closes its side and has nothing more for us to read has hung up.
        """
        ends = self.loop.time() + seconds
        while (left := ends - self.loop.time()) > 0:
            if self.transport is None or self.transport.is_closing() or (self._ended and not self._inbox):
                raise Gone
            self._delayed = self.loop.create_future()
            timer = self.loop.call_later(left, self._undelay)
            try:
                await self._delayed
            finally:
                timer.cancel()
                self._delayed = None

    def _undelay(self) -> None:
        if self._delayed is not None and not self._delayed.done():
            self._delayed.set_result(None)

    def _timeout_cb(self) -> None:
        if not self._client_owes:
            self._heard = self.loop.time()  # the silence is ours: the next hop or the registry is slow
        left = self._heard + self._timeout_duration - self.loop.time()
        if self._pace_from is not None:
            since, octets = self._pace_from
            took = self.loop.time() - since - self._timeout_duration
            if took > (self._octets_in - octets) / _LEAST_OCTETS_PER_SECOND:
                left = 0
        if left > 0:
            self._timeout_handle = self.loop.call_later(left, self._timeout_cb)
            return
        log.info("%s timed out", self._peer)
        if self.transport is not None:
            self._say(replies.TIMED_OUT)
            self._write_out()
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection once what was said has been written; a client that does not read gets no more time."""
        transport = cast(asyncio.WriteTransport | None, self.transport)
        if transport is not None and not transport.is_closing():
            transport.close()
            if transport.get_write_buffer_size():
                self.loop.call_later(_LAST_WORDS_SECONDS, transport.abort)

    async def handshake(self, context: ssl.SSLContext) -> None:
        """Begin TLS, bounded in time; raises Gone when that fails."""
        original = cast(asyncio.WriteTransport | None, self.transport)
        if original is None:
            raise Gone
        try:
            transport = await self.loop.start_tls(
                original, self, context, server_side=True, ssl_handshake_timeout=_HANDSHAKE_SECONDS
            )
        except (OSError, ssl.SSLError) as error:
            log.info("TLS handshake with %s failed: %s", self._peer[0], error)
            original.close()
            raise Gone from None
        if transport is None:
            raise Gone  # the connection was closed while the handshake ended
        self.transport = transport
        self._tls = tls_of(transport)

    def send_away(self, reply: Reply) -> None:
        """Say why, and close: used when the gateway stops."""
        self._say(reply)
        self._write_out()
        self.hang_up()

    # Reading and writing

    async def _wait_for_input(self) -> None:
        """Write what waits, then wait until more input has come; raises Gone when none will."""
        before = self._octets_in
        await self._flush()
        if self._reading_paused and self.transport is not None:
            self._reading_paused = False
            cast(asyncio.ReadTransport, self.transport).resume_reading()
        # Input may have come while the replies waited to be read: nobody would be woken by it again.
        if self._octets_in == before:
            if self._ended:
                raise Gone
            self._more = self.loop.create_future()
            self._client_owes = True
            try:
                await self._more
            finally:
                self._more, self._client_owes = None, False
        self._reset_timeout()

    async def _tell(self, *said: Reply | str) -> bool:
        """Say what became of a message; whether the client was there to hear it.

        A client that closed its side may still read, and gets its reply; if it has closed both, its system answers that
        with a reset.
        """
        half_closed = self._ended
        if self.transport is None or self.transport.is_closing():
            return False
        self._reset_timeout()
        for each in said:
            self._say(each)
        try:
            await self._flush()
        except Gone:
            return False
        if half_closed and self.transport is not None:
            await asyncio.sleep(_RESET_SECONDS)
            return not self._was_reset()
        return self.transport is not None

    def _was_reset(self) -> bool:
        """Whether the client's system has refused what was sent."""
        if self.transport is None:
            return True
        client = self.transport.get_extra_info("socket")
        if client is None or self._tls is not None:
            return True
        state: int = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        return state == _TCP_CLOSE or client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0

    def _say(self, reply: Reply | str) -> None:
        text = str(reply)
        self._said(text)
        self._out.append(text.encode("ascii") + b"\r\n")

    def _write_out(self) -> None:
        if self._out and self.transport is not None:
            cast(asyncio.WriteTransport, self.transport).write(b"".join(self._out))
        self._out.clear()

    async def _flush(self) -> None:
        self._write_out()
        if self.transport is None:
            raise Gone
        self._client_owes = True
        try:
            await cast(Any, self)._drain_helper()
        except ConnectionError:
            raise Gone from None
        finally:
            self._client_owes = False


def tls_of(transport: asyncio.BaseTransport) -> str | None:
    """Version and cipher of a connection, such as "TLSv1.3 TLS_AES_256_GCM_SHA384"; None in clear."""
    found = transport.get_extra_info("ssl_object")
    if found is None:
        return None
    cipher = found.cipher()
    return f"{found.version()} {cipher[0] if cipher else ''}".strip()
