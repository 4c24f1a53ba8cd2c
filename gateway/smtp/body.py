"""Body: one message on its way through, in memory up to 256 KiB, above that in an unlinked temporary file.

Nothing of it outlives its session: the file has no name from the start, so even `kill -9` leaves nothing behind. What
all sessions hold together is bounded by a Budget.
"""

import hashlib
import mmap
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from gateway.smtp.wire import LineCheck, Unstuffer, stuff

IN_MEMORY = 256 * 1024
"""Octets up to which a body stays in memory."""
_PIECE = 256 * 1024


class Budget:
    """What all bodies of a process may hold at once, in octets."""

    def __init__(self, memory: int, disk: int) -> None:
        self.memory, self.disk = memory, disk
        self.memory_used = self.disk_used = 0

    @property
    def exhausted(self) -> bool:
        """Whether a new transaction is to be refused with 452 4.3.1."""
        return self.memory_used >= self.memory or self.disk_used >= self.disk


class Body:
    """Receives wire data chunk by chunk, holds the message with its dots taken off, gives it back as wire data.

    `fault` is "", or why the message is refused whatever it says: "bare CR", "bare LF", "NUL", "size", "room".
    After "size" or "room" further octets are counted and dropped.
    """

    __slots__ = (
        "_budget",
        "_check",
        "_digest",
        "_file",
        "_folder",
        "_limit",
        "_map",
        "_on_disk",
        "_parts",
        "_unstuff",
        "eight_bit",
        "fault",
        "size",
    )

    def __init__(self, budget: Budget, limit: int, folder: Path | None) -> None:
        self._budget, self._limit, self._folder = budget, limit, folder
        self._parts: list[bytes] = []
        self._file: BinaryIO | None = None
        self._map: mmap.mmap | None = None
        self._on_disk = 0
        self._check, self._unstuff, self._digest = LineCheck(), Unstuffer(), hashlib.sha256()
        self.fault = ""
        self.eight_bit = False
        """Whether an octet with its eighth bit set has come."""
        self.size = 0
        """Octets of the message, dots taken off."""

    def add(self, chunk: bytes) -> None:
        """The next octets as received, without the end-of-data mark."""
        self._check.feed(chunk)
        self._keep(self._unstuff.feed(chunk))

    def end(self) -> None:
        """All octets have come. Sets `fault`."""
        self._keep(self._unstuff.end())
        self._check.end()
        self.fault = self.fault or self._check.fault

    def _keep(self, data: bytes) -> None:
        self.size += len(data)
        if self.fault or not data:
            return
        if self.size > self._limit:
            self._drop("size")
            return
        self._digest.update(data)
        self.eight_bit = self.eight_bit or not data.isascii()
        if self._file is None and self.size <= IN_MEMORY:
            if self._budget.memory_used + len(data) > self._budget.memory:
                self._drop("room")
                return
            self._budget.memory_used += len(data)
            self._parts.append(data)
            return
        if self._budget.disk_used + (len(data) if self._file else self.size) > self._budget.disk:
            self._drop("room")
            return
        try:
            self._spill(data)
        except OSError:
            self._drop("room")

    def _spill(self, data: bytes) -> None:
        if self._file is None:
            # Unlinked by the system before we write to it; closed in close(). Unbuffered: a full disk shows here, and
            # closing the file writes nothing and so cannot fail.
            self._file = tempfile.TemporaryFile(buffering=0, dir=self._folder)  # noqa: SIM115
            held = b"".join(self._parts)
            self._budget.memory_used -= len(held)
            self._parts.clear()
            data = held + data
        left = memoryview(data)
        while left:
            written = self._file.write(left)
            self._on_disk += written
            self._budget.disk_used += written
            left = left[written:]

    def _drop(self, fault: str) -> None:
        size = self.size
        self.close()
        self.fault, self.size = fault, size

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the message, dots taken off."""
        return self._digest.hexdigest()

    def view(self) -> bytes | mmap.mmap:
        """The message, dots taken off. Valid until close()."""
        if self._file is None:
            if len(self._parts) != 1:
                self._parts = [b"".join(self._parts)]
            return self._parts[0]
        if self._map is None:
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        return self._map

    def close(self) -> None:
        """Give memory and file back. Harmless when repeated."""
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._file is not None:
            self._budget.disk_used -= self._on_disk
            self._file.close()
            self._file = None
        self._budget.memory_used -= sum(map(len, self._parts))
        self._parts = []


class Wire:
    """A view from an offset on, as wire data: dots put on, in pieces. Can be iterated again for a replay."""

    __slots__ = ("_start", "_view")

    def __init__(self, view: bytes | mmap.mmap, start: int) -> None:
        self._view, self._start = view, start

    def __iter__(self) -> Iterator[bytes]:
        view, at, size = self._view, self._start, len(self._view)
        while at < size:
            end = min(at + _PIECE, size)
            # A piece never ends between CR and LF: so a dot behind CRLF is seen within a piece or as its first octet.
            end -= end < size and view[end - 1 : end] == b"\r"
            starts_line = at == 0 or bytes(view[at - 2 : at]) == b"\r\n"
            yield stuff(bytes(view[at:end]), line_start=starts_line)
            if isinstance(view, mmap.mmap):
                # What was sent need not stay in our memory; it is still in the file, should it be sent again.
                view.madvise(mmap.MADV_DONTNEED, 0, end - end % mmap.PAGESIZE)
            at = end
