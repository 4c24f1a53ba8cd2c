"""Writer: who may use the reserve, who is kept, who is told."""

import errno
import os
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest

from gateway.audit import writer as module
from gateway.audit.chain import Chain, End, Entry
from gateway.audit.encoding import Record
from gateway.audit.errors import JournalError, JournalFull
from gateway.audit.head import Head, HeadFile
from gateway.audit.record import stamp
from gateway.audit.reserve import Reserve
from gateway.audit.writer import Waiting, Writer
from tests.rig.audit import MAC_KEY, NOON, Vault, decision, lines, outcome, reference

TIME = stamp(NOON)


class Disk:
    """Syncs until it is told to fail."""

    def __init__(self) -> None:
        self.error = 0

    def sync(self, descriptor: int) -> None:
        if self.error:
            raise OSError(self.error, os.strerror(self.error))


class FailingChain(Chain):
    """A chain with a fault of its own."""

    def write(self, entries: Sequence[Entry]) -> tuple[int, Head]:
        """Raise what no disk raises."""
        raise RuntimeError("a fault of the program")


def make(directory: Path, disk: Disk, chain: type[Chain] = Chain) -> Writer:
    HeadFile.create(directory, MAC_KEY, "main", TIME)
    made = chain(directory, "main", MAC_KEY, End(), segment_bytes=1 << 20, sync=disk.sync)
    return Writer(made, Reserve(directory / "reserve", 1 << 20), "main", Vault().seal, lambda head: None)


def waiting(record: Record) -> tuple[Waiting, Future[int]]:
    future: Future[int] = Future()
    return Waiting(record, TIME, future), future


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_a_failing_disk_fails_decisions_and_keeps_noted_outcomes(tmp_path: Path, error: int) -> None:
    disk = Disk()
    writer = make(tmp_path, disk)
    disk.error = error
    asked, future = waiting(decision(reference(1)))
    writer.write([asked, Waiting(outcome(reference(2)), TIME, None)])
    with pytest.raises(JournalFull):
        future.result(timeout=0)
    assert writer.full
    assert len(writer.owed) == 1
    disk.error = 0
    writer.write([])
    assert writer.owed == []
    assert [b'"outcome"' in line for line in lines(tmp_path)] == [True]
    writer.write([Waiting(outcome(reference(3)), TIME, None)])
    assert not writer.full


def test_a_disk_that_fails_otherwise_costs_no_reserve(tmp_path: Path) -> None:
    disk = Disk()
    writer = make(tmp_path, disk)
    disk.error = errno.EIO
    writer.write([Waiting(outcome(reference(2)), TIME, None)])
    assert (tmp_path / "reserve").stat().st_size == 1 << 20


def test_noted_records_without_a_right_to_the_reserve_are_kept_up_to_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OWED", 3)
    disk = Disk()
    writer = make(tmp_path, disk)
    disk.error = errno.EIO
    for number in range(5):
        writer.write([Waiting(decision(reference(number)), TIME, None)])
    assert (len(writer.owed), writer.dropped) == (3, 2)
    writer.write([Waiting(outcome(reference(9)), TIME, None)])
    assert len(writer.owed) == 4


def test_a_fault_of_the_program_tells_those_who_wait_and_loses_no_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = make(tmp_path, Disk(), FailingChain)
    asked, future = waiting(decision(reference(1)))
    writer.write([asked, Waiting(outcome(reference(2)), TIME, None)])
    with pytest.raises(JournalError, match="a fault of the program"):
        future.result(timeout=0)
    assert len(writer.owed) == 1
    assert "a group failed" in caplog.text


def test_who_gave_up_waiting_is_not_told(tmp_path: Path) -> None:
    writer = make(tmp_path, Disk())
    asked, future = waiting(outcome())
    assert future.cancel()
    other, answer = waiting(outcome())
    writer.write([asked, other])
    assert answer.result(timeout=0) == 2
