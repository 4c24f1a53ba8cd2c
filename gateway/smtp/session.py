"""One SMTP session with a client, over aiosmtpd.

From aiosmtpd come the protocol's life cycle, its envelope and session values and the convention that a command FOO is
the method smtp_FOO. Overridden, because each is a trap (the tests name them): how lines are read (it ends commands at
a bare LF), DATA (line by line, bare LF and NUL let through), replies without enhanced codes, the exception handler
(500 with the exception's text), AUTH (synchronous), address parsing, and what happens when a client hangs up (it
cancels the handler, in the middle of forwarding too).

Input is kept in one buffer: a command is a line cut from it, DATA is searched for its end chunk by chunk. Replies wait
until more input is needed, so that a pipelined group is answered in one write (RFC 2920 section 3.2).
"""

import asyncio
import binascii
import logging
import ssl
from base64 import b64decode
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aiosmtpd.smtp import SMTP

from config.settings import Listener
from filters.model import Reply
from gateway.directory import Identity
from gateway.pipeline import Client, Transaction
from gateway.smtp import replies
from gateway.smtp.auth import Busy
from gateway.smtp.body import Body
from gateway.smtp.edge import Edge
from gateway.smtp.wire import (
    END_OF_DATA,
    MAX_AUTH_LINE,
    MAX_COMMAND,
    PathFault,
    SyntaxFault,
    is_ehlo_name,
    parse_path,
    split_command,
)

log = logging.getLogger("postern.smtp")

_CHUNK = 64 * 1024
_HIGH_WATER = 256 * 1024
"""Octets of unread input at which reading pauses."""
_HANDSHAKE_SECONDS = 30.0
_LAST_WORDS_SECONDS = 10.0


class Gone(Exception):
    """The client is gone, or was sent away."""


class Session(SMTP):
    """One connection of a submission listener."""

    def __init__(self, edge: Edge, listener: Listener) -> None:
        # aiosmtpd's own __init__ inspects every attribute of itself at each connection; what it sets up for what we
        # keep is set here. tests/gateway/smtp/test_aiosmtpd.py fails when those names move.
        loop = asyncio.get_running_loop()
        asyncio.StreamReaderProtocol.__init__(
            self, asyncio.StreamReader(loop=loop), client_connected_cb=self._cb_client_connected, loop=loop
        )
        self.loop = loop
        self.transport: asyncio.BaseTransport | None = None
        self.session = None
        self.envelope = None
        self._original_transport = None
        self._timeout_handle = None
        self._heard = 0.0
        self._client_owes = False
        """We wait for the client, to send or to read: its silence counts."""
        self._timeout_duration = edge.limits.command_timeout
        self._handle_hooks = {}
        self._edge, self._listener = edge, listener
        self._inbox = bytearray()
        self._more: asyncio.Future[None] | None = None
        self._ended = self._reading_paused = False
        self._out: list[bytes] = []
        self._identity: Identity | None = None
        self._peer = ("unknown", 0)
        self._ehlo, self._extended = "", False
        self._tls: str | None = None
        self._transaction: Transaction | None = None

    # Life cycle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected (TLS is done already on an implicit listener)."""
        self._tls = _tls_of(transport)
        name = transport.get_extra_info("peername")
        self._peer = (str(name[0]), int(name[1])) if isinstance(name, tuple) else ("unknown", 0)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone. What is being forwarded goes on: its outcome must be recorded."""
        self._ended = True
        self._wake()
        self._stop_timeout()
        asyncio.StreamReaderProtocol.connection_lost(self, error)
        self.transport = None

    def eof_received(self) -> bool | None:
        """The client sends no more; it may still read."""
        self._ended = True
        self._wake()
        return self._tls is None

    def data_received(self, data: bytes) -> None:
        """Input; reading pauses when it comes faster than it is used."""
        self._inbox += data
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

    def _timeout_cb(self) -> None:
        if not self._client_owes:
            self._heard = self.loop.time()  # the silence is ours: the next hop or the registry is slow
        left = self._heard + self._timeout_duration - self.loop.time()
        if left > 0:
            self._timeout_handle = self.loop.call_later(left, self._timeout_cb)
            return
        log.info("%s timed out", self._peer)
        if self.transport is not None:
            self._say(replies.TIMED_OUT)
            self._write_out()
        self.hang_up()

    @property
    def idle(self) -> bool:
        """Whether no transaction is open or being forwarded."""
        return self._transaction is None

    def hang_up(self) -> None:
        """Close the connection once what was said has been written; a client that does not read gets no more time."""
        transport = cast(asyncio.WriteTransport | None, self.transport)
        if transport is not None:
            transport.close()
            if transport.get_write_buffer_size():
                self.loop.call_later(_LAST_WORDS_SECONDS, transport.abort)

    def send_away(self, reply: Reply) -> None:
        """Say why, and close: used when the gateway stops."""
        self._say(reply)
        self._write_out()
        self.hang_up()

    # Reading and writing

    async def _wait_for_input(self) -> None:
        """Write what waits, then wait until more input has come; raises Gone when none will."""
        await self._flush()
        if self._ended:
            raise Gone
        if self._reading_paused and self.transport is not None:
            self._reading_paused = False
            cast(asyncio.ReadTransport, self.transport).resume_reading()
        self._more = self.loop.create_future()
        self._client_owes = True
        try:
            await self._more
        finally:
            self._more, self._client_owes = None, False

    async def _line(self, limit: int) -> bytes | Reply:
        """The next line without its CRLF, or the reply to one that is too long or not ended by CRLF."""
        searched = 0
        while (at := self._inbox.find(b"\n", searched)) < 0:
            searched = len(self._inbox)
            if searched > limit:
                return await self._skip_line()
            await self._wait_for_input()
        line = bytes(self._inbox[: at + 1])
        del self._inbox[: at + 1]
        if not line.endswith(b"\r\n"):
            return replies.LINE_NOT_CRLF
        return line[:-2] if len(line) <= limit else replies.LINE_TOO_LONG

    async def _skip_line(self) -> Reply:
        """Throw input away up to the end of an endless line, holding none of it."""
        while (at := self._inbox.find(b"\n")) < 0:
            self._inbox.clear()
            await self._wait_for_input()
        del self._inbox[: at + 1]
        return replies.LINE_TOO_LONG

    def _say(self, reply: Reply | str) -> None:
        text = str(reply)
        self._edge.said(text)
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

    # The dialogue

    async def _handle_client(self) -> None:
        edge = self._edge
        peer = self._peer
        try:
            if not edge.admit(self, peer[0]):
                self._say(replies.TOO_MANY_CONNECTIONS)
                await self._flush()
                return
            self._say(f"220 {edge.hostname} ESMTP Postern")
            while not edge.draining or self._transaction is not None:
                line = await self._line(MAX_COMMAND)
                if isinstance(line, Reply):
                    self._say(line)
                else:
                    await self._command(line)
            self._say(replies.SHUTTING_DOWN)
            await self._flush()
        except Gone:
            pass
        except Exception:
            log.exception("session with %s failed", peer[0])
        finally:
            edge.release(self, peer[0])
            await self._abandon()
            self.hang_up()

    async def _command(self, line: bytes) -> None:
        try:
            verb, argument = split_command(line)
        except SyntaxFault as fault:
            self._say(Reply(500, "5.5.2", str(fault)))
            return
        method = _COMMANDS.get(verb)
        if method is None:
            self._say(replies.NO_COMMAND)
            return
        self._reset_timeout()
        try:
            await method(self, argument)
        except Gone:
            raise
        except Exception:
            # Our fault, whatever it is: never the exception's text, never 5xx.
            log.exception("%s failed", verb)
            await self._abandon()
            self._say(replies.INTERNAL)
            if verb == "DATA":
                # What is left of the message would be read as commands.
                await self._flush()
                raise Gone from None

    async def _abandon(self) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            await transaction.abandon()

    async def smtp_EHLO(self, argument: str) -> None:  # noqa: N802
        """EHLO: what really works here (RFC 5321 section 4.1.1.1)."""
        if not is_ehlo_name(argument):
            self._say(replies.EHLO_NAME)
            return
        await self._abandon()
        self._ehlo, self._extended = argument, True
        lines = [self._edge.hostname, *self._edge.keywords(self._listener, encrypted=self._tls is not None)]
        for line in lines[:-1]:
            self._say(f"250-{line}")
        self._say(f"250 {lines[-1]}")

    async def smtp_HELO(self, argument: str) -> None:  # noqa: N802
        """HELO."""
        if not is_ehlo_name(argument):
            self._say(replies.EHLO_NAME)
            return
        await self._abandon()
        self._ehlo, self._extended = argument, False
        self._say(f"250 {self._edge.hostname}")

    async def smtp_NOOP(self, argument: str) -> None:  # noqa: N802
        """NOOP; its argument is ignored."""
        self._say(replies.OK)

    async def smtp_HELP(self, argument: str) -> None:  # noqa: N802
        """HELP."""
        self._say(replies.HELP)

    async def smtp_VRFY(self, argument: str) -> None:  # noqa: N802
        """VRFY tells nothing (R-012)."""
        self._say(replies.VRFY_UNSURE if argument else replies.syntax("VRFY needs an argument"))

    async def smtp_EXPN(self, argument: str) -> None:  # noqa: N802
        """EXPN tells nothing (R-012)."""
        self._say(replies.EXPN_REFUSED)

    async def smtp_RSET(self, argument: str) -> None:  # noqa: N802
        """RSET."""
        if argument:
            self._say(replies.NO_PARAMETER)
            return
        await self._abandon()
        self._say(replies.RSET_OK)

    async def smtp_QUIT(self, argument: str) -> None:  # noqa: N802
        """QUIT."""
        if argument:
            self._say(replies.NO_PARAMETER)
            return
        self._say(replies.BYE)
        await self._flush()
        raise Gone

    async def smtp_STARTTLS(self, argument: str) -> None:  # noqa: N802
        """STARTTLS: everything said before it is forgotten, on both sides (RFC 3207 section 4.2)."""
        if argument:
            self._say(replies.NO_PARAMETER)
            return
        if self._tls is not None:
            self._say(replies.TLS_ACTIVE)
            return
        context = self._edge.tls(self._listener)
        if self._listener.tls != "starttls" or context is None or self.transport is None:
            self._say(replies.TLS_NOT_OFFERED)
            return
        await self._abandon()
        self._say(replies.TLS_READY)
        self._write_out()
        # What came in clear behind STARTTLS is an injection: dropped before a byte of TLS is read, with nothing
        # awaited in between.
        self._inbox.clear()
        original = self.transport
        try:
            transport = await self.loop.start_tls(
                cast(asyncio.WriteTransport, original), self, context, server_side=True,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            )  # fmt: skip
        except (OSError, ssl.SSLError) as error:
            log.info("TLS handshake with %s failed: %s", self._peer[0], error)
            original.close()
            raise Gone from None
        assert transport is not None
        self.transport = transport
        self._tls = _tls_of(transport)
        self._ehlo, self._extended, self._identity = "", False, None

    async def smtp_AUTH(self, argument: str) -> None:  # noqa: N802
        """AUTH PLAIN and LOGIN (RFC 4954)."""
        mechanism, _, initial = argument.partition(" ")
        refusal = self._auth_refusal(mechanism.upper())
        if refusal:
            self._say(refusal)
            return
        found = await (self._plain(initial) if mechanism.upper() == "PLAIN" else self._login(initial))
        if isinstance(found, Reply):
            self._say(found)
            return
        try:
            identity = await self._edge.authenticator.verify(*found)
        except Busy:
            self._say(replies.AUTH_BUSY)
            return
        if identity is None:
            self._edge.refused_stranger(self._peer[0], "AUTH-BAD")
            self._say(replies.AUTH_BAD)
            return
        self._identity = identity
        self._say(replies.AUTH_OK)

    def _auth_refusal(self, mechanism: str) -> Reply | None:
        if not self._extended:
            return replies.EHLO_FIRST
        if not self._edge.offers_auth(self._listener, encrypted=self._tls is not None):
            return replies.TLS_FIRST if self._listener.tls == "starttls" else replies.AUTH_NOT_OFFERED
        if self._identity is not None and self._identity.method == "auth":
            return replies.AUTH_AGAIN
        if self._transaction is not None:
            return replies.AUTH_IN_TRANSACTION
        return None if mechanism in ("PLAIN", "LOGIN") else replies.AUTH_MECHANISM

    async def _plain(self, initial: str) -> tuple[str, str] | Reply:
        """RFC 4616: authzid NUL authcid NUL password; acting for somebody else is not offered."""
        blob = _decode(initial) if initial else await self._challenge("")
        if isinstance(blob, Reply):
            return blob
        parts = blob.split(b"\0")
        if len(parts) != 3:
            return replies.AUTH_BASE64
        authzid, username, password = (part.decode("utf-8", "replace") for part in parts)
        return replies.AUTH_BAD if authzid not in ("", username) else (username, password)

    async def _login(self, initial: str) -> tuple[str, str] | Reply:
        """The LOGIN mechanism (draft-murchison-sasl-login): Username: and Password: in base64."""
        username = _decode(initial) if initial else await self._challenge("VXNlcm5hbWU6")
        if isinstance(username, Reply):
            return username
        password = await self._challenge("UGFzc3dvcmQ6")
        if isinstance(password, Reply):
            return password
        return username.decode("utf-8", "replace"), password.decode("utf-8", "replace")

    async def _challenge(self, prompt: str) -> bytes | Reply:
        self._say(f"334 {prompt}")
        line = await self._line(MAX_AUTH_LINE)
        if isinstance(line, Reply):
            return line
        return replies.AUTH_CANCELLED if line == b"*" else _decode(line.decode("ascii", "replace"))

    async def smtp_MAIL(self, argument: str | None) -> None:  # noqa: N802
        """MAIL (RFC 5321 section 4.1.1.2): who is this, and may it send."""
        if not self._ehlo:
            self._say(replies.EHLO_FIRST)
            return
        if self._transaction is not None:
            self._say(replies.NESTED_MAIL)
            return
        try:
            path = parse_path("FROM", argument or "")
        except SyntaxFault as fault:
            self._say(replies.syntax(str(fault), "5.1.7" if isinstance(fault, PathFault) else "5.5.4"))
            return
        peer = self._peer
        if self._identity is None or self._identity.method == "network":
            self._identity = self._edge.directory.by_address(peer[0])
        if self._identity is None:
            self._edge.refused_stranger(peer[0], replies.AUTH_REQUIRED.code)
            self._say(replies.AUTH_REQUIRED.reply)
            return
        client = Client(
            peer[0], peer[1], self._listener.address, self._ehlo, self._tls, self._protocol(), lambda: self._ended
        )
        begun = await self._edge.pipeline.begin(client, self._identity, path)
        if isinstance(begun, Reply):
            if begun is replies.CREDENTIAL_CHANGED:
                self._identity = None
            self._say(begun)
            return
        self._transaction = begun
        self._say(replies.SENDER_OK)

    async def smtp_RCPT(self, argument: str | None) -> None:  # noqa: N802
        """RCPT (RFC 5321 section 4.1.1.3)."""
        if self._transaction is None:
            self._say(replies.MAIL_FIRST)
            return
        try:
            path = parse_path("TO", argument or "")
        except SyntaxFault as fault:
            self._say(replies.syntax(str(fault), "5.1.3" if isinstance(fault, PathFault) else "5.5.4"))
            return
        self._say(await self._transaction.rcpt(path))

    async def smtp_DATA(self, argument: str) -> None:  # noqa: N802
        """DATA (RFC 5321 section 4.1.1.4); the reply to the final dot comes from the pipeline."""
        transaction = self._transaction
        if argument:
            self._say(replies.NO_PARAMETER)
            return
        if transaction is None:
            self._say(replies.MAIL_FIRST)
            return
        if not transaction.recipients:
            self._say(replies.NO_VALID_RECIPIENTS if transaction.asked else replies.RCPT_FIRST)
            return
        self._say("354 End data with <CRLF>.<CRLF>")
        body = self._edge.new_body()
        try:
            await self._receive(body)
            closing = await transaction.finish(body)
            self._transaction, told = None, False
            try:
                told = await self._tell(closing.reply)
            finally:
                closing.conclude(told)
        finally:
            body.close()

    async def _receive(self, body: Body) -> None:
        """Input up to CRLF.CRLF into the body. The line that holds the dot may come first: then it is empty."""
        inbox, searched, first = self._inbox, 0, True
        while True:
            if first and len(inbox) >= 3:
                first = False
                if inbox.startswith(b".\r\n"):
                    del inbox[:3]
                    break
            at = inbox.find(END_OF_DATA, searched)
            if at >= 0:
                body.add(bytes(inbox[: at + 2]))
                del inbox[: at + 5]
                break
            if len(inbox) > _CHUNK:
                body.add(bytes(inbox[:-4]))
                del inbox[:-4]
            searched = max(0, len(inbox) - 4)
            await self._wait_for_input()
            self._reset_timeout()
        body.end()

    async def _tell(self, reply: Reply) -> bool:
        """Answer the final dot; whether the client was there to hear it.

        A client that closed its side may still read, and gets its reply; whether it did cannot be known, so it counts
        as not told.
        """
        there = not self._ended
        self._reset_timeout()
        self._say(reply)
        try:
            await self._flush()
        except Gone:
            return False
        return there and self.transport is not None

    def _protocol(self) -> str:
        if not self._extended:
            return "SMTP"
        with_auth = "A" if self._identity is not None and self._identity.method == "auth" else ""
        return "ESMTP" + ("S" if self._tls else "") + with_auth


def _decode(text: str) -> bytes | Reply:
    """Base64 of an AUTH exchange; "=" is the empty initial response."""
    if text == "=":
        return b""
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return replies.AUTH_BASE64


def _tls_of(transport: asyncio.BaseTransport) -> str | None:
    found = transport.get_extra_info("ssl_object")
    if found is None:
        return None
    cipher = found.cipher()
    return f"{found.version()} {cipher[0] if cipher else ''}".strip()


_COMMANDS: dict[str, Callable[[Session, str], Awaitable[None]]] = {
    name.removeprefix("smtp_"): getattr(Session, name) for name in vars(Session) if name.startswith("smtp_")
}
"""Verb -> method, looked up once. What aiosmtpd has and we do not override is not offered."""
