"""Aside: work on large messages, done in threads of its own, so that this process serves others meanwhile.

What a rule reads of a small message takes less time than handing it to a thread and back. To read the texts of a large
one, or to find out what styles hide in it, takes up to half a second. Not in the event loop's own few threads: there
what brings suspensions into this process would wait behind whoever sends large mail.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from filters.message import Message

T = TypeVar("T")

SMALL = 16 * 1024
"""Octets of a message up to which nearly all work takes less than a few milliseconds."""
_THREADS = ThreadPoolExecutor(2, "aside")
"""They share one interpreter with the loop: more of them would only take it more of its time."""


async def aside(message: Message, work: Callable[[], T], small: int = SMALL) -> T:
    """What the work gives, done at once for a message of so many octets at most. The message is nobody else's
    meanwhile. Who is cancelled does not stop work that has begun; it is bounded by itself."""
    if len(message.raw) <= small:
        return work()
    return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
