"""One input of the fuzz as one session, and what is checked of it.

The first octet says who comes and how far the session is when the rest of the input begins; the second how the rest is
cut into reads. Bounds are small here, so that small inputs reach each edge.
"""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from config.limits import Limits, LimitsPolicy
from config.policy import MessageBounds, Policy
from gateway.smtp import body as bodies
from gateway.smtp import inbox as inboxes
from tests.fuzz.oracle import Reader, check_content
from tests.rig import certificates
from tests.rig.offline import CUSTOMER, Offline

_MAIL = b"EHLO c.example\r\nMAIL FROM:<nan@nets.example>\r\n"
_DATA = _MAIL + b"RCPT TO:<bob@recipient.example>\r\nDATA\r\n"
_FROM = b"From: nan@nets.example\r\n"
_UTF8 = b"EHLO c.example\r\nMAIL FROM:<n\xc3\xa4n@nets.example> SMTPUTF8 BODY=8BITMIME\r\n"
PROLOGUES = (
    b"",
    b"EHLO c.example\r\n",
    _MAIL,
    _MAIL + b"RCPT TO:<bob@recipient.example>\r\n",
    _DATA,
    _MAIL + b"RCPT TO:<bob@recipient.example>\r\nRCPT TO:<odd@recipient.example>\r\nDATA\r\n" + _FROM,
    _DATA + _FROM + b"\r\n",
    b"HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<lost@recipient.example>\r\nDATA\r\n" + _FROM + b"Bcc: x@nets.example\r\n",
    _DATA + _FROM,
    _DATA + _FROM + b"Return-Path: <>\r\n",
    _DATA + _FROM + b"\r\none\r\n.\r\n",
    _DATA + _FROM + b"\r\n" + b"x" * 700 + b"\r\n",
    _UTF8 + b"RCPT TO:<b\xc3\xb6b@recipient.example>\r\nDATA\r\n",
    _DATA + b".\r\n" + _MAIL.partition(b"\r\n")[2] + b"RCPT TO:<bob@recipient.example>\r\nDATA\r\n",
    _DATA + _FROM + b"\r\n.",
    _DATA + _FROM + b"Authentication-Results: gw.example;",
)
"""What comes before the rest of the input: in twelve of sixteen cases the rest begins within a message."""
STRANGER = "192.0.2.9"
_SMALL: tuple[tuple[Any, str, int], ...] = ((inboxes, "_CHUNK", 64), (bodies, "IN_MEMORY", 512), (bodies, "_PIECE", 96))


class Harness:
    """The edge under the fuzz, within its `with` block, and counts of what passed."""

    def __init__(self) -> None:
        self.sessions = self.reached_data = self.accepted = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="postern-fuzz-")))
        for module, name, value in _SMALL:
            self._stack.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, value)
        made = certificates.make(folder)
        listeners: list[dict[str, Any]] = [
            {"address": "127.0.0.1:0", "auth_without_tls": True},
            {"address": "127.0.0.1:0", "tls": "starttls", "cert_file": str(made.cert), "key_file": str(made.key)},
        ]
        # Below what an operator may choose.
        bounds = {"max_bytes": 2000, "max_header_bytes": 1024, "max_received": 3, "max_recipients": 4}
        message = MessageBounds().model_copy(update=bounds)
        # Thousands of sessions write to a few mailboxes.
        unlimited = LimitsPolicy(recipient_by_customer=Limits(), recipient_by_all=Limits(), report=Limits())
        policy = Policy().model_copy(update={"message": message, "limits": unlimited})
        self._edge = self._stack.enter_context(Offline(folder, listeners=listeners, policy=policy))
        session = self._edge.session()
        self._chunking = "CHUNKING" in session.feed(b"EHLO c.example\r\n")[0]
        session.end()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def play(self, data: bytes) -> None:
        """One session; raises AssertionError for what must not be."""
        if len(data) < 3:
            return
        kind, seed = data[0], data[1]
        edge, sent = self._edge, self._edge.hop.sent
        sent.clear()
        listener, peer = (kind >> 4) & 1, STRANGER if kind & 0xE0 == 0xE0 else CUSTOMER
        session = edge.session(peer=peer, listener=listener)
        reader = Reader(chunking=self._chunking)
        try:
            assert [reply[:4] for reply in session.greeting] == ["220 "]
            for part in _cut(PROLOGUES[kind & 15], data[2:], seed):
                reader.follow(part, session.feed(part))
                if session.plug.closing:
                    break
            last = session.end() if not session.plug.closing else []
        finally:
            session.drop()
        assert all(reply[0] in "45" for reply in last), last
        faults = edge.faults()
        assert not faults, faults
        assert not edge.gateway.edge._sessions, "a session is left over"
        budget = edge.gateway.edge.pipeline.budget
        assert (budget.memory_used, budget.disk_used) == (0, 0)
        self._check_sent(reader)
        self.sessions += 1
        self.reached_data += reader.reached_data

    def _check_sent(self, reader: Reader) -> None:
        """What the next hop got is what was sent: all that was accepted, in order, and nothing of another's making."""
        sent = self._edge.hop.sent
        passed = [
            content for recipients, content in sent if not any(each.startswith(("odd", "lost")) for each in recipients)
        ]
        for _, content in sent:
            check_content(content)
        self.accepted += len(passed)
        if reader.chunks:
            return
        assert len(passed) == len(reader.messages)
        for content, message in zip(passed, reader.messages, strict=True):
            meant = b"\r\n".join(line.removeprefix(b".") for line in content.split(b"\r\n"))
            body = (
                message[2:]
                if message.startswith(b"\r\n")
                else message[at + 4 :]
                if (at := message.find(b"\r\n\r\n")) >= 0
                else b""
            )
            assert meant.endswith(body), (meant, message)
            assert meant.startswith(b"Received: from ")


def _cut(prologue: bytes, rest: bytes, seed: int) -> Iterator[bytes]:
    """The parts. Seed 0: prologue and rest; 128 and more: no bound between the two."""
    if seed == 0:
        yield from (part for part in (prologue, rest) if part)
        return
    if seed < 128:
        if prologue:
            yield prologue
    else:
        rest = prologue + rest
    draw = random.Random(seed)
    places = sorted({draw.randrange(len(rest) + 1) for _ in range(seed % 16)})
    yield from (rest[a:b] for a, b in zip([0, *places], [*places, len(rest)], strict=True) if a < b)
