"""Chain: the open end of a journal. One thread uses it; nothing here waits for anybody but the disk."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from gateway.audit.encoding import Record, encoded
from gateway.audit.head import Head, HeadFile
from gateway.audit.segments import MAX_LINE, ZERO, link, segment_path, sync_directory, whole_line
from gateway.audit.upkeep import Segment

log = logging.getLogger("postern.audit")

Sync = Callable[[int], None]
"""Makes what was written to a descriptor durable; raises OSError."""


@dataclass(slots=True)
class End:
    """Where a chain ends: what recovery found, and the chain goes on from."""

    segment: int = 0
    """The segment being written; 0 when there is none yet."""
    length: int = 0
    """Its octets."""
    n: int = 0
    """Number of the last record."""
    hash: bytes = ZERO
    """Of the last record."""
    serial: int = 1
    """Of the last head."""
    day: str = ""
    """Of the segment's first record, `YYYY-MM-DD` in UTC."""
    earliest: str | None = None
    latest: str | None = None
    """Of all times in the segment, as text."""
    open: dict[str, None] = field(default_factory=dict)
    """References of accepted messages without an outcome, oldest first."""

    def saw(self, time: str) -> None:
        """A record of this time stands in the segment."""
        self.earliest = time if self.earliest is None else min(self.earliest, time)
        self.latest = time if self.latest is None else max(self.latest, time)


class Entry(NamedTuple):
    """A record ready to be linked."""

    rest: bytes
    """Its object after `"n":N,`."""
    time: str
    opens: str | None
    closes: str | None

    @classmethod
    def of(cls, record: Record, time: str, rest: bytes) -> "Entry":
        """The entry of a record; raises ValueError when it is longer than a line may be."""
        if len(rest) > MAX_LINE - 256:
            raise ValueError(f"a record of {len(rest)} octets is longer than a line may be")
        return cls(rest, time, record.opens, record.closes)


class Chain:
    """Appends groups of entries: one write and one sync for each group, and then the head.

    A group is written whole or not at all. A segment is begun when the last one has `segment_bytes` or is of another
    day, so it may be longer by one group.
    """

    def __init__(
        self, directory: Path, process: str, mac_key: bytes, end: End, *, segment_bytes: int, sync: Sync
    ) -> None:
        self._directory, self._process, self._mac_key = directory, process, mac_key
        self._end, self._segment_bytes, self._sync = end, segment_bytes, sync
        self._unclean = False
        self._file = -1
        self._heads = HeadFile(directory / "head")
        if end.segment:
            self._file = os.open(segment_path(directory, end.segment), os.O_RDWR | os.O_CLOEXEC)

    @property
    def open(self) -> Sequence[str]:
        """References of accepted messages without an outcome, oldest first."""
        return tuple(self._end.open)

    def write(self, entries: Sequence[Entry]) -> tuple[int, Head]:
        """Make the entries durable; the number of the first, and the head that covers the last.

        All entries should be of one day. Raises OSError when that failed: then none of them stands in the journal,
        and the same entries may be tried again.
        """
        self._clean()
        end, day = self._end, entries[0].time[:10]
        if end.segment and end.length < self._segment_bytes and end.day == day:
            lines, digest = self._linked(entries)
            try:
                self._put(self._file, lines, end.length)
            except OSError:
                self._unclean = True
                self._clean_quietly()
                raise
            count = len(entries)
        else:
            checkpoint = self._checkpoint(entries[0].time) if end.segment else ()
            count = len(checkpoint) + len(entries)
            lines, digest = self._linked((*checkpoint, *entries))
            self._begin(lines)
            end.segment, end.length, end.day, end.earliest, end.latest = end.segment + 1, 0, day, None, None
        end.length += len(lines)
        end.n += count
        end.hash = digest
        for entry in entries:
            end.saw(entry.time)
            if entry.opens is not None:
                end.open[entry.opens] = None
            if entry.closes is not None:
                end.open.pop(entry.closes, None)
        return end.n - len(entries) + 1, self._cover(entries[-1].time)

    def close(self) -> None:
        """Close the files."""
        self._heads.close()
        if self._file >= 0:
            os.close(self._file)

    def _linked(self, entries: Sequence[Entry]) -> tuple[bytes, bytes]:
        n, previous, lines = self._end.n, self._end.hash, []
        for entry in entries:
            n += 1
            body = b'{"n":%d,%s' % (n, entry.rest)
            previous = link(previous, body)
            lines.append(whole_line(previous, body))
        return b"".join(lines), previous

    def _checkpoint(self, time: str) -> tuple[Entry, ...]:
        record = Segment(tuple(self._end.open), self._end.earliest, self._end.latest)
        return (Entry.of(record, time, encoded(record, time, self._process, {})),)

    def _put(self, file: int, data: bytes, offset: int) -> None:
        rest = memoryview(data)
        while rest:
            written = os.pwrite(file, rest, offset)
            rest, offset = rest[written:], offset + written
        self._sync(file)

    def _begin(self, lines: bytes) -> None:
        """Write the first group of the next segment and go on there; nothing of it stays when that fails."""
        path = segment_path(self._directory, self._end.segment + 1)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            self._put(file, lines, 0)
            sync_directory(self._directory)
        except OSError:
            os.close(file)
            path.unlink()
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file = file

    def _clean(self) -> None:
        """Remove what a failed write left behind the last good record; raises OSError while that cannot be done."""
        if self._unclean:
            os.ftruncate(self._file, self._end.length)
            self._sync(self._file)
            self._unclean = False

    def _clean_quietly(self) -> None:
        try:
            self._clean()
        except OSError as error:
            log.error("audit segment %06d cannot be cut back yet: %s", self._end.segment, error.strerror)

    def _cover(self, time: str) -> Head:
        end = self._end
        end.serial += 1
        head = Head.make(
            self._mac_key,
            "head",
            self._process,
            serial=end.serial,
            n=end.n,
            digest=end.hash,
            segment=end.segment,
            time=time,
        )
        try:
            self._heads.write(head)
        except OSError as error:
            # The records are durable; an older head covers less, and the next one covers all.
            log.error("audit head not written: %s", error.strerror)
        return head
