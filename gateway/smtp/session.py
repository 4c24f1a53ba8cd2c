"""One SMTP session: the dialogue, command by command.

Overridden from aiosmtpd, because each is a trap (the tests name them): DATA (bare LF and NUL let through), replies
without enhanced codes, the exception handler (500 with the exception's text), AUTH (synchronous), address parsing.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import cast

from config.settings import Listener
from filters.model import Reply
from gateway.directory import Identity
from gateway.smtp import replies
from gateway.smtp.auth import Busy
from gateway.smtp.connection import Connection, Gone, tls_of
from gateway.smtp.edge import Edge
from gateway.smtp.sasl import MECHANISMS, credentials
from gateway.smtp.wire import (
    MAX_AUTH_LINE,
    MAX_COMMAND,
    PathFault,
    SyntaxFault,
    is_ehlo_name,
    parse_path,
    split_command,
)
from gateway.transaction import Client, Transaction

log = logging.getLogger("postern.smtp")

_HANDSHAKE_SECONDS = 30.0
_REPLIES_HELD = 100
"""Replies to a pipelined group that may wait for its end; then the client must read."""
_TCP_CLOSE = 7
"""The state of a connection after a reset, in the kernel's TCP_INFO."""
_RESET_SECONDS = 1.0
"""How long a client that closed its side is watched: a reset tells that it closed both."""


class Session(Connection):
    """One connection of a submission listener."""

    def __init__(self, edge: Edge, listener: Listener) -> None:
        super().__init__(edge.limits.command_timeout, edge.said)
        self._edge, self._listener = edge, listener
        self._tls_first = listener.tls == "implicit"
        self._identity: Identity | None = None
        self._changed = False
        """The credential was changed since: AUTH may be repeated, and until it is each MAIL is 450."""
        self._ehlo, self._extended = "", False
        self._transaction: Transaction | None = None

    @property
    def idle(self) -> bool:
        """Whether no transaction is open or being forwarded."""
        return self._transaction is None

    async def _handle_client(self) -> None:
        edge = self._edge
        peer = self._peer
        try:
            if not edge.admit(self, peer[0]):
                if self._listener.tls != "implicit":
                    self._say(replies.TOO_MANY_CONNECTIONS)
                    await self._flush()
                return
            context = edge.tls(self._listener)
            if self._listener.tls == "implicit" and context is not None:
                # Nothing is awaited before this: no octet of the handshake can have come into the inbox.
                if self.transport is not None:
                    self._readable_from(1, self.transport)
                await self._encrypt(context)
            self._say(f"220 {edge.hostname} ESMTP Postern")
            while not edge.draining or self._transaction is not None:
                line = await self._inbox.line(MAX_COMMAND)
                if isinstance(line, Reply):
                    self._say(line)
                else:
                    await self._command(line)
                if len(self._out) > _REPLIES_HELD:
                    await self._flush()
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
        await self._encrypt(context)
        self._ehlo, self._extended, self._identity = "", False, None

    async def _encrypt(self, context: ssl.SSLContext) -> None:
        """The handshake, bounded in time; raises Gone when it fails."""
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

    async def smtp_AUTH(self, argument: str) -> None:  # noqa: N802
        """AUTH PLAIN and LOGIN (RFC 4954)."""
        mechanism, _, initial = argument.partition(" ")
        refusal = self._auth_refusal(mechanism.upper())
        if refusal:
            self._say(refusal)
            return
        found = await credentials(mechanism.upper(), initial, self._challenge)
        if isinstance(found, Reply):
            self._say(found)
            return
        try:
            identity = await self._edge.authenticator.verify(*found, self._peer[0])
        except Busy:
            self._say(replies.AUTH_BUSY)
            return
        if identity is None:
            self._edge.refused_stranger(self._peer[0], "AUTH-BAD")
            self._say(replies.AUTH_BAD)
            return
        self._identity, self._changed = identity, False
        self._say(replies.AUTH_OK)

    def _auth_refusal(self, mechanism: str) -> Reply | None:
        if not self._extended:
            return replies.EHLO_FIRST
        if not self._edge.offers_auth(self._listener, encrypted=self._tls is not None):
            return replies.TLS_FIRST if self._listener.tls == "starttls" else replies.AUTH_NOT_OFFERED
        if self._identity is not None and self._identity.method == "auth" and not self._changed:
            return replies.AUTH_AGAIN
        if self._transaction is not None:
            return replies.AUTH_IN_TRANSACTION
        return None if mechanism in MECHANISMS else replies.AUTH_MECHANISM

    async def _challenge(self, prompt: str) -> bytes | Reply:
        self._say(f"334 {prompt}")
        return await self._inbox.line(MAX_AUTH_LINE)

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
        if self._identity is not None and self._identity.method == "network":
            now = self._edge.directory.by_address(peer[0])
            if now is None:
                self._say(replies.CREDENTIAL_CHANGED)
                return
            self._identity = now
        elif self._identity is None:
            self._identity = self._edge.directory.by_address(peer[0])
        if self._identity is None:
            self._edge.refused_stranger(peer[0], replies.AUTH_REQUIRED.code)
            tls_first = self._listener.tls == "starttls" and self._tls is None
            self._say(replies.TLS_FIRST if tls_first else replies.AUTH_REQUIRED.reply)
            return
        client = Client(
            peer[0], peer[1], self._listener.address, self._ehlo, self._tls, self._protocol(), lambda: self._ended
        )
        begun = await self._edge.pipeline.begin(client, self._identity, path)
        if isinstance(begun, Reply):
            self._changed = begun is replies.CREDENTIAL_CHANGED
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
            self._pace_from = (self.loop.time(), self._octets_in)
            await self._inbox.message(body)
            self._pace_from = None
            closing = await transaction.finish(body)
            self._transaction, told = None, False
            try:
                told = await self._tell(closing.reply)
            finally:
                closing.conclude(told)
        finally:
            body.close()

    async def _tell(self, reply: Reply) -> bool:
        """Answer the final dot; whether the client was there to hear it.

        A client that closed its side may still read, and gets its reply; if it has closed both, its system answers that
        with a reset.
        """
        half_closed = self._ended
        if self.transport is None or self.transport.is_closing():
            return False
        self._reset_timeout()
        self._say(reply)
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

    def _protocol(self) -> str:
        if not self._extended:
            return "SMTP"
        with_auth = "A" if self._identity is not None and self._identity.method == "auth" else ""
        return "ESMTP" + ("S" if self._tls else "") + with_auth


_COMMANDS: dict[str, Callable[[Session, str], Awaitable[None]]] = {
    name.removeprefix("smtp_"): getattr(Session, name) for name in vars(Session) if name.startswith("smtp_")
}
"""Verb -> method, looked up once. What aiosmtpd has and we do not override is not offered."""
