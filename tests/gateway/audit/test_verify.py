"""Verify: each way to tamper is found and named; each honest state is not."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.audit.head import Head
from gateway.audit.record import stamp
from gateway.audit.segments import segment_path
from gateway.audit.verify import MAX_FAULTS, Report, verify
from tests.rig.audit import MAC_KEY, NOON, Clock, Vault, decision, journal, lines, outcome, reference

RECORDS = 23
"""In the journal of these tests: a start, ten decisions and outcomes over three segments (9, 7 and 7 records)."""


def write(place: Path) -> Head:
    clock, heads = Clock(), list[Head]()
    audit = journal(place, clock=clock, publish_head=heads.append)
    audit.open(version="0.1.0")
    for number in range(10):
        clock.now = NOON + timedelta(days=0 if number < 4 else 1 if number < 7 else 2, seconds=number)
        audit.append_blocking(decision(reference(number)))
        audit.append_blocking(outcome(reference(number)))
    audit.close_blocking()
    assert [segment_path(place, number).read_bytes().count(b"\n") for number in (1, 2, 3)] == [9, 7, 7]
    return heads[-1]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "audit" / "main"
    write(place)
    return place


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One journal for the property test, which puts back what it changes."""
    place = tmp_path_factory.mktemp("kept") / "audit" / "main"
    write(place)
    return place


def check(place: Path, published: dict[str, Head] | None = None) -> Report:
    return verify(place.parent, MAC_KEY, published or {})


def found(report: Report) -> list[tuple[str, int, int]]:
    return [(fault.process, fault.segment, fault.n) for fault in report.faults]


def edit(number: int, change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    def harm(place: Path) -> None:
        path = segment_path(place, number)
        path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))

    return harm


def unlink(name: str) -> Callable[[Path], None]:
    return lambda place: (place / name).unlink()


def forge_head(place: Path) -> None:
    data = (place / "head").read_bytes()
    (place / "head").write_bytes(data.replace(b" 23 ", b" 22 "))


def cut_and_forge(place: Path) -> None:
    edit(3, lambda rows: rows[:-1])(place)
    forge_head(place)


@pytest.mark.parametrize(
    ("harm", "first"),
    [
        (edit(1, lambda rows: [*rows[:4], rows[4].replace(b"queued", b"QUEUED"), *rows[5:]]), (1, 5)),
        (edit(2, lambda rows: [*rows[:4], rows[4].replace(b'"n":14', b'"n":94'), *rows[5:]]), (2, 14)),
        (edit(2, lambda rows: [rows[0].replace(b'"n":10', b'"n":30'), *rows[1:]]), (2, 10)),
        (edit(1, lambda rows: rows[1:]), (1, 1)),
        (edit(1, lambda rows: [*rows[:4], *rows[5:]]), (1, 5)),
        (edit(2, lambda rows: rows[1:]), (2, 10)),
        (edit(1, lambda rows: rows[:-1]), (1, 9)),
        (edit(1, lambda rows: [*rows[:4], rows[5], rows[4], *rows[6:]]), (1, 5)),
        (edit(2, lambda rows: [*rows[:2], rows[1], *rows[2:]]), (2, 11)),
        (edit(3, lambda rows: rows[:-1]), (3, 23)),
        (edit(3, lambda rows: rows[:-3]), (3, 21)),
        (edit(3, lambda rows: [*rows[:-1], rows[-1][:-1]]), (3, 23)),
        (edit(3, lambda rows: []), (3, 17)),
        (unlink("000001.jsonl"), (1, 1)),
        (unlink("000002.jsonl"), (2, 10)),
        (unlink("000003.jsonl"), (3, 17)),
        (unlink("head"), (3, 23)),
        (forge_head, (3, 23)),
        (cut_and_forge, (3, 22)),
    ],
    ids=[
        "byte", "number", "number of a first", "first removed", "one removed", "first of a segment removed", "last of a segment removed",
        "swapped", "doubled", "last removed", "last three removed", "last line end removed", "segment emptied",
        "first segment", "middle segment", "last segment", "head gone", "head forged", "cut and forged",
    ],
)  # fmt: skip
def test_tampering_is_found_and_named(place: Path, harm: Callable[[Path], None], first: tuple[int, int]) -> None:
    harm(place)
    report = check(place)
    assert not report.ok
    assert found(report)[0] == ("main", *first)


def test_one_fault_is_told_as_one(place: Path) -> None:
    edit(1, lambda rows: [*rows[:4], rows[4].replace(b"queued", b"QUEUED"), *rows[5:]])(place)
    report = check(place)
    assert len(report.faults) == 1
    assert report.records == RECORDS - 1
    assert str(report.faults[0]).startswith("main segment 000001 record 5: it was changed")


def test_a_changed_hash_is_told_as_one_fault(place: Path) -> None:
    edit(1, lambda rows: [*rows[:4], rows[4].replace(rows[4][9:13], b"0000", 1), *rows[5:]])(place)
    assert found(check(place)) == [("main", 1, 5)]


def test_a_changed_number_is_told_as_one_fault_and_hides_nothing_behind_it(place: Path) -> None:
    edit(2, lambda rows: [rows[0].replace(b'"n":10', b'"n":30'), *rows[1:]])(place)
    report = check(place)
    assert [str(fault) for fault in report.faults] == [
        "main segment 000002 record 10: its number was changed: it says 30"
    ]
    assert (report.records, report.notes) == (RECORDS - 1, [])


def test_two_swapped_are_both_named(place: Path) -> None:
    edit(1, lambda rows: [*rows[:4], rows[5], rows[4], *rows[6:]])(place)
    assert {n for _, _, n in found(check(place))} == {5, 6}


def test_several_faults_are_each_named(place: Path) -> None:
    edit(1, lambda rows: [*rows[:4], *rows[5:]])(place)
    edit(3, lambda rows: [*rows[:2], rows[2].replace(b"queued", b"QUEUED"), *rows[3:]])(place)
    assert found(check(place))[0][2] == 5
    assert len(check(place).faults) == 2


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_byte_changed_up_to_the_head_is_found_in_its_record(kept: Path, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, 3))
    path = segment_path(kept, number)
    whole = path.read_bytes()
    position = data.draw(st.integers(0, len(whole) - 1))
    change = data.draw(st.integers(1, 255))
    n = {1: 1, 2: 10, 3: 17}[number] + whole[:position].count(b"\n")
    harmed = bytearray(whole)
    harmed[position] ^= change
    try:
        path.write_bytes(harmed)
        report = check(kept)
    finally:
        path.write_bytes(whole)
    assert ("main", number, n) in found(report)
    assert found(report)[0][2] == n


def test_a_whole_journal_is_good(place: Path) -> None:
    report = check(place)
    assert report.ok
    assert (report.records, report.processes, report.notes) == (RECORDS, ["main"], [])


@pytest.mark.parametrize("tail", [b"{", b'{"hash":"', b"garbage\n{}\n"])
def test_a_torn_tail_behind_the_head_is_a_note(place: Path, tail: bytes) -> None:
    with segment_path(place, 3).open("ab") as file:
        file.write(tail)
    report = check(place)
    assert report.ok
    assert report.records == RECORDS
    assert f"{len(tail)} octets behind record 23" in report.notes[0]


def test_a_tail_set_aside_is_a_note(place: Path) -> None:
    (place / "000003.torn-24").write_bytes(b"x")
    report = check(place)
    assert report.ok
    assert "000003.torn-24" in report.notes[0]


def test_a_whole_directory_removed_shows_by_the_registry(tmp_path: Path) -> None:
    head = write(tmp_path / "audit" / "main")
    for path in (tmp_path / "audit" / "main").iterdir():
        path.unlink()
    report = verify(tmp_path / "audit", MAC_KEY, {"main": head})
    assert not report.ok
    (tmp_path / "audit" / "main").rmdir()
    report = verify(tmp_path / "audit", MAC_KEY, {"main": head})
    assert found(report) == [("main", 3, 23)]
    (tmp_path / "audit").rmdir()
    assert not verify(tmp_path / "audit", MAC_KEY, {"main": head}).ok
    assert verify(tmp_path / "audit", MAC_KEY, {}).ok


def test_an_end_cut_with_an_older_copy_of_the_head_shows_by_the_registry(tmp_path: Path) -> None:
    place = tmp_path / "audit" / "main"
    write(place)
    old = {path.name: path.read_bytes() for path in place.iterdir()}
    heads: list[Head] = []
    audit = journal(place, clock=Clock(NOON + timedelta(days=2, hours=1)), publish_head=heads.append)
    audit.open()
    audit.append_blocking(decision(reference(99)))
    audit.close_blocking()
    for name, data in old.items():
        (place / name).write_bytes(data)
    assert check(place).ok
    assert found(check(place, {"main": heads[-1]})) == [("main", 3, 24)]


def test_a_chain_that_differs_from_the_registry_or_a_forged_registry_shows(place: Path) -> None:
    other = Head.make(MAC_KEY, "head", "main", serial=9, n=12, digest=b"x" * 32, segment=2, time=stamp(NOON))
    assert found(check(place, {"main": other})) == [("main", 2, 12)]
    forged = Head.make(b"other", "head", "main", serial=9, n=12, digest=b"x" * 32, segment=2, time=stamp(NOON))
    (fault,) = check(place, {"main": forged}).faults
    assert "registry's head" in fault.what


def test_another_process_copied_over_shows(place: Path) -> None:
    other = place.with_name("worker-1")
    write(other)
    for path in place.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    assert {process for process, _, _ in found(check(place))} == {"worker-1"}


def test_a_forged_floor_shows(place: Path) -> None:
    floor = Head.make(b"other", "floor", "main", serial=1, n=9, digest=b"x" * 32, segment=1, time=stamp(NOON))
    (place / "floor").write_bytes(floor.to_text().encode().ljust(511) + b"\n")
    segment_path(place, 1).unlink()
    assert found(check(place))[0] == ("main", 2, 10)


def test_a_floor_removed_with_its_segments_shows(place: Path) -> None:
    audit = journal(place, clock=Clock(NOON + timedelta(days=2, hours=1)))
    audit.open()
    assert audit.retire(NOON + timedelta(hours=12)) == 1
    audit.close_blocking()
    assert check(place).ok
    (place / "floor").unlink()
    assert found(check(place)) == [("main", 1, 1)]


def test_a_journal_that_was_made_and_not_written_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "main").mkdir()
    (tmp_path / "Lost+Found").mkdir()
    report = verify(tmp_path, MAC_KEY, {})
    assert report.ok
    assert len(report.notes) == 2


def test_a_flood_of_faults_is_counted_and_not_kept(tmp_path: Path) -> None:
    place = tmp_path / "main"
    audit = journal(place, segment_bytes=1 << 20)
    audit.open()
    for number in range(MAX_FAULTS + 50):
        audit.note(outcome(reference(number)))
    audit.close_blocking()
    edit(1, lambda rows: [row.replace(b"queued", b"QUEUED") for row in rows])(place)
    report = verify(tmp_path, MAC_KEY, {})
    assert (len(report.faults), report.more_faults) == (MAX_FAULTS, 50)


def test_a_running_writer_and_retention_make_no_fault(tmp_path: Path) -> None:
    place = tmp_path / "audit" / "main"
    start = datetime.now(UTC)
    clock = Clock(start, step=timedelta(minutes=7))
    audit = journal(place, clock=clock, seal=Vault().seal)
    audit.open()
    stop = threading.Event()

    def write_on() -> None:
        number = 0
        while not stop.is_set():
            audit.append_blocking(decision(reference(number)))
            audit.note(outcome(reference(number)))
            number += 1
            if number % 500 == 0:
                audit.retire(clock.now - timedelta(days=2))

    thread = threading.Thread(target=write_on)
    thread.start()
    try:
        reports = [check(place) for _ in range(25)]
    finally:
        stop.set()
        thread.join()
        audit.close_blocking()
    assert [report.faults for report in reports] == [[]] * 25
    assert check(place).ok
    assert lines(place)
