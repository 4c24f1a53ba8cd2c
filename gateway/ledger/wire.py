"""A connection to one Redis: commands go out as they are, their replies come back as a list.

The library connects (TLS, password, database); then the connection is taken over from its streams, which cost more for
each round trip than all that travels in it. For that two private names of the library's connection are used;
tests/gateway/ledger/test_wire.py fails when they move.
"""

import asyncio
from typing import Any

from hiredis import Reader
from redis.exceptions import InvalidResponse, NoScriptError, ResponseError

_NOTHING = object()


class Wire(asyncio.Protocol):
    """An open connection that belongs to nobody else; one round trip at a time."""

    def __init__(self, connection: Any) -> None:
        """`connection` is the library's, connected, with nothing under way."""
        reader, writer = connection._reader, connection._writer
        connection._reader = connection._writer = None  # it is the library's no more
        self._writer = writer
        """Kept: it would close the transport when it goes."""
        self._transport: asyncio.Transport = writer.transport
        self._before = self._transport.get_protocol()
        self._reader = Reader(protocolError=InvalidResponse, replyError=_error, notEnoughData=_NOTHING)
        self._replies: list[Any] = []
        self._count = 0
        self._waiting: asyncio.Future[list[Any]] | None = None
        self.usable = not reader._buffer and not writer.is_closing()
        """Whether it may be asked: it is open, and has said nothing that nobody asked."""
        self._transport.set_protocol(self)
        self._transport.resume_reading()

    async def ask(self, commands: bytes, count: int) -> list[Any]:
        """Send commands and read so many replies; an error of one command stands in its place.

        Raises ConnectionError where the connection ends. Who stops waiting must not ask again: `usable` is False then.
        """
        self._waiting, self._count, self._replies = asyncio.get_running_loop().create_future(), count, []
        self._transport.write(commands)
        try:
            return await self._waiting
        except BaseException:
            self.close()  # what is still to be read would be taken for the answer to the next call
            raise
        finally:
            self._waiting = None

    def close(self) -> None:
        """End it at once."""
        self.usable = False
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Part of the replies."""
        waiting = self._waiting
        if waiting is None or waiting.done():
            self.close()
            return
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _NOTHING:
                self._replies.append(reply)
        except InvalidResponse as error:
            waiting.set_exception(error)
            return
        if len(self._replies) > self._count:
            waiting.set_exception(InvalidResponse("more replies than commands"))
        elif len(self._replies) == self._count and not self._reader.has_data():
            waiting.set_result(self._replies)

    def connection_lost(self, exc: Exception | None) -> None:
        """The server has closed it, or it broke."""
        self.usable = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionError(str(exc or "Connection closed by server")))
        self._before.connection_lost(exc)


def _error(text: str) -> ResponseError:
    return NoScriptError(text) if text.startswith("NOSCRIPT") else ResponseError(text)
