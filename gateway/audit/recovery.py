"""Recovery: what opening a journal finds, before anything is written to it.

What is read is bounded, however long the history: the segment that the head names, and any after it (a crash leaves
at most one). That these are linked to the segment before is seen from that segment's last line; that all earlier
segments are there, from their names; what stands in them, only `audit verify` reads. Which accepted messages still
wait for an outcome is known without earlier segments too, because each segment but the first begins with a record
that lists them.

Records up to the head must be there unchanged, else JournalDamaged. Behind it, records that are linked are good: the
process died between making them durable and writing the head. The first that is not, and all behind it, is a torn
tail: it is set aside in a file `NNNNNN.torn-<n>`, n being the number it would have had.
"""

import os
from hashlib import sha256
from pathlib import Path

from gateway.audit.chain import End
from gateway.audit.errors import JournalDamaged
from gateway.audit.head import Head, HeadError, HeadFile, read_floor, read_head
from gateway.audit.record import Json
from gateway.audit.segments import (
    ZERO,
    Line,
    last_line,
    read_lines,
    segment_numbers,
    segment_path,
    sync_directory,
    torn_files,
)
from gateway.audit.upkeep import Recovered

_ACCEPTED = b'"verdict":"accept"'
"""Inside a JSON string its quotes would be escaped: where these bytes stand, they are the member."""


class Recovery:
    """One look at a journal's directory. Whoever calls it holds the journal's lock."""

    def __init__(self, directory: Path, process: str, mac_key: bytes, published: Head | None) -> None:
        self._directory, self._process, self._mac_key, self._published = directory, process, mac_key, published
        self.end = End()
        """Where the chain goes on."""
        self.recovered: list[Recovered] = []
        """What was set aside and stands in no record yet."""
        self.after: Json | None = None
        """The registry's head of an earlier chain of this name, when this one is new."""

    def run(self, time: str) -> None:
        """Recover, or make the journal of a new chain; `time` stands in its first head.

        Raises JournalDamaged when something up to the head is missing or changed; OSError.
        """
        published = self._published
        if published is not None and not published.genuine(self._mac_key, "head", self._process):
            raise self._damaged(0, 0, "the registry's head of this journal does not bear the operator's MAC")
        segments = segment_numbers(self._directory)
        if not segments and not any((self._directory / name).exists() for name in ("head", "floor")):
            head = HeadFile.create(self._directory, self._mac_key, self._process, time)
            if published is not None:
                self.after = {"n": published.n, "hash": published.hash, "time": published.time}
                self._published = None
        else:
            head = self._head(segments)
        self.end.serial = head.serial
        self._walk(head, segments)
        self._report()

    def _head(self, segments: list[int]) -> Head:
        try:
            return read_head(self._directory, self._mac_key, self._process)
        except HeadError as error:
            last = segments[-1] if segments else 0
            line = last_line(segment_path(self._directory, last)) if last else None
            raise self._damaged(last, line.n if line else 0, str(error)) from None

    def _walk(self, head: Head, segments: list[int]) -> None:
        """Read the head's segment and those after it."""
        end = self.end
        end.n, end.hash = self._before(head, segments)
        for number in [number for number in segments if number >= head.segment]:
            torn = self._segment(head, number)
            if torn is not None:
                self._set_aside(number, torn, [later for later in segments if later > number])
                break
        must = self._must(head)
        if end.n < must:
            raise self._damaged(max(head.segment, end.segment), end.n + 1, f"it is missing, up to record {must}")
        self._drop_empty()

    def _before(self, head: Head, segments: list[int]) -> tuple[int, bytes]:
        """Number and hash of the record before the head's segment."""
        try:
            floor = read_floor(self._directory, self._mac_key, self._process)
        except HeadError as error:
            raise self._damaged(segments[0] if segments else 0, 0, str(error)) from None
        first = floor.segment + 1 if floor else 1
        n, digest = (floor.n, bytes.fromhex(floor.hash)) if floor else (0, ZERO)
        there = set(segments)
        for number in range(first, head.segment + (head.n > 0)):
            if number not in there:
                line = last_line(segment_path(self._directory, number - 1)) if number > first else None
                raise self._damaged(number, (line.n if line else n) + 1, "the segment is missing")
        if head.segment <= first:
            return n, digest
        line = last_line(segment_path(self._directory, head.segment - 1))
        if line is None:
            raise self._damaged(head.segment - 1, 0, "the segment does not end in a record")
        return line.n, line.hash

    def _segment(self, head: Head, number: int) -> int | None:
        """Read one segment; the offset from which it is torn, or None."""
        end, must = self.end, self._must(head)
        if number > head.segment and number != end.segment + 1:
            return 0
        for offset, raw in read_lines(segment_path(self._directory, number)):
            line = Line.parse(raw)
            if line is None or line.n != end.n + 1 or not line.follows(end.hash):
                if end.n < must:
                    raise self._damaged(number, end.n + 1, "it was changed, removed or moved")
                if offset == 0:
                    return 0
                end.length = offset
                return offset
            if offset == 0:
                end.segment, end.day, end.earliest, end.latest, end.length = number, line.time[:10], None, None, 0
            end.n, end.hash = line.n, line.hash
            end.length = offset + len(raw)
            end.saw(line.time)
            self._follow(line, first=offset == 0)
            for known in (head, self._published):
                if known is not None and known.n == line.n and known.hash != line.hash.hex():
                    raise self._damaged(number, line.n, "it is not the record that the head names")
        return None

    def _follow(self, line: Line, *, first: bool) -> None:
        """Keep the list of accepted messages without an outcome."""
        if line.kind == "segment" and first:
            self.end.open = dict.fromkeys(line.json()["open"])
        elif line.kind == "outcome":
            self.end.open.pop(line.reference or "", None)
        elif line.kind == "decision" and _ACCEPTED in line.raw and (reference := line.reference):
            self.end.open[reference] = None

    def _must(self, head: Head) -> int:
        """The record up to which nothing may be missing."""
        return max(head.n, self._published.n if self._published else 0)

    def _set_aside(self, number: int, offset: int, later: list[int]) -> None:
        """Move what is behind `offset`, and all later segments, into files of their own."""
        path = segment_path(self._directory, number)
        self._copy_tail(path, number, offset)
        if offset:
            with path.open("r+b") as file:
                file.truncate(offset)
                os.fsync(file.fileno())
        else:
            path.unlink()
        for segment in later:
            whole = segment_path(self._directory, segment)
            self._copy_tail(whole, segment, 0)
            whole.unlink()
        sync_directory(self._directory)

    def _copy_tail(self, path: Path, number: int, offset: int) -> None:
        stem = f"{number:06}.torn-{self.end.n + 1}"
        taken = {name for _, _, name in torn_files(self._directory)}
        name = next(name for turn in range(len(taken) + 1) if (name := f"{stem}-{turn}" if turn else stem) not in taken)
        copy = self._directory / name
        try:
            with path.open("rb") as source, copy.open("xb") as target:
                source.seek(offset)
                while chunk := source.read(1 << 20):
                    target.write(chunk)
                target.flush()
                os.fsync(target.fileno())
            sync_directory(self._directory)
        except OSError:
            copy.unlink(missing_ok=True)
            raise

    def _report(self) -> None:
        """Every file set aside that stands in no record yet: now, or by an opening that died before it wrote."""
        for _, first, name in torn_files(self._directory):
            if first > self.end.n:
                digest, size = sha256(), 0
                with (self._directory / name).open("rb") as file:
                    while chunk := file.read(1 << 20):
                        digest.update(chunk)
                        size += len(chunk)
                self.recovered.append(Recovered(name, size, digest.hexdigest(), first))

    def _drop_empty(self) -> None:
        """Remove segments without a record at the end: the process died right after making one."""
        for number in reversed(segment_numbers(self._directory)):
            path = segment_path(self._directory, number)
            if number <= self.end.segment or path.stat().st_size:
                break
            path.unlink()
            sync_directory(self._directory)

    def _damaged(self, segment: int, n: int, what: str) -> JournalDamaged:
        return JournalDamaged(self._directory, segment, n, what)
