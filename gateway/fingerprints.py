"""Fingerprints of mail that is on its way: those that take little at once, others in a thread.

Plain text of any size takes a millisecond or so, as long as its lines are of the usual kind: no more than ten times of
what handing it to a thread and back does. To read HTML takes a millisecond for each 20 KB (docs/bulk.md), in which this
process would serve nobody else.
"""

from functools import partial

from filters.fingerprint import Fingerprint, fingerprint
from filters.message import Message
from filters.parts import texts
from gateway.aside import SMALL, aside

_MOST_LINES = 4_000
_MOST_QUICK = 512 * 1024
"""Octets of a message whose parts are looked at for that."""


async def fingerprinted(message: Message, key: bytes) -> Fingerprint:
    """The fingerprint of a message under a key that is the same on all nodes (`Secrets.fingerprint_key`)."""
    work = partial(fingerprint, message, key)
    if len(message.raw) > SMALL and _is_quick(message):
        return work()
    return await aside(message, work)


def _is_quick(message: Message) -> bool:
    """Whether all its text is plain, in few lines."""
    if len(message.raw) > _MOST_QUICK:
        return False
    found = [text for group in texts(message) for text in group]
    return not any(text.html for text in found) and sum(text.text.count("\n") for text in found) <= _MOST_LINES
