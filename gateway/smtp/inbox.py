"""The inbox: octets from the client that nobody has used yet, cut into lines and messages.

Here it is decided what ends a line and what ends a message, over any cutting of the input into chunks: CRLF and
CRLF.CRLF, and nothing else.
"""

from collections.abc import Awaitable, Callable

from filters.model import Reply
from gateway.smtp import replies
from gateway.smtp.body import Body
from gateway.smtp.wire import END_OF_DATA

_CHUNK = 16 * 1024
"""Octets of a message that are gathered before they are handed to its body, and handed to it in one turn."""


class Inbox:
    """A buffer that is fed by the connection; `more` waits until it was, and raises when nothing will come. `turn`
    waits for the turn of a piece of a large message."""

    def __init__(self, more: Callable[[], Awaitable[None]], turn: Callable[[], Awaitable[None]]) -> None:
        self._more, self._turn = more, turn
        self._octets = bytearray()

    def end(self) -> None:
        """No more is read from it: it lets go of its connection, which would be left to the garbage collector."""
        self._more = self._turn = _ended

    def __len__(self) -> int:
        return len(self._octets)

    def feed(self, data: bytes) -> None:
        """More input."""
        self._octets += data

    def clear(self) -> None:
        """Forget what nobody has used."""
        self._octets.clear()

    async def line(self, limit: int) -> bytes | Reply:
        """The next line without its CRLF, or the reply to one that is longer than `limit` or holds a bare LF.

        What follows a bare LF belongs to the same line, up to its CRLF: read as a second command it would be one that
        somebody slipped into the first, and each later reply would be taken for that of the command before.
        """
        octets, searched = self._octets, 0
        while (at := octets.find(b"\r\n", searched)) < 0:
            if len(octets) > limit:
                return await self._skip_line()
            searched = max(0, len(octets) - 1)
            await self._more()
        line = bytes(octets[:at])
        del octets[: at + 2]
        if b"\n" in line:
            return replies.LINE_NOT_CRLF
        return line if at + 2 <= limit else replies.LINE_TOO_LONG

    async def _skip_line(self) -> Reply:
        """Throw input away up to the end of an endless line, holding none of it."""
        octets = self._octets
        while (at := octets.find(b"\r\n")) < 0:
            del octets[:-1]  # the last one may be the CR of the end
            await self._more()
        del octets[: at + 2]
        return replies.LINE_TOO_LONG

    async def chunk(self, size: int, body: Body | None) -> None:
        """So many octets, whatever they are, into a body; where there is none they are thrown away."""
        octets = self._octets
        while size:
            while len(octets) < min(size, _CHUNK):
                await self._more()
            part = min(size, len(octets), _CHUNK)
            if part == _CHUNK:
                await self._turn()
            if body is not None:
                body.add(bytes(octets[:part]))
            del octets[:part]
            size -= part

    async def message(self, body: Body) -> None:
        """Input up to CRLF.CRLF into the body. The line that holds the dot may come first: then the body is empty."""
        octets, searched, first = self._octets, 0, True
        while True:
            if first and len(octets) >= 3:
                first = False
                if octets.startswith(b".\r\n"):
                    del octets[:3]
                    break
            at = octets.find(END_OF_DATA, searched, _CHUNK + 4)
            if at >= 0:
                body.add(bytes(octets[: at + 2]))
                del octets[: at + 5]
                break
            if len(octets) >= _CHUNK + 4:
                # The mark may be astride: its first four octets stay.
                await self._turn()
                body.add(bytes(octets[:_CHUNK]))
                del octets[:_CHUNK]
                searched = 0
                continue
            searched = max(0, len(octets) - 4)
            await self._more()
        body.end()


async def _ended() -> None:
    raise RuntimeError("nobody reads from an inbox that has ended")
