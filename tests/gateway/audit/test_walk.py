"""Walking journals: one sort of records, in order or from the end, without what is too old."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.audit import walk
from gateway.audit.record import stamp
from gateway.audit.segments import ZERO, read_lines, segment_numbers, segment_path
from gateway.audit.walk import backward, forward, journals
from tests.rig.audit import NOON, Clock, act, journal

DAY = timedelta(days=1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One journal of four days, a segment for each: acts a0 a1, b0 b1, c0 c1, d0 d1."""
    clock = Clock()
    audit = journal(tmp_path / "audit" / "main", clock=clock)
    audit.open()
    for number, name in enumerate("abcd"):
        clock.now = NOON + number * DAY
        audit.append_blocking(act(act=f"{name}0"))
        audit.append_blocking(act(act=f"{name}1", reason="wanted"))
    audit.close_blocking()
    return tmp_path / "audit"


def acts(lines: object) -> list[str]:
    return [line.json()["act"] for line in lines]  # type: ignore[attr-defined]


def watched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the segments that are opened from now on."""
    opened: list[str] = []

    def reading(path: Path) -> Iterator[tuple[int, bytes]]:
        opened.append(path.name)
        return read_lines(path)

    monkeypatch.setattr(walk, "read_lines", reading)
    return opened


def test_journals_are_the_directories_with_the_name_of_a_process(root: Path) -> None:
    (root / "Not a journal").mkdir()
    (root / "file").write_text("")
    assert [path.name for path in journals(root)] == ["main"]
    assert journals(root / "none") == []


def test_forward_gives_what_is_wanted_in_order_with_the_hash_before(root: Path) -> None:
    found = list(forward(root / "main", b'"reason":"wanted"', ""))
    assert acts(line for line, _ in found) == ["a1", "b1", "c1", "d1"]
    assert all(before is not None and line.follows(before) for line, before in found)


def test_the_first_record_of_all_follows_nothing(root: Path) -> None:
    ((line, before),) = forward(root / "main", b'"kind":"start"', "")
    assert (line.n, before) == (1, ZERO)


def test_forward_gives_nothing_older(root: Path) -> None:
    since = stamp(NOON + 2 * DAY)
    assert acts(line for line, _ in forward(root / "main", b'"act":', since)) == ["c0", "c1", "d0", "d1"]


def test_older_segments_are_not_opened(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = watched(monkeypatch)
    list(forward(root / "main", b'"act":', stamp(NOON + 3 * DAY)))
    assert opened == ["000004.jsonl"]
    opened.clear()
    assert acts(backward(root / "main", b'"act":', stamp(NOON + 2 * DAY))) == ["d1", "d0", "c1", "c0"]
    assert opened == ["000004.jsonl", "000003.jsonl"]


def test_backward_gives_the_last_first_and_reads_no_more_than_is_asked_for(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = watched(monkeypatch)
    assert acts([next(backward(root / "main", b'"act":', ""))]) == ["d1"]
    assert opened == ["000004.jsonl"]
    assert acts(backward(root / "main", b'"reason":"wanted"', "")) == ["d1", "c1", "b1", "a1"]


def test_a_segment_whose_times_are_not_told_is_read(root: Path) -> None:
    path = segment_path(root / "main", 3)
    path.write_bytes(path.read_bytes().replace(b'"latest":', b'"lately":', 1))
    assert walk._between(root / "main", stamp(NOON + 2 * DAY), walk.ALWAYS) == [2, 3, 4]
    assert acts(line for line, _ in forward(root / "main", b'"act":', stamp(NOON + 2 * DAY))) == [
        "c0",
        "c1",
        "d0",
        "d1",
    ]


def test_segments_that_go_meanwhile_are_passed_over(root: Path) -> None:
    found = forward(root / "main", b'"act":', "")
    assert acts([next(found)[0]]) == ["a0"]
    for number in segment_numbers(root / "main")[1:3]:
        segment_path(root / "main", number).unlink()
    assert acts(line for line, _ in found) == ["a1", "d0", "d1"]
    later = backward(root / "main", b'"act":', "")
    assert acts([next(later)]) == ["d1"]
    segment_path(root / "main", 1).unlink()
    assert acts(later) == ["d0"]
    assert list(forward(root / "gone", b"x", "")) == []
    assert list(backward(root / "gone", b"x", "")) == []


def test_a_record_behind_a_torn_line_has_no_known_hash_before_it(root: Path) -> None:
    path = segment_path(root / "main", 4)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join((*lines[:-2], lines[-2][:20] + b"\n", lines[-1])))
    *_, (line, before) = forward(root / "main", b'"act":', "")
    assert (line.json()["act"], before) == ("d1", None)


def test_a_segment_that_begins_after_the_time_asked_for_is_not_opened(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = watched(monkeypatch)
    lines = forward(root / "main", b'"act":', stamp(NOON + DAY), stamp(NOON + 2 * DAY))
    assert acts(line for line, _ in lines) == ["b0", "b1"]
    assert "000001.jsonl" not in opened
