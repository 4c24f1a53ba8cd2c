"""A next hop that tolerates every wrong end of a line and of a message: the far end of tests of SMTP smuggling.

CR, LF and CRLF each end a line, NUL is passed over, and a lone dot with blanks behind it ends the data, whatever the
line ends around it. With `seven_bit` it clears the eighth bit of all it reads (RFC 5321 section 2.4 knows such
servers) and does not offer 8BITMIME. What is smuggled past any real server is smuggled past this one.
"""

import asyncio
import hashlib
import re
from typing import Any

from tests.rig.smtpd import Message, Session, Smtpd, Talk

_LINE_END = re.compile(rb"\r\n|\r|\n")
_SEVEN_BITS = bytes(octet & 0x7F for octet in range(256))


class Lenient(Smtpd):
    """The server; `raw` is all that came in, over all connections."""

    def __init__(self, *, seven_bit: bool = False, **more: Any) -> None:
        if seven_bit:
            more["keywords"] = ("PIPELINING", "ENHANCEDSTATUSCODES", "SIZE 10485760")
        super().__init__(**more)
        self.seven_bit = seven_bit
        self.raw = bytearray()

    def talk(self, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Talk:
        """A conversation that takes what comes."""
        return _Careless(self, session, reader, writer)


class _Careless(Talk):
    """One connection."""

    server: Lenient
    _passed_cr = False
    """The last line ended in a CR that was the last octet so far: an LF that follows belongs to it."""

    async def more(self) -> None:
        """Read more, and make of it what such servers make."""
        before = len(self.buffer)
        await super().more()
        data = self.buffer[before:]
        self.server.raw += data
        if self.server.seven_bit:
            data = data.translate(_SEVEN_BITS)
        self.buffer = self.buffer[:before] + data.replace(b"\0", b"")

    async def line(self) -> bytes:
        """The next line, whatever it ends in."""
        while True:
            if self._passed_cr and self.buffer:
                self._passed_cr = False
                self.buffer = self.buffer.removeprefix(b"\n")
            found = _LINE_END.search(self.buffer)
            if found:
                line = self.buffer[: found.start()]
                self._passed_cr = found[0] == b"\r" and found.end() == len(self.buffer)
                self.buffer = self.buffer[found.end() :]
                return line
            await self.more()

    async def do_data(self, line: str) -> None:
        """DATA; the content that is kept has CRLF line ends."""
        if not self.session.recipients:
            await self.say("554 5.5.1 No valid recipients")
            return
        await self.say("354 Go on")
        lines = []
        while (text := await self.line()).rstrip(b" \t") != b".":
            lines.append(text.removeprefix(b".") + b"\r\n")
        content = b"".join(lines)
        digest = hashlib.sha256(content).hexdigest()
        path, recipients = self.session.reverse_path or "", tuple(self.session.recipients)
        self.session.reverse_path, self.session.recipients = None, []
        self.server.messages.append(Message(path, recipients, content, digest, self.session.number, accepted=True))
        await self.say(f"250 2.0.0 Ok: queued as Q{len(self.server.messages)}")
