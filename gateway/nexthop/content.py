"""Writing a message's content and its final dot."""

from asyncio import Future
from collections.abc import Awaitable, Callable, Iterable

from gateway.nexthop.bounds import Bounds
from gateway.nexthop.link import Answers, Link

_PIECE = 256 * 1024
"""Octets handed to the connection at once."""
Turn = Callable[[], Awaitable[None]]
"""Waits for the customer's turn with a piece of a large message."""
_DOT = b".\r\n"


async def write_content(
    link: Link, head: bytes, body: Iterable[bytes], final: "Future[Answers]", bounds: Bounds, turn: Turn
) -> bool:
    """Write head, body and the final dot; whether the dot was handed over: from then on the message may be accepted.

    False when the link went away or answered before. All is dot-stuffed and ends in CRLF; raises ValueError, before
    the dot, when it does not: the dot would be taken for text. A small message is one write, so one segment or few.
    """
    parts, size, tail = [head], len(head), head[-2:]
    for chunk in body:
        if not chunk:
            continue
        parts.append(chunk)
        size += len(chunk)
        tail = chunk[-2:] if len(chunk) > 1 else tail[-1:] + chunk
        if size > bounds.small:
            if not await _stream(link, b"".join(parts), final):
                return False
            parts, size = [], 0
            await turn()
    if tail != b"\r\n" and tail:
        raise ValueError("message content that does not end in CRLF")
    parts.append(_DOT)
    return not final.done() and link.write(b"".join(parts))


async def _stream(link: Link, data: bytes, final: "Future[Answers]") -> bool:
    view = memoryview(data)
    for start in range(0, len(data), _PIECE):
        if final.done() or not link.write(view[start : start + _PIECE]):
            return False
        await link.drain()
    return not final.done() and not link.gone
