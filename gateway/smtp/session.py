"""One SMTP session: the dialogue, command by command.

Overridden from aiosmtpd, because each is a trap (the tests name them): DATA (bare LF and NUL let through), replies
without enhanced codes, the exception handler (500 with the exception's text), AUTH (synchronous), address parsing.
"""

import logging
import re
import ssl
from collections.abc import Awaitable, Callable

from config.settings import Listener
from filters.model import Reply
from gateway.client import Client
from gateway.directory import Identity
from gateway.smtp import replies
from gateway.smtp.admission import Place
from gateway.smtp.auth import Busy
from gateway.smtp.body import Body
from gateway.smtp.certificates import fingerprint
from gateway.smtp.connection import Connection, Gone
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
from gateway.transaction import Transaction

log = logging.getLogger("postern.smtp")

_REPLIES_HELD = 100
"""Replies to a pipelined group that may wait for its end; then the client must read."""
_MOST_ERRORS = 25
"""Malformed commands and unknown recipients, less the recipients accepted since: the next command gets 421 (R-044). A
list of which some addresses are gone passes; who tries out addresses does not."""
_COUNTED = re.compile(rb"500 5\.5\.2 |501 5\.[15]\.|504 |555 |55\d 5\.1\.(?:1|2|3|6|10) ")
"""Replies that count as errors. An unknown command, a command out of order and a cancelled AUTH do not, and policy's
refusals never do (design decision 2.9): behind one MAIL refused by policy come all the RCPTs of its group."""
_MOST_COMMANDS = 100
"""Commands other than those of a transaction that may stand between a customer's MAIL and the next."""
_LONGEST_SECONDS = 3600.0
"""Of a session; one with an open transaction gets as much again to end it."""
_CHUNK = re.compile(r"(?P<size>[0-9]{1,20})(?: +(?P<last>LAST))?\Z", re.IGNORECASE)
_MOST_SKIPPED = 4
"""Of the size limit: a chunk of up to so much is read and thrown away before it is refused."""
_MOST_SKIPPED_OF_STRANGERS = 64 * 1024
"""Octets. Who has said no MAIL that was taken has no group of commands in which a larger chunk could stand."""


class Session(Connection):
    """One connection of a listener."""

    def __init__(self, edge: Edge, listener: Listener) -> None:
        super().__init__(edge.limits.command_timeout, edge.said, lambda: edge.turn(self._identity, self._peer[0]))
        self._edge, self._listener = edge, listener
        self._tls_first = listener.tls == "implicit"
        self._place: Place | None = None
        self._identity: Identity | None = None
        self._certificate: str | None = None
        """Fingerprint of the certificate that the client has shown."""
        self._changed = False
        """The credential was changed since: AUTH may be repeated, and until it is each MAIL is 450."""
        self._ehlo, self._extended = "", False
        self._offered: frozenset[str] = frozenset()
        """The next hop's extensions that EHLO passed on to this client."""
        self._transaction: Transaction | None = None
        self._since = self.loop.time()
        self._errors = self._commands = 0
        """Towards `_MOST_ERRORS` and `_MOST_COMMANDS`."""
        self._body: Body | None = None
        """What has come of a message by BDAT."""

    @property
    def transaction(self) -> Transaction | None:
        """The open one, or the one whose message is with the next hop."""
        return self._transaction

    async def _handle_client(self) -> None:
        edge, peer = self._edge, self._peer
        try:
            admitted = await edge.admit(self, self._listener, peer[0])
            if isinstance(admitted, Reply):
                if self._listener.tls != "implicit":
                    self._say(admitted)
                    await self._flush()
                return
            self._place = admitted
            if self._listener.tls == "implicit" and not await self._begin_tls(admitted):
                return
            self._say(f"220 {edge.hostname} ESMTP Postern")
            while not edge.draining or self._transaction is not None:
                line = await self._inbox.line(MAX_COMMAND)
                over = self._over()
                if over is not None and line != b"QUIT":
                    self._say(over)
                    await self._flush()
                    return
                if isinstance(line, Reply):
                    self._say(line)
                else:
                    await self._command(line)
                if self._out and _COUNTED.match(self._out[-1]):
                    self._errors += 1
                if len(self._out) > _REPLIES_HELD:
                    await self._flush()
            self._say(replies.SHUTTING_DOWN)
            await self._flush()
        except Gone:
            pass
        except Exception:
            log.exception("session with %s failed", peer[0])
        finally:
            edge.release(self, self._place)
            await self._abandon()
            self.hang_up()
            self._inbox.end()

    def _over(self) -> Reply | None:
        """Why this session is to end before its next command; None while it may go on."""
        if self._errors >= _MOST_ERRORS:
            return replies.TOO_MANY_ERRORS
        if self._commands > _MOST_COMMANDS:
            return replies.TOO_MANY_COMMANDS
        longest = _LONGEST_SECONDS if self._transaction is None else 2 * _LONGEST_SECONDS
        return replies.SESSION_TOO_LONG if self.loop.time() - self._since > longest else None

    async def _begin_tls(self, place: Place) -> bool:
        """TLS before the greeting; False when too many handshakes are under way. Raises Gone when it fails."""
        # Nothing was read before this: no octet of the handshake can have come into the inbox.
        if self.transport is not None:
            self._readable_from(1, self.transport)
        context = self._edge.tls(self._listener)
        if context is None or not self._edge.admission.begin_handshake(place):
            return False
        await self._encrypt(context)
        return True

    async def _command(self, line: bytes) -> None:
        try:
            verb, argument = split_command(line)
        except SyntaxFault as fault:
            self._say(Reply(500, "5.5.2", str(fault)))
            return
        if verb not in _OF_A_TRANSACTION:
            self._commands += 1
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
            if verb in ("DATA", "BDAT"):
                # What is left of the message would be read as commands.
                await self._flush()
                raise Gone from None

    async def _abandon(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
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
        self._offered = self._edge.pipeline.offered(encrypted=self._tls is not None)
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
        if self._listener.tls != "starttls" or context is None or self.transport is None or self._place is None:
            self._say(replies.TLS_NOT_OFFERED)
            return
        if not self._edge.admission.begin_handshake(self._place):
            self._say(replies.TLS_BUSY)
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
        """The handshake that was let begin, bounded in time; raises Gone when it fails."""
        place = self._place
        if place is None:
            raise Gone
        try:
            await self.handshake(context)
        finally:
            self._edge.admission.end_handshake(place)
        if self._listener.client_certificates:
            self._certificate = fingerprint(self.transport)

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
            identity = await self._edge.authenticator.verify(*found, self._peer[0], self._delay)
        except Busy:
            self._say(replies.AUTH_BUSY)
            return
        if identity is None:
            owner = self._edge.directory.by_username(found[0])
            self._edge.refused_stranger(self._peer[0], "AUTH-BAD", owner.entry.customer.id if owner else "")
            self._say(replies.AUTH_BAD)
            return
        self._identity, self._changed = identity, False
        if self._place is not None:
            await self._edge.admission.recognise(self._place, identity.entry.customer.id)
        self._say(replies.AUTH_OK)

    def _auth_refusal(self, mechanism: str) -> Reply | None:
        if not self._extended:
            return replies.EHLO_FIRST
        if not self._edge.offers_auth(self._listener, encrypted=self._tls is not None):
            later = self._listener.tls == "starttls" and self._listener.role == "submission"
            return replies.TLS_FIRST if later else replies.AUTH_NOT_OFFERED
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
        if self._identity is None or self._identity.method != "auth":
            now = self._edge.identify(self._listener, peer[0], self._certificate)
            if now is None and self._identity is not None:
                self._say(replies.CREDENTIAL_CHANGED)
                return
            self._identity = now
        if self._identity is None and self._listener.role != "inbound":
            self._say(self._turn_away())
            self._commands += 1
            return
        if self._identity is not None:
            self._commands = 0
            admission, place, customer = self._edge.admission, self._place, self._identity.entry.customer.id
            if place is not None and not admission.serves(place, customer):
                refusal = await admission.serve(place, customer)
                if refusal is not None:
                    self._say(refusal)
                    return
        client = Client(
            peer[0],
            peer[1],
            self._listener.address,
            self._ehlo,
            self._tls,
            self._protocol(),
            lambda: self._ended,
            self._offered,
        )
        pipeline = self._edge.pipeline
        begun: Transaction | Reply
        if self._identity is None:
            begun = pipeline.welcome(client, path, self._turn_away, relays=self._listener.role == "submission")
        else:
            begun = await pipeline.begin(client, self._identity, path)
        if isinstance(begun, Reply):
            self._changed = begun is replies.CREDENTIAL_CHANGED
            self._say(begun)
            return
        self._transaction = begun
        self._say(replies.SENDER_OK)

    def _turn_away(self) -> Reply:
        """What a stranger is told, but for mail to the operator; counted."""
        refusal = replies.RELAY if self._listener.role == "inbound" else replies.AUTH_REQUIRED
        self._edge.refused_stranger(self._peer[0], refusal.code)
        tls_first = self._listener.tls == "starttls" and self._tls is None and refusal is replies.AUTH_REQUIRED
        return replies.TLS_FIRST if tls_first else refusal.reply

    async def smtp_RCPT(self, argument: str | None) -> None:  # noqa: N802
        """RCPT (RFC 5321 section 4.1.1.3)."""
        if self._transaction is None:
            self._say(replies.MAIL_FIRST)
            return
        if self._body is not None:
            self._say(replies.BDAT_BEGUN)
            return
        try:
            path = parse_path("TO", argument or "", self._edge.pipeline.desk.home)
        except SyntaxFault as fault:
            self._say(replies.syntax(str(fault), "5.1.3" if isinstance(fault, PathFault) else "5.5.4"))
            return
        reply = await self._transaction.rcpt(path)
        if self._errors and reply.positive:
            self._errors -= 1
        self._say(reply)

    async def smtp_DATA(self, argument: str) -> None:  # noqa: N802
        """DATA (RFC 5321 section 4.1.1.4); the reply to the final dot comes from the pipeline."""
        if argument:
            self._say(replies.NO_PARAMETER)
            return
        refusal = replies.BDAT_BEGUN if self._body is not None else self._no_message_now()
        if refusal is not None:
            self._say(refusal)
            return
        self._say("354 End data with <CRLF>.<CRLF>")
        transaction = self._transaction
        assert transaction is not None
        body = self._edge.new_body(transaction.size_limit, stuffed=True, repair=transaction.repair)
        try:
            self._pace_from = (self.loop.time(), self._octets_in)
            await self._inbox.message(body)
            self._pace_from = None
            await self._finish(body)
        finally:
            body.close()

    async def smtp_BDAT(self, argument: str) -> None:  # noqa: N802
        """BDAT (RFC 3030 section 2): whatever is said of a chunk is said when its octets are used up.

        So no octet of a message is ever read as a command. A chunk of a size that nobody can mean is not waited for.
        """
        found = _CHUNK.match(argument)
        if found is None:
            self._say(replies.BDAT_SYNTAX)
            return
        size, last = int(found["size"]), bool(found["last"])
        stranger = self._identity is None and self._transaction is None
        limit = _MOST_SKIPPED_OF_STRANGERS if stranger else _MOST_SKIPPED * self._edge.pipeline.size_limit
        if size > limit:
            self._say(replies.BDAT_TOO_LARGE)
            await self._flush()
            raise Gone
        refusal = self._no_message_now()
        if refusal is None and self._body is None and self._transaction is not None:
            self._body = self._edge.new_body(
                self._transaction.size_limit, stuffed=False, repair=self._transaction.repair
            )
        self._pace_from = (self.loop.time(), self._octets_in)
        await self._inbox.chunk(size, self._body)
        self._pace_from = None
        body = self._body
        if refusal is not None or body is None:
            self._say(refusal or replies.MAIL_FIRST)
            return
        if not last and not body.fault:
            self._say(Reply(250, "2.0.0", f"{size} octets received"))
            return
        # One that is too large, or finds no room, is answered at the chunk where that shows.
        body.end()
        self._body = None
        try:
            await self._finish(body)
        finally:
            body.close()

    def _no_message_now(self) -> Reply | None:
        """Why neither DATA nor BDAT can stand here."""
        if self._transaction is None:
            return replies.MAIL_FIRST
        if not self._transaction.recipients:
            return replies.NO_VALID_RECIPIENTS if self._transaction.asked else replies.RCPT_FIRST
        return None

    async def _finish(self, body: Body) -> None:
        """The message is here: decide, forward, answer."""
        assert self._transaction is not None
        closing = await self._transaction.finish(body)
        self._transaction, told = None, False
        try:
            told = await self._tell(*([replies.EACH_FOLLOWS, *closing.each] if closing.each else ()), closing.reply)
        finally:
            closing.conclude(told)

    def _protocol(self) -> str:
        if not self._extended:
            return "SMTP"
        with_auth = "A" if self._identity is not None and self._identity.method == "auth" else ""
        return "ESMTP" + ("S" if self._tls else "") + with_auth


_OF_A_TRANSACTION = frozenset(("MAIL", "RCPT", "DATA", "BDAT"))
_COMMANDS: dict[str, Callable[[Session, str], Awaitable[None]]] = {
    name.removeprefix("smtp_"): getattr(Session, name) for name in vars(Session) if name.startswith("smtp_")
}
"""Verb -> method, looked up once. What aiosmtpd has and we do not override is not offered."""
