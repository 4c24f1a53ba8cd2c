"""Tally: how often values occurred, exactly, in bounded memory.

Millions of 64-bit numbers are noted as they come, in buckets by their last bits; what does not fit a small buffer goes
to a temporary file that has no name. Counting afterwards looks at one bucket at a time.
"""

import os
import tempfile
import weakref
from array import array
from collections.abc import Iterator

_BUCKETS = 64
_BUFFER = 1 << 18
"""Numbers held in memory, 8 octets each."""


class Tally:
    """Notes numbers (as Python's `hash` gives them) and counts them."""

    def __init__(self, buffer: int = _BUFFER) -> None:
        self.total = 0
        """Numbers noted."""
        self._buffer = buffer
        self._held = [array("q") for _ in range(_BUCKETS)]
        self._next = buffer
        self._file = -1
        self._pieces: list[list[tuple[int, int]]] = [[] for _ in range(_BUCKETS)]
        self._size = 0

    def note(self, value: int) -> None:
        """Note one number. Raises OSError when there is no room for the temporary file."""
        self._held[value & 63].append(value)
        self.total += 1
        if self.total >= self._next:
            self._spill()

    def count(self, value: int) -> int:
        """How often a number was noted."""
        return sum(piece.count(value) for piece in self._bucket(value & 63))

    def distinct(self) -> int:
        """How many different numbers were noted."""
        found = 0
        for bucket in range(_BUCKETS):
            seen: set[int] = set()
            for piece in self._bucket(bucket):
                seen.update(piece)
            found += len(seen)
        return found

    def _bucket(self, number: int) -> Iterator["array[int]"]:
        yield self._held[number]
        for offset, size in self._pieces[number]:
            piece = array("q")
            piece.frombytes(os.pread(self._file, size, offset))
            yield piece

    def _spill(self) -> None:
        if self._file < 0:
            self._file, name = tempfile.mkstemp(prefix="postern-import-")
            weakref.finalize(self, os.close, self._file)
            os.unlink(name)  # noqa: PTH108
        for number, held in enumerate(self._held):
            octets = held.tobytes()
            self._pieces[number].append((self._size, len(octets)))
            written = 0
            while written < len(octets):
                written += os.pwrite(self._file, octets[written:], self._size + written)
            self._size += len(octets)
            del held[:]
        self._next = self.total + self._buffer
