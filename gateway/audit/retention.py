"""Retention: which segments may go, and taking them away so that verification can start behind them.

First a `retired` record is durable, then the floor says where the chain now begins, then the segments go. A crash
between leaves too much, never too little; the next retirement removes it.
"""

from datetime import datetime
from itertools import pairwise
from pathlib import Path

from gateway.audit.head import Head, read_floor, write_floor
from gateway.audit.record import stamp
from gateway.audit.segments import (
    Line,
    first_line,
    last_line,
    segment_numbers,
    segment_path,
    sync_directory,
    torn_files,
)
from gateway.audit.upkeep import Retired


def removable(directory: Path, before: datetime) -> tuple[list[int], Line | None]:
    """The segments, from the oldest on, in which nothing is as new as `before`, and the last record of the last.

    Never the segment being written: a segment's latest time stands in the first record of the next. Raises ValueError
    where that record was changed.
    """
    text, found, last = stamp(before), list[int](), None
    numbers = segment_numbers(directory)
    for number, following in pairwise(numbers):
        checkpoint = first_line(segment_path(directory, following))
        line = last_line(segment_path(directory, number))
        if checkpoint is None or checkpoint.kind != "segment" or line is None:
            break
        latest = checkpoint.json()["latest"]
        if latest is None or latest >= text:
            break
        found.append(number)
        last = line
    return found, last


def retired_record(segments: list[int], last: Line, before: datetime) -> Retired:
    """What is written before the segments go."""
    return Retired(tuple(segments), last.n, last.hash.hex(), before)


def remove(directory: Path, mac_key: bytes, process: str, segments: list[int], last: Line) -> None:
    """Write the floor and remove the segments, with what was set aside of them. Raises OSError, HeadError."""
    old = read_floor(directory, mac_key, process)
    floor = Head.make(
        mac_key,
        "floor",
        process,
        serial=old.serial + 1 if old else 0,
        n=last.n,
        digest=last.hash,
        segment=segments[-1],
        time=last.time,
    )
    write_floor(directory, floor)
    for number in segments:
        segment_path(directory, number).unlink(missing_ok=True)
    for number, _, name in torn_files(directory):
        if number <= floor.segment:
            (directory / name).unlink(missing_ok=True)
    sync_directory(directory)
