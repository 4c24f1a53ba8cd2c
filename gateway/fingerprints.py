"""Fingerprints of mail that is on its way: small ones at once, large ones in a thread.

A fingerprint takes time that grows with the text (docs/bulk.md): of a small message less than handing it to a thread
and back, of a large one tens of milliseconds, in which this process would serve nobody else.
"""

import asyncio

from filters.fingerprint import Fingerprint, fingerprint
from filters.message import Message

SMALL = 16 * 1024
"""Octets of a message up to which its fingerprint is made at once."""


async def fingerprinted(message: Message, key: bytes) -> Fingerprint:
    """The fingerprint of a message under a key that is the same on all nodes (`Secrets.fingerprint_key`)."""
    if len(message.raw) <= SMALL:
        return fingerprint(message, key)
    return await asyncio.to_thread(fingerprint, message, key)
