"""Chain: linked groups, whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from gateway.audit.chain import Chain, End, Entry, Sync
from gateway.audit.head import HeadFile, read_head
from gateway.audit.segments import MAX_LINE, ZERO, Line, first_line, segment_numbers, segment_path
from tests.rig.audit import MAC_KEY, decision, lines, outcome

DAY, NEXT = "2026-03-14T12:00:00.000000+00:00", "2026-03-15T00:00:00.000000+00:00"


def chain(directory: Path, segment_bytes: int = 1 << 20, sync: Sync = os.fdatasync) -> Chain:
    HeadFile.create(directory, MAC_KEY, "main", DAY)
    return Chain(directory, "main", MAC_KEY, End(), segment_bytes=segment_bytes, sync=sync)


def entry(time: str = DAY, opens: str | None = None, closes: str | None = None) -> Entry:
    rest = b'"kind":"decision","time":"%s","process":"main","reference":"R"}' % time.encode()
    return Entry(rest, time, opens, closes)


def hashes(directory: Path) -> None:
    previous = ZERO
    for n, raw in enumerate(lines(directory), 1):
        line = Line.parse(raw)
        assert line is not None
        assert line.n == n
        assert line.follows(previous)
        previous = line.hash


def test_a_group_is_one_sync_and_covered_by_the_head(tmp_path: Path) -> None:
    syncs: list[int] = []
    writer = chain(tmp_path, sync=syncs.append)
    assert writer.write([entry()] * 3)[0] == 1
    assert writer.write([entry()] * 2)[0] == 4
    assert len(syncs) == 2
    assert read_head(tmp_path, MAC_KEY, "main").n == 5
    hashes(tmp_path)
    writer.close()


def test_a_segment_ends_by_its_size_and_at_midnight(tmp_path: Path) -> None:
    writer = chain(tmp_path, segment_bytes=400)
    writer.write([entry()] * 2)
    writer.write([entry()] * 2)
    writer.write([entry()])
    writer.write([entry(NEXT)])
    assert segment_numbers(tmp_path) == [1, 2, 3]
    hashes(tmp_path)
    writer.close()


def test_a_new_segment_begins_with_who_waits_and_the_times_before(tmp_path: Path) -> None:
    writer = chain(tmp_path)
    writer.write([entry(opens="A"), entry(opens="B"), entry(closes="A")])
    first, _ = writer.write([entry(NEXT)])
    line = first_line(segment_path(tmp_path, 2))
    assert line is not None
    assert line.kind == "segment"
    record = line.json()
    assert (record["open"], record["earliest"], record["latest"]) == (["B"], DAY, DAY)
    assert (line.n, first) == (4, 5)
    writer.close()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_group_that_cannot_be_synced_leaves_nothing_and_can_be_tried_again(tmp_path: Path, number: int) -> None:
    failing = [False]

    def sync(descriptor: int) -> None:
        if failing.pop():
            raise OSError(number, os.strerror(number))
        os.fdatasync(descriptor)

    writer = chain(tmp_path, sync=sync)
    writer.write([entry()])
    before = lines(tmp_path)
    failing += [False, True]
    with pytest.raises(OSError, match=os.strerror(number)):
        writer.write([entry(opens="A")])
    assert lines(tmp_path) == before
    assert writer.open == ()
    failing += [False]
    assert writer.write([entry()])[0] == 2
    hashes(tmp_path)
    writer.close()


def test_a_segment_that_cannot_be_begun_leaves_no_file(tmp_path: Path) -> None:
    def sync(descriptor: int) -> None:
        if os.fstat(descriptor).st_size and segment_path(tmp_path, 2).exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    writer = chain(tmp_path, sync=sync)
    writer.write([entry()])
    with pytest.raises(OSError, match="No space"):
        writer.write([entry(NEXT)])
    assert segment_numbers(tmp_path) == [1]
    assert writer.write([entry()])[0] == 2
    hashes(tmp_path)
    writer.close()


def test_while_a_failed_write_cannot_be_cut_off_nothing_is_written_behind_it(tmp_path: Path) -> None:
    broken = False

    def sync(descriptor: int) -> None:
        if broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    writer = chain(tmp_path, sync=sync)
    writer.write([entry()])
    broken = True
    for _ in range(2):
        with pytest.raises(OSError, match="error"):
            writer.write([entry()])
    broken = False
    assert writer.write([entry()])[0] == 2
    hashes(tmp_path)
    writer.close()


def test_a_record_longer_than_a_line_may_be_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than a line"):
        Entry.of(decision(), DAY, bytes(MAX_LINE))
    assert Entry.of(outcome("R"), DAY, b"x").closes == "R"
