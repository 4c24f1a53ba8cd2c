"""Chain: what binds each batch of events to all that were committed before it.

    hash = HMAC-SHA-256(chain key, previous hash | number, first, count, recorded | customer | import id | events)

Integers are 8 octets, big-endian; texts and octet strings are preceded by their length in 4; an event is its key, the
number of the same subject's event before it (0: none) and its body. An event's own number follows from its place.
What is sealed is not in it: the body holds commitments to it, so that it can be erased.
"""

import hmac
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from consent.records import Batch

GENESIS = bytes(32)
"""The hash before the first batch."""
_HEADER = struct.Struct(">32sqqqq")
_LENGTH = struct.Struct(">I")
_EVENT = struct.Struct(">IqI")
_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain ends."""

    number: int
    """Of the last batch; 0 when there is none."""
    last: int
    """Of the last event."""
    hash: bytes


EMPTY = Head(0, 0, GENESIS)


class Link:
    """The hash of one batch, fed its events in order."""

    def __init__(self, chain_key: bytes, before: bytes, batch: Batch) -> None:
        """`before` is the hash of the batch before; the batch's own is not looked at."""
        header = _HEADER.pack(before, batch.number, batch.first, batch.count, batch.recorded)
        self._mac = hmac.new(chain_key, header, "sha256")
        for text in (batch.customer, batch.import_id):
            octets = text.encode("utf-8", "surrogatepass")
            self._mac.update(_LENGTH.pack(len(octets)) + octets)

    def feed(self, events: Iterable[tuple[bytes, int | None, bytes]]) -> None:
        """The next events: (key, previous, body)."""
        pack, parts = _EVENT.pack, list[bytes]()
        for key, previous, body in events:
            parts += (pack(len(key), previous or 0, len(body)), key, body)
            if len(parts) > _AT_ONCE:
                self._mac.update(b"".join(parts))
                parts.clear()
        self._mac.update(b"".join(parts))

    def digest(self) -> bytes:
        """The hash of the batch, of the events fed so far."""
        return self._mac.digest()
