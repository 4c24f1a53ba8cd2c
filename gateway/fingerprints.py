"""Fingerprints of mail that is on its way: small ones at once, large ones in a thread.

A fingerprint takes time that grows with the text (docs/bulk.md): of a small message less than handing it to a thread
and back, of a large one tens of milliseconds, in which this process would serve nobody else.
"""

from functools import partial

from filters.fingerprint import Fingerprint, fingerprint
from filters.message import Message
from gateway.aside import aside


async def fingerprinted(message: Message, key: bytes) -> Fingerprint:
    """The fingerprint of a message under a key that is the same on all nodes (`Secrets.fingerprint_key`)."""
    return await aside(message, partial(fingerprint, message, key))
