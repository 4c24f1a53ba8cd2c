"""Walk: records of one sort in the journals of a node, without reading the rest as JSON.

Lines are looked through as bytes. A segment outside the time asked for is told by the first record of the next one,
which holds its earliest and latest time, and is not opened. Journals may be written to meanwhile, and segments retired.
"""

from collections.abc import Iterator
from pathlib import Path

from gateway.audit.head import PROCESS
from gateway.audit.segments import ZERO, Line, first_line, holds, read_lines, segment_numbers, segment_path

ALWAYS = "~"
"""Later than the time of any record."""


def journals(audit_dir: Path) -> list[Path]:
    """The directories of all journals, by name; none where nothing was written yet."""
    if not audit_dir.is_dir():
        return []
    return sorted(path for path in audit_dir.iterdir() if path.is_dir() and PROCESS.match(path.name))


def forward(directory: Path, needle: bytes, since: str, until: str = ALWAYS) -> Iterator[tuple[Line, bytes | None]]:
    """Records of a journal with `needle` in their line, not before `since` and before `until`, in order; each with the
    hash of the record before it, None where that is no record. Raises OSError."""
    for number in _between(directory, since, until):
        before: bytes | None = ZERO if number == 1 else None
        try:
            if not holds(segment_path(directory, number), needle):
                continue
            last = b""
            for offset, raw in read_lines(segment_path(directory, number)):
                if needle in raw and (line := Line.parse(raw)) and since <= line.time < until:
                    if offset:
                        earlier = Line.parse(last)
                        before = earlier.hash if earlier else None
                    yield line, before
                last = raw
        except FileNotFoundError:
            continue  # retired meanwhile


def backward(directory: Path, needle: bytes, since: str) -> Iterator[Line]:
    """Records of a journal with `needle` in their line, the last written first, down to the segment that holds `since`.

    Of one segment their places are held in memory, nothing more. Raises OSError.
    """
    for number in reversed(_between(directory, since, ALWAYS)):
        path = segment_path(directory, number)
        try:
            if not holds(path, needle):
                continue
            places = [(offset, len(raw)) for offset, raw in read_lines(path) if needle in raw]
            with path.open("rb") as file:
                for offset, length in reversed(places):
                    file.seek(offset)
                    if line := Line.parse(file.read(length)):
                        yield line
        except FileNotFoundError:
            continue


def _between(directory: Path, since: str, until: str) -> list[int]:
    """The segments that may hold records of `since` or later and before `until`, in order. Clocks step: one that lies
    between two of them may have none."""
    try:
        numbers = segment_numbers(directory)
    except FileNotFoundError:
        return []
    if not since and until == ALWAYS:
        return numbers
    wanted: list[int] = []
    for number, following in zip(numbers, [*numbers[1:], None], strict=True):
        earliest, latest = ("", ALWAYS) if following is None else _times(directory, following)
        if latest >= since and earliest < until:
            wanted.append(number)
    return wanted


def _times(directory: Path, following: int) -> tuple[str, str]:
    """The earliest and the latest time in the segment before this one; any time where it is not told."""
    try:
        line = first_line(segment_path(directory, following))
        told = line.json() if line is not None and line.kind == "segment" else {}
    except (FileNotFoundError, ValueError):
        told = {}
    earliest, latest = told.get("earliest"), told.get("latest")
    return (earliest if isinstance(earliest, str) else "", latest if isinstance(latest, str) else ALWAYS)
