"""Verify: whether every journal is whole, as far as the heads say. Offline, streaming, one line in memory at a time.

Heads are read first and segments after them, so a journal may be written to meanwhile: what comes behind the head is
read as far as it is linked, and the first that is not is a torn tail (or a line being written), which is a note and
no fault. What retention removes meanwhile is seen by the floor having moved; then that journal is read once more.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.audit.head import PROCESS, Head, HeadError, read_floor, read_head
from gateway.audit.segments import (
    ZERO,
    Line,
    first_line,
    last_line,
    read_lines,
    segment_numbers,
    segment_path,
    torn_files,
)

MAX_FAULTS = 1000
"""Faults named for one journal; more are counted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something up to the head that is not as it was written."""

    process: str
    segment: int
    n: int
    """The record it is about, by its number in the process's chain; 0 when it is about no record."""
    what: str

    def __str__(self) -> str:
        return f"{self.process} segment {self.segment:06} record {self.n}: {self.what}"


@dataclass(slots=True)
class Report:
    """What verification found."""

    records: int = 0
    """Read and found good."""
    processes: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    more_faults: int = 0
    """Beyond those that are named."""
    notes: list[str] = field(default_factory=list)
    """What a person may want to know and is no fault."""

    @property
    def ok(self) -> bool:
        """Whether there is no fault."""
        return not self.faults


def verify(audit_dir: Path, mac_key: bytes, published: Mapping[str, Head]) -> Report:
    """Verify all journals under `audit_dir`. `published` are the registry's heads by process: a chain must reach its
    own and agree with it (take them before calling: a running journal grows). Raises OSError for what cannot be
    read at all."""
    report = Report()
    there = {path.name for path in audit_dir.iterdir() if path.is_dir()} if audit_dir.is_dir() else set()
    for name in sorted(there - {name for name in there if PROCESS.match(name)}):
        report.notes.append(f"{name}: not a journal's directory; not read")
    for process in sorted({name for name in there if PROCESS.match(name)} | set(published)):
        report.processes.append(process)
        journal = _read(audit_dir / process, process, mac_key, published.get(process))
        report.records += journal.records
        report.faults += journal.faults
        report.more_faults += journal.more
        report.notes += [f"{process}: {note}" for note in journal.notes]
    return report


def _read(directory: Path, process: str, mac_key: bytes, published: Head | None, turns: int = 3) -> "_Journal":
    """One journal, read again when retention went over it meanwhile."""
    journal = _Journal(directory, process, mac_key, published)
    floor = journal.floor_text()
    try:
        journal.read()
    except FileNotFoundError:
        # A segment went between its name being read and its opening.
        if turns == 1:
            raise
    else:
        if turns == 1 or floor == journal.floor_text():
            return journal
    return _read(directory, process, mac_key, published, turns - 1)


class _Journal:
    """One journal, read once."""

    def __init__(self, directory: Path, process: str, mac_key: bytes, published: Head | None) -> None:
        self._directory, self._process, self._mac_key, self._published = directory, process, mac_key, published
        self.records = 0
        self.faults: list[Fault] = []
        self.more = 0
        self.notes: list[str] = []
        self._segment = 0
        self._n = 0
        """Of the record read last, as it says itself."""
        self._before: tuple[bytes, ...] = (ZERO,)
        """Hashes the next record may be linked to: two after a fault (what the line says and what it should say), so
        that one fault is not told as two; none where nothing is known."""
        self._lost = False
        """Whether the next record may have any number, because what is missing was told already."""

    def floor_text(self) -> bytes | None:
        """The floor as it stands."""
        try:
            return (self._directory / "floor").read_bytes()
        except FileNotFoundError:
            return None

    def read(self) -> None:
        """Read the whole journal."""
        heads = self._heads()
        if heads is None:
            return
        must = max((head.n for head in heads), default=0)
        numbers = segment_numbers(self._directory)
        first = self._floor(numbers)
        for number in self._in_order(first, [number for number in numbers if number >= first], heads):
            self._segment = number
            if not self._read_segment(number, heads, must):
                break
        if self._n < must:
            where = max(self._segment, first, *(head.segment for head in heads if head.n == must))
            missing = f"record {must} is" if self._n + 1 == must else f"records {self._n + 1} to {must} are"
            self._fault(where, self._n + 1, f"{missing} missing: the head says there are {must}")
        for segment, n, name in torn_files(self._directory):
            self.notes.append(f"a torn tail of segment {segment:06}, from record {n}, stands aside in {name}")

    def _heads(self) -> list[Head] | None:
        """The heads the chain must reach; None when there is no journal at all."""
        heads: list[Head] = []
        published = self._published
        if published is not None:
            if published.genuine(self._mac_key, "head", self._process):
                heads.append(published)
            else:
                self._fault(0, 0, "the registry's head of it does not bear the operator's MAC")
        if not self._directory.is_dir():
            n = published.n if published else 0
            self._fault(published.segment if published else 0, n, f"the directory is missing: it held {n} records")
            return None
        try:
            heads.append(read_head(self._directory, self._mac_key, self._process))
        except HeadError as error:
            numbers = segment_numbers(self._directory)
            if not numbers and not published and not (self._directory / "floor").exists():
                self.notes.append("nothing was written to it yet")
                return None
            last = last_line(segment_path(self._directory, numbers[-1])) if numbers else None
            self._fault(numbers[-1] if numbers else 0, last.n if last else 0, str(error))
        return heads

    def _floor(self, numbers: list[int]) -> int:
        """The first segment there should be; the chain starts behind what was retired."""
        try:
            floor = read_floor(self._directory, self._mac_key, self._process)
        except HeadError as error:
            line = first_line(segment_path(self._directory, numbers[0])) if numbers else None
            self._fault(numbers[0] if numbers else 0, line.n if line else 0, str(error))
            self._before, self._lost = (), True
            return numbers[0] if numbers else 1
        if floor is None:
            return 1
        self._n, self._before = floor.n, (bytes.fromhex(floor.hash),)
        self.notes.append(f"records up to {floor.n} were retired")
        if any(number <= floor.segment for number in numbers):
            self.notes.append(f"segments up to {floor.segment:06} are retired and not yet removed")
        return floor.segment + 1

    def _in_order(self, first: int, numbers: list[int], heads: list[Head]) -> Iterator[int]:
        """The segments there are; tells of each gap between them. A missing end shows by the head."""
        expected = first
        for number in numbers:
            if number > expected:
                line = first_line(segment_path(self._directory, number))
                upto = f" to {line.n - 1}" if line and line.n - 1 > self._n + 1 else ""
                which = (
                    f"segment {expected:06}" if number == expected + 1 else f"segments {expected:06} to {number - 1:06}"
                )
                self._fault(expected, self._n + 1, f"{which} missing, with record {self._n + 1}{upto}")
                self._before, self._lost = (), True
            yield number
            expected = number + 1

    def _read_segment(self, number: int, heads: list[Head], must: int) -> bool:
        """Read one segment; False when a torn tail ends the chain here."""
        for offset, raw in read_lines(segment_path(self._directory, number)):
            line = Line.parse(raw)
            good = line is not None and line.n == self._n + 1 and any(line.follows(hash) for hash in self._before)
            if good and line is not None:
                self.records += 1
                self._before = (line.hash,)
                self._n, self._lost = line.n, False
            elif self._n >= must and not self._lost:
                size = segment_path(self._directory, number).stat().st_size - offset
                self.notes.append(
                    f"{size} octets behind record {self._n} in segment {number:06} are no whole record: a torn tail, "
                    "or a line being written now"
                )
                return False
            else:
                self._bad(number, line, first=offset == 0)
            if line is not None:
                self._agree(number, line, heads)
            if good and line is not None and line.n == 1 and line.kind == "start":
                self._first(number, line)
        return True

    def _bad(self, number: int, line: Line | None, *, first: bool) -> None:
        """Tell what is wrong with a line up to the head, and find the thread again. What is missing before the first
        record of a segment stood in the segment before."""
        expected = self._n + 1
        if line is None:
            self._fault(number, expected, "the line is no record: it was changed, or its end removed")
            self._before, self._lost = (), True
            return
        if self._lost and not self._before:
            # What came before is gone and told; only the record's own number and hash are left to go on.
            self._n, self._before, self._lost = line.n, (line.hash,), False
            return
        renumbered = line.numbered(expected)
        if line.n != expected and any(map(renumbered.follows, self._before)):
            self._fault(number, expected, f"its number was changed: it says {line.n}")
            self._n, self._before, self._lost = expected, (line.hash,), False
            return
        if line.n == expected:
            self._fault(number, line.n, "it was changed: it does not bear its hash, or does not follow the one before")
        elif line.n > expected:
            upto = f" to {line.n - 1}" if line.n - 1 > expected else ""
            where = number - 1 if first and line.kind == "segment" else number
            self._fault(where, expected, f"missing{upto}, removed or moved: record {line.n} stands in its place")
        else:
            self._fault(number, line.n, f"it stands where record {expected} should")
        computed = tuple(line.linked(before) for before in self._before)
        self._n, self._before, self._lost = line.n, (line.hash, *computed[:1]), False

    def _agree(self, number: int, line: Line, heads: list[Head]) -> None:
        """A head names the hash of the record it ends with."""
        for head in heads:
            if head.n == line.n and head.hash != line.hash.hex():
                self._fault(number, line.n, "it is not the record that the head names")

    def _first(self, number: int, line: Line) -> None:
        """The first record of all says whether the registry knew a chain that was here before."""
        after = line.json()["after"]
        if after is not None:
            self._fault(number, 1, f"a new chain: one of {after['n']} records was here before and is gone")

    def _fault(self, segment: int, n: int, what: str) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(self._process, segment, n, what))
        else:
            self.more += 1
