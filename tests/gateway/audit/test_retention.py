"""Retention: whole segments, oldest first, never more than was asked."""

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.audit.head import read_floor
from gateway.audit.retention import removable, remove, retired_record
from gateway.audit.segments import segment_numbers, segment_path
from gateway.audit.verify import verify
from tests.rig.audit import MAC_KEY, NOON, Clock, journal, outcome, reference


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A journal of four days, a segment each."""
    place, clock = tmp_path / "audit" / "main", Clock()
    audit = journal(place, clock=clock)
    audit.open()
    for day in range(4):
        clock.now = NOON + timedelta(days=day)
        audit.append_blocking(outcome(reference(day)))
    audit.close_blocking()
    return place


def test_only_segments_with_nothing_newer_may_go(place: Path) -> None:
    assert removable(place, NOON - timedelta(days=1)) == ([], None)
    assert removable(place, NOON + timedelta(hours=1))[0] == [1]
    segments, last = removable(place, NOON + timedelta(days=1, hours=1))
    assert segments == [1, 2]
    assert last is not None
    assert last.n == 4


def test_the_segment_being_written_never_goes(place: Path) -> None:
    assert removable(place, NOON + timedelta(days=999))[0] == [1, 2, 3]


def test_a_clock_that_was_set_back_keeps_the_segment(tmp_path: Path) -> None:
    place, clock = tmp_path / "main", Clock()
    audit = journal(place, clock=clock)
    audit.open()
    clock.now = NOON + timedelta(hours=3)
    audit.append_blocking(outcome())
    clock.now = NOON
    audit.append_blocking(outcome())
    clock.now = NOON + timedelta(days=1)
    audit.append_blocking(outcome())
    audit.close_blocking()
    assert removable(place, NOON + timedelta(hours=1))[0] == []


def test_what_was_set_aside_goes_with_its_segment(place: Path) -> None:
    for name in ("000001.torn-2", "000003.torn-7"):
        (place / name).touch()
    segments, last = removable(place, NOON + timedelta(days=1, hours=1))
    assert last is not None
    remove(place, MAC_KEY, "main", segments, last)
    assert sorted(path.name for path in place.glob("*.torn-*")) == ["000003.torn-7"]
    assert segment_numbers(place) == [3, 4]
    floor = read_floor(place, MAC_KEY, "main")
    assert floor is not None
    assert (floor.n, floor.segment) == (4, 2)


def test_a_death_between_floor_and_removal_leaves_a_whole_journal(place: Path) -> None:
    segments, last = removable(place, NOON + timedelta(days=1, hours=1))
    assert last is not None
    kept = {number: segment_path(place, number).read_bytes() for number in segments}
    remove(place, MAC_KEY, "main", segments, last)
    for number, data in kept.items():
        segment_path(place, number).write_bytes(data)
    report = verify(place.parent, MAC_KEY, {})
    assert report.ok
    assert any("not yet removed" in note for note in report.notes)
    segments, last = removable(place, NOON + timedelta(days=2, hours=1))
    assert segments == [1, 2, 3]
    assert last is not None
    remove(place, MAC_KEY, "main", segments, last)
    assert segment_numbers(place) == [4]
    assert verify(place.parent, MAC_KEY, {}).ok


def test_the_record_names_what_goes(place: Path) -> None:
    segments, last = removable(place, NOON + timedelta(hours=1))
    assert last is not None
    record = retired_record(segments, last, NOON)
    assert (record.segments, record.last, record.last_hash) == ((1,), 2, last.hash.hex())
