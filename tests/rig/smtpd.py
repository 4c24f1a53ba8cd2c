"""A scriptable SMTP server over real sockets: the next hop as a test wants it.

    async with Smtpd(script={"RCPT": ["250 2.1.5 Ok", "452 4.3.1 Full"], "DOT": CUT}) as server:
        ...
        assert server.messages[0].sha256 == ...

`script` maps a moment to what the server does there. Moments are GREETING, EHLO (the line after which keywords come
is made from `keywords`), STARTTLS, AUTH, MAIL, RCPT, DATA, BODY (once, when `body_after` octets of a message have come
in), DOT, RSET, QUIT, IDLE (after the reply to DOT). What it does is an Act: a reply text, CUT (close without a reply),
STALL (say nothing, for ever), None (what a good server does), a callable of the Session and the command line that
gives one of these, or a list of them: one for each time, the last one from then on.
"""

import asyncio
import base64
import contextlib
import hashlib
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Close:
    """Close the connection, after a reply if there is one."""

    reply: str = ""
    reset: bool = False
    """With RST instead of FIN."""


@dataclass(frozen=True)
class Later:
    """Do something after so many seconds."""

    seconds: float
    act: "Act" = None


@dataclass(frozen=True)
class Once:
    """Do something once this is set."""

    told: asyncio.Event
    act: "Act" = None


@dataclass(frozen=True)
class Raw:
    """Send these octets as they are."""

    octets: bytes


class Stall:
    """Never answer."""


CUT = Close()
STALL = Stall()

Act = str | Close | Later | Once | Raw | Stall | None
Step = Act | Callable[["Session", str], Act]
Script = Mapping[str, Step | Sequence[Step]]


@dataclass(frozen=True)
class Message:
    """A message the server accepted, or was sent whole."""

    reverse_path: str
    """With its parameters, as on the wire: `<a@b.example> SIZE=3`."""
    recipients: tuple[str, ...]
    content: bytes
    """Dot-unstuffed, CRLF line ends."""
    sha256: str
    session: int
    accepted: bool


@dataclass
class Session:
    """One connection: what came in, in order."""

    number: int
    commands: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    """The commands that came in one read, their verbs joined by blanks: shows pipelining."""
    tls: bool = False
    user: str | None = None
    open: bool = True
    quit: bool = False
    reverse_path: str | None = None
    recipients: list[str] = field(default_factory=list)


class _CutError(Exception):
    """The connection is to be closed."""


class Smtpd:
    """The server. `users` maps user name to password for AUTH; `every` refuses each nth RCPT with 452."""

    def __init__(
        self,
        *,
        script: Script | None = None,
        keywords: Sequence[str] = ("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "SIZE 10485760"),
        every: int = 0,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        users: Mapping[str, str] | None = None,
        mechanisms: str = "PLAIN LOGIN",
        auth_after_tls: bool = False,
        require_auth: bool = False,
        body_after: int = 1,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.sessions: list[Session] = []
        self.messages: list[Message] = []
        self.recipients_seen = 0
        self.keywords = tuple(keywords)
        self.host = host
        self.port = port
        self._script: dict[str, Step | Sequence[Step]] = dict(script or {})
        self._every = every
        self._tls = tls
        self._implicit = implicit
        self._users = dict(users or {})
        self._mechanisms = mechanisms
        self._auth_after_tls = auth_after_tls
        self._require_auth = require_auth
        self._body_after = body_after
        self._turns: dict[str, int] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def on(self, moment: str, *steps: Step) -> None:
        """From now on do this at a moment."""
        self._script[moment] = list(steps)
        self._turns.pop(moment, None)

    def forget(self) -> None:
        """Behave at every moment as a good server does."""
        self._script.clear()
        self._turns.clear()

    @property
    def address(self) -> str:
        """host:port"""
        return f"{self.host}:{self.port}"

    @property
    def commands(self) -> list[str]:
        """All commands of all sessions, session after session."""
        return [command for session in self.sessions for command in session.commands]

    @property
    def accepted(self) -> list[Message]:
        """The messages that were answered 250."""
        return [message for message in self.messages if message.accepted]

    async def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until something is so; looks every few milliseconds."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - any condition, also one that nobody signals
                await asyncio.sleep(0.005)

    async def start(self) -> None:
        """Listen; a port of 0 becomes a free one, kept over stop and start."""
        context = self._tls if self._implicit else None
        self._server = await asyncio.start_server(self._accept, self.host, self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut all connections."""
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def talk(self, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> "Talk":
        """How one connection is conducted."""
        return Talk(self, session, reader, writer)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(len(self.sessions), tls=self._implicit)
        self.sessions.append(session)
        talk = self.talk(session, reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await talk.run()
        except (_CutError, OSError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            session.open = False
            writer.close()
            # After a failed handshake the stream is never told that it is closed.
            with contextlib.suppress(OSError, asyncio.CancelledError, TimeoutError):
                async with asyncio.timeout(0.2):
                    await writer.wait_closed()
            self._tasks.discard(task)

    def step(self, moment: str, session: Session, line: str) -> Act:
        """What to do now at a moment."""
        steps = self._script.get(moment)
        if isinstance(steps, (list, tuple)):
            turn = self._turns.get(moment, 0)
            self._turns[moment] = turn + 1
            step: Step = steps[min(turn, len(steps) - 1)]
        else:
            step = steps  # type: ignore[assignment]
        return step(session, line) if callable(step) else step


class Talk:
    """One session's dialog."""

    def __init__(
        self, server: Smtpd, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server = server
        self.session = session
        self.reader = reader
        self.writer = writer
        self.buffer = b""
        self.done = False

    async def run(self) -> None:
        await self.act("GREETING", "", "220 next.example ESMTP")
        while not self.done:
            line = (await self.line()).decode("utf-8", "surrogateescape")
            self.session.commands.append(line)
            verb = line.partition(" ")[0].upper()
            handler = getattr(self, f"do_{verb.lower()}", None)
            if handler is None:
                await self.say("500 5.5.2 Unknown command")
            else:
                await handler(line)

    async def line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            await self.more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    async def more(self) -> None:
        data = await self.reader.read(65536)
        if not data:
            raise _CutError
        self.buffer += data
        verbs = [part.split(b" ")[0].decode("ascii", "replace") for part in data.split(b"\r\n")[:20] if part]
        self.session.groups.append(" ".join(verbs))

    async def say(self, reply: str) -> None:
        self.writer.write(reply.encode("utf-8") + b"\r\n")
        await self.writer.drain()

    async def act(self, moment: str, line: str, good: str) -> str:
        """Do what the script says; the reply given, empty when none was."""
        return await self._do(self.server.step(moment, self.session, line), good)

    async def _do(self, act: Act, good: str) -> str:
        if isinstance(act, Later):
            await asyncio.sleep(act.seconds)
            return await self._do(act.act, good)
        if isinstance(act, Once):
            await act.told.wait()
            return await self._do(act.act, good)
        if isinstance(act, Stall):
            await asyncio.Event().wait()
        if isinstance(act, Close):
            if act.reply:
                await self.say(act.reply)
            if act.reset:
                self.writer.transport.abort()
            raise _CutError
        if isinstance(act, Raw):
            self.writer.write(act.octets)
            await self.writer.drain()
            return act.octets.decode("latin-1")
        reply = good if act is None else str(act)
        if reply:
            await self.say(reply)
        return reply

    async def do_ehlo(self, line: str) -> None:
        self.session.reverse_path, self.session.recipients = None, []
        words = list(self.server.keywords)
        server = self.server
        if server._tls and not self.session.tls:
            words.append("STARTTLS")
        if server._users and (self.session.tls or not server._auth_after_tls):
            words.append(f"AUTH {server._mechanisms}")
        lines = ["next.example", *words]
        good = "\r\n".join(f"250{'-' if i < len(lines) - 1 else ' '}{text}" for i, text in enumerate(lines))
        await self.act("EHLO", line, good)

    async def do_starttls(self, line: str) -> None:
        reply = await self.act("STARTTLS", line, "220 2.0.0 Go ahead")
        if reply.startswith("220") and self.server._tls is not None:
            self.buffer = b""
            await self.writer.start_tls(self.server._tls)
            self.session.tls = True

    async def do_auth(self, line: str) -> None:
        _, mechanism, *rest = line.split(" ")
        if mechanism.upper() == "PLAIN":
            _, user, password = base64.b64decode(rest[0]).split(b"\0")
        else:
            await self.say("334 VXNlcm5hbWU6")
            user = base64.b64decode(await self.line())
            await self.say("334 UGFzc3dvcmQ6")
            password = base64.b64decode(await self.line())
        good = self.server._users.get(user.decode()) == password.decode()
        reply = await self.act("AUTH", line, "235 2.7.0 Welcome" if good else "535 5.7.8 Authentication failed")
        if reply.startswith("235"):
            self.session.user = user.decode()

    async def do_mail(self, line: str) -> None:
        if self.server._require_auth and self.session.user is None:
            await self.say("530 5.7.0 Authentication required")
            return
        good = "250 2.1.0 Ok" if self.session.reverse_path is None else "503 5.5.1 Nested MAIL"
        if (await self.act("MAIL", line, good)).startswith("2"):
            self.session.reverse_path, self.session.recipients = line[len("MAIL FROM:") :], []

    async def do_rcpt(self, line: str) -> None:
        if self.session.reverse_path is None:
            await self.say("503 5.5.1 Need MAIL first")
            return
        self.server.recipients_seen += 1
        full = self.server._every and self.server.recipients_seen % self.server._every == 0
        good = "452 4.3.1 Insufficient system storage" if full else "250 2.1.5 Ok"
        if (await self.act("RCPT", line, good)).startswith("2"):
            self.session.recipients.append(line[len("RCPT TO:") :].partition(" ")[0].strip("<>"))

    async def do_data(self, line: str) -> None:
        if not self.session.recipients:
            await self.say("554 5.5.1 No valid recipients")
            return
        if not (await self.act("DATA", line, "354 Go on")).startswith("354"):
            return
        content = bytearray()
        early, new = False, 0
        # Behind the dot a client may have written QUIT already.
        while not content.startswith(b".\r\n") and b"\r\n.\r\n" not in content[-new - 5 :]:
            if not self.buffer:
                await self.more()
            content += self.buffer
            new, self.buffer = len(self.buffer), b""
            if not early and len(content) >= self.server._body_after:
                early = True
                await self.act("BODY", "", "")
        body, _, rest = bytes(b"\r\n" + content).partition(b"\r\n.\r\n")
        self.buffer = rest
        body = (body + b"\r\n")[2:].replace(b"\r\n..", b"\r\n.")
        if body.startswith(b".."):
            body = body[1:]
        record = (
            self.session.reverse_path or "",
            tuple(self.session.recipients),
            body,
            hashlib.sha256(body).hexdigest(),
            self.session.number,
        )
        self.session.reverse_path, self.session.recipients = None, []
        try:
            reply = await self.act("DOT", "", f"250 2.0.0 Ok: queued as Q{len(self.server.messages) + 1}")
        except _CutError:
            self.server.messages.append(Message(*record, accepted=False))
            raise
        self.server.messages.append(Message(*record, accepted=reply.startswith("250")))
        await self.act("IDLE", "", "")

    async def do_rset(self, line: str) -> None:
        self.session.reverse_path, self.session.recipients = None, []
        await self.act("RSET", line, "250 2.0.0 Ok")

    async def do_noop(self, line: str) -> None:
        await self.say("250 2.0.0 Ok")

    async def do_quit(self, line: str) -> None:
        self.session.quit = True
        await self.act("QUIT", line, "221 2.0.0 Bye")
        self.done = True
