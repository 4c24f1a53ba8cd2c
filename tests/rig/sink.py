"""A small real SMTP sink in a thread of its own: the far end of end-to-end tests, where arrivals are counted.

It keeps of each message the envelope, the header block and the SHA-256 of the body, and can be told to misbehave in
the ways a next hop does. Reception is plain sockets, one thread per connection: simple enough to trust, and fast
enough for thousands of messages.
"""

import contextlib
import re
import socket
import threading
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from types import TracebackType
from typing import Self

MAX_CONNECTIONS = 200
EHLO = "\r\n".join(
    (
        "250-sink.example",
        "250-PIPELINING",
        "250-SIZE 104857600",
        "250-8BITMIME",
        "250-ENHANCEDSTATUSCODES",
        "250 SMTPUTF8",
    )
)
_ANGLE = re.compile(rb"<([^<>]*)>")
_MESSAGE_ID = re.compile(rb"^message-id:[ \t]*(?:\r\n[ \t]+)?(\S+)", re.IGNORECASE | re.MULTILINE)


class Mood(Enum):
    """How the sink behaves."""

    WELL = "well"
    DENY_RELAY = "deny relay"
    """`554 5.7.1 Relay access denied` to every RCPT."""
    TENTH_LATER = "tenth later"
    """`452 4.2.2` to every tenth RCPT, counted over all connections."""
    FIFTH_REFUSED = "fifth refused"
    """`550 5.1.1` to every fifth RCPT."""
    CUT_AFTER_DOT = "cut after dot"
    """The connection is closed once the final dot is in; the message is kept, nothing is answered."""
    LOSE_AFTER_DOT = "lose after dot"
    """The same, but the message is not kept."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message that arrived."""

    reverse_path: str
    recipients: tuple[str, ...]
    header: bytes
    """The header block as received, with the CRLF of its last field."""
    body_sha256: str
    """Hex digest of what follows the empty line, dots unstuffed."""
    body_size: int
    answered: bool
    """Whether the client was told 250."""

    @property
    def message_id(self) -> str:
        """The first Message-ID, with its angle brackets; empty when there is none."""
        found = _MESSAGE_ID.search(self.header)
        return found[1].decode("latin-1") if found else ""


def unstuffed(data: bytes) -> bytes:
    """DATA as sent on the wire without its final dot, with the dots of RFC 5321 section 4.5.2 taken away."""
    return data.replace(b"\r\n.", b"\r\n").removeprefix(b".")


def split(message: bytes) -> tuple[bytes, bytes]:
    """Header block with the CRLF of its last field, and body: what follows the first empty line."""
    at = (b"\r\n" + message).find(b"\r\n\r\n")
    return (message, b"") if at < 0 else (message[:at], message[at + 2 :])


class Sink:
    """An SMTP server on 127.0.0.1 that keeps evidence of what arrives; runs within its `with` block."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.mood = Mood.WELL
        self._lock = threading.Lock()
        self._arrivals: list[Arrival] = []
        self._replies: Counter[str] = Counter()
        self._rcpts = 0
        self._listener: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self._open: set[socket.socket] = set()
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)

    def listen(self) -> Self:
        """Start, or start again, on the same port."""
        listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._acceptor = threading.Thread(target=self._accept, args=(listener,), name="sink", daemon=True)
        self._acceptor.start()
        return self

    def shut(self) -> None:
        """Stop listening and cut the open connections: a next hop that is down. What arrived is kept."""
        if self._listener is None or self._acceptor is None:
            return
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut_all()  # the acceptor may be waiting for a slot
        self._acceptor.join()
        self._cut_all()
        self._listener = self._acceptor = None

    def arrivals(self) -> list[Arrival]:
        """What has arrived so far, in order."""
        with self._lock:
            return list(self._arrivals)

    def replies(self) -> Counter[str]:
        """How often each reply other than 250 was given, by its text."""
        with self._lock:
            return Counter(self._replies)

    def __enter__(self) -> Self:
        return self if self._listener is not None else self.listen()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shut()

    def _cut_all(self) -> None:
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):  # already gone
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            self._slots.acquire()
            try:
                connection, _ = listener.accept()
            except OSError:  # closed by shut()
                self._slots.release()
                return
            with self._lock:
                self._open.add(connection)
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _Conversation(self, connection).run()
        except (OSError, EOFError):
            pass  # the client hung up, or shut() did
        finally:
            with self._lock:
                self._open.discard(connection)
            self._slots.release()

    def answer_rcpt(self) -> str:
        """The reply to one RCPT, by mood."""
        with self._lock:
            self._rcpts += 1
            reply = "250 2.1.5 Ok"
            if self.mood is Mood.DENY_RELAY:
                reply = "554 5.7.1 Relay access denied"
            elif self.mood is Mood.TENTH_LATER and self._rcpts % 10 == 0:
                reply = "452 4.2.2 Mailbox full"
            elif self.mood is Mood.FIFTH_REFUSED and self._rcpts % 5 == 0:
                reply = "550 5.1.1 No such mailbox"
            if not reply.startswith("250"):
                self._replies[reply] += 1
            return reply

    def keep(self, reverse_path: str, recipients: list[str], data: bytes) -> int | None:
        """Keep a message, by mood; its number, or None when the client is to hear nothing."""
        header, body = split(data)
        mood = self.mood  # read once: it may be changed meanwhile
        told = mood not in (Mood.CUT_AFTER_DOT, Mood.LOSE_AFTER_DOT)
        arrival = Arrival(reverse_path, tuple(recipients), header, sha256(body).hexdigest(), len(body), answered=told)
        with self._lock:
            if mood is not Mood.LOSE_AFTER_DOT:
                self._arrivals.append(arrival)
            return len(self._arrivals) if told else None


class _Conversation:
    """One connection, from greeting to QUIT."""

    def __init__(self, sink: Sink, connection: socket.socket) -> None:
        self.sink = sink
        self.connection = connection
        self.buffer = bytearray()
        self.sender: str | None = None
        self.recipients: list[str] = []

    def run(self) -> None:
        self.say("220 sink.example ESMTP")
        while True:
            line = self.until(b"\r\n")
            verb = line[:4].upper()
            if verb == b"QUIT":
                self.say("221 2.0.0 Bye")
                return
            if verb == b"DATA":
                if not self.data():
                    return
            else:
                self.say(self.command(verb, line))

    def command(self, verb: bytes, line: bytes) -> str:
        path = _ANGLE.search(line)
        if verb == b"EHLO":
            self.reset()
            return EHLO
        if verb == b"MAIL" and path:
            self.reset()
            self.sender = path[1].decode("utf-8", "surrogateescape")
            return "250 2.1.0 Ok"
        if verb == b"RCPT" and path and self.sender is not None:
            reply = self.sink.answer_rcpt()
            if reply.startswith("250"):
                self.recipients.append(path[1].decode("utf-8", "surrogateescape"))
            return reply
        if verb in (b"RSET", b"HELO"):
            self.reset()
            return "250 2.0.0 Ok"
        return "250 2.0.0 Ok" if verb == b"NOOP" else "503 5.5.1 Bad sequence or command"

    def data(self) -> bool:
        """One DATA command; False when the connection is to be cut."""
        if self.sender is None or not self.recipients:
            self.say("554 5.5.1 No valid recipients")
            return True
        self.say("354 End data with <CR><LF>.<CR><LF>")
        # The end mark may come first: its leading CRLF is then that of the DATA line.
        raw = (self.until(b"\r\n.\r\n", head=b"\r\n") + b"\r\n")[2:]
        number = self.sink.keep(self.sender, self.recipients, unstuffed(raw))
        self.reset()
        if number is None:
            return False
        self.say(f"250 2.0.0 Ok: kept as {number}")
        return True

    def reset(self) -> None:
        self.sender, self.recipients = None, []

    def say(self, text: str) -> None:
        self.connection.sendall(text.encode() + b"\r\n")

    def until(self, mark: bytes, head: bytes = b"") -> bytes:
        """What comes before `mark`, which is taken too; `head` is put before what is read. EOFError at the end."""
        self.buffer[:0] = head
        start = 0
        while (at := self.buffer.find(mark, start)) < 0:
            start = max(len(self.buffer) - len(mark), 0)
            more = self.connection.recv(1 << 18)
            if not more:
                raise EOFError
            self.buffer += more
        found = bytes(self.buffer[:at])
        del self.buffer[: at + len(mark)]
        return found
