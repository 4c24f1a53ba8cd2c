"""What must be so of any session, whatever came in: read anew from what was sent and what was answered.

It knows no more of SMTP than where a command, a line of an AUTH exchange, a chunk and a message end.
"""

import re

_END = b"\r\n.\r\n"
_CHUNK = re.compile(rb"BDAT +(\d{1,18})( +LAST)? *\Z", re.IGNORECASE)


class Reader:
    """Follows one session. `messages` are those that were answered 250: what came before their final dot, dots taken
    off."""

    def __init__(self, *, chunking: bool = False) -> None:
        self.messages: list[bytes] = []
        self.chunks = 0
        """Messages by BDAT that were answered 250; their content is not compared."""
        self.reached_data = False
        self.over = False
        """The session was ended by QUIT, by 421 or by a chunk without measure."""
        self._chunking = chunking
        self._octets = b""
        self._state = "command"
        self._skip = 0

    def follow(self, part: bytes, replies: list[str]) -> None:
        """One part that was sent and all that was answered to it; raises AssertionError."""
        self._octets += part
        left = list(replies)
        while not self.over and (unit := self._unit()) is not None:
            assert left, ("no reply", self._state, unit[:100])
            self._answered(unit, left.pop(0))
        # A chunk of a size that nobody can mean is not waited for.
        if left and left[0].startswith(("421 ", "552 5.3.4 Chunk is far larger")):
            self.over = True
            del left[0]
        assert not left, ("more replies than commands", left)

    def _unit(self) -> bytes | None:
        """What gets the next reply, once it is whole."""
        if self._skip:
            if len(self._octets) < self._skip:
                return None
            unit, self._octets = self._octets[: self._skip], self._octets[self._skip :]
            self._skip = 0
            return unit
        if self._state != "data":
            line, end, rest = self._octets.partition(b"\r\n")
            if not end:
                return None
            chunk = _CHUNK.match(line) if self._chunking and self._state == "command" else None
            self._octets = rest
            if chunk:
                self._state = "last" if chunk[2] else "chunk"
                if int(chunk[1]):
                    self._skip = int(chunk[1])
                    return self._unit()
            return line
        if self._octets.startswith(b".\r\n"):
            self._octets = self._octets[3:]
            return b""
        at = self._octets.find(_END)
        if at < 0:
            return None
        unit, self._octets = self._octets[: at + 2], self._octets[at + 5 :]
        return unit

    def _answered(self, unit: bytes, reply: str) -> None:
        assert not reply.startswith("451 4.3.0"), "our own fault"
        assert reply[:3] not in ("500", "502", "503", "504") or self._state != "data", reply
        state, self._state = self._state, "command"
        if state == "data" and reply.startswith("250 2.0.0 Accepted; "):
            self.messages.append(b"\r\n".join(line.removeprefix(b".") for line in unit.split(b"\r\n")))
        elif state == "last" and reply.startswith("250 2.0.0 Accepted; "):
            self.chunks += 1
        elif reply.startswith("354 "):
            self._state, self.reached_data = "data", True
        elif reply.startswith("334 "):
            self._state = "response"
        elif reply.startswith("220 "):
            self._octets = b""
        elif reply.startswith(("221 ", "421 ")):
            self.over = True


def check_content(content: bytes) -> None:
    """What goes to the next hop before its final dot is one message there, whatever the next hop tolerates."""
    assert content.endswith(b"\r\n")
    assert content.count(b"\r\n") == content.count(b"\r") == content.count(b"\n")
    assert b"\0" not in content
    assert _END not in b"\r\n" + content + b"x"
