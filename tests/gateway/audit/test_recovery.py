"""Recovery: what is up to the head must be there; what is torn behind it is set aside and told."""

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.audit.errors import JournalDamaged
from gateway.audit.head import Head, read_head
from gateway.audit.record import stamp
from gateway.audit.recovery import Recovery
from gateway.audit.segments import Line, segment_path
from gateway.audit.verify import verify
from tests.rig.audit import MAC_KEY, NOON, Clock, decision, journal, lines, outcome, reference


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A closed journal: start, decision, outcome on each of three days; the third day's message is open."""
    place, clock = tmp_path / "audit" / "main", Clock()
    audit = journal(place, clock=clock)
    audit.open()
    for day in range(3):
        clock.now = NOON + timedelta(days=day)
        audit.append_blocking(decision(reference(day)))
        if day < 2:
            audit.append_blocking(outcome(reference(day)))
    audit.close_blocking()
    return place


def recover(place: Path, published: Head | None = None) -> Recovery:
    recovery = Recovery(place, "main", MAC_KEY, published)
    recovery.run(stamp(NOON))
    return recovery


def test_the_end_of_a_whole_journal_is_found(place: Path) -> None:
    end = recover(place).end
    assert (end.segment, end.n, end.day, list(end.open)) == (3, 8, "2026-03-16", [reference(2)])
    assert end.length == segment_path(place, 3).stat().st_size
    assert end.hash.hex() == read_head(place, MAC_KEY, "main").hash


def test_only_the_head_segment_is_read(place: Path) -> None:
    first = segment_path(place, 1)
    first.write_bytes(first.read_bytes().replace(b"acme", b"ACME"))
    assert recover(place).end.n == 8


@pytest.mark.parametrize(
    "tail", [b"{", b'{"hash":"00', b"\n", b"garbage\n{}\n", b"\0" * 5000], ids=["one", "short", "empty", "two", "nul"]
)
def test_a_torn_tail_is_set_aside_and_named(place: Path, tail: bytes) -> None:
    before = lines(place)
    with segment_path(place, 3).open("ab") as file:
        file.write(tail)
    recovery = recover(place)
    (torn,) = recovery.recovered
    assert (torn.file, torn.size, torn.first, torn.sha256) == ("000003.torn-9", len(tail), 9, sha256(tail).hexdigest())
    assert (place / torn.file).read_bytes() == tail
    assert lines(place) == before


def test_a_tail_set_aside_by_an_opening_that_died_is_told_by_the_next(place: Path) -> None:
    with segment_path(place, 3).open("ab") as file:
        file.write(b"one")
    recover(place)
    with segment_path(place, 3).open("ab") as file:
        file.write(b"two")
    assert [torn.file for torn in recover(place).recovered] == ["000003.torn-9", "000003.torn-9-1"]
    audit = journal(place)
    audit.open()
    audit.close_blocking()
    assert recover(place).recovered == []


def older_head(place: Path, n: int) -> None:
    """The head file as it stood when the chain had n records."""
    line = Line.parse(lines(place)[n - 1])
    assert line is not None
    segment = next(number for number in (1, 2, 3) if lines(place)[n - 1] in segment_path(place, number).read_bytes())
    heads = [
        Head.make(MAC_KEY, "head", "main", serial=serial, n=n, digest=line.hash, segment=segment, time=line.time)
        for serial in (100, 101)
    ]
    (place / "head").write_bytes(b"".join(head.to_text().encode().ljust(511) + b"\n" for head in heads))


def test_whole_records_behind_the_head_are_good(place: Path) -> None:
    older_head(place, 4)
    recovery = recover(place)
    assert recovery.end.n == 8
    assert recovery.recovered == []


def test_a_whole_segment_behind_the_head_that_is_not_linked_is_set_aside(place: Path) -> None:
    older_head(place, 4)
    last = segment_path(place, 3)
    last.write_bytes(last.read_bytes().replace(b'"kind":"segment"', b'"kind":"s3gment"', 1))
    recovery = recover(place)
    assert (recovery.end.segment, recovery.end.n) == (2, 6)
    assert [torn.file for torn in recovery.recovered] == ["000003.torn-7"]
    assert not last.exists()


def test_segments_behind_a_tear_are_set_aside_with_it(place: Path) -> None:
    older_head(place, 4)
    middle = segment_path(place, 2)
    middle.write_bytes(middle.read_bytes()[:-5])
    recovery = recover(place)
    assert recovery.end.n == 5
    assert [torn.file for torn in recovery.recovered] == ["000002.torn-6", "000003.torn-6"]


def test_an_empty_segment_at_the_end_is_removed(place: Path) -> None:
    segment_path(place, 4).touch()
    assert recover(place).end.segment == 3
    assert not segment_path(place, 4).exists()


def cut_last(place: Path) -> None:
    path = segment_path(place, 3)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def change(place: Path) -> None:
    path = segment_path(place, 3)
    path.write_bytes(path.read_bytes().replace(b"mail.acme", b"mail.acne"))


def remove_segment(number: int) -> Callable[[Path], None]:
    return lambda place: segment_path(place, number).unlink()


def forge_head(place: Path) -> None:
    data = (place / "head").read_bytes()
    (place / "head").write_bytes(data.replace(b" 8 ", b" 7 "))


def cut_before(place: Path) -> None:
    path = segment_path(place, 2)
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("harm", "segment", "n"),
    [
        (cut_last, 3, 8),
        (change, 3, 8),
        (remove_segment(1), 1, 1),
        (remove_segment(2), 2, 4),
        (remove_segment(3), 3, 7),
        (lambda place: (place / "head").unlink(), 3, 8),
        (forge_head, 3, 8),
        (cut_before, 2, 0),
    ],
    ids=["last record", "changed", "first segment", "middle", "last", "head gone", "head forged", "cut before"],
)
def test_what_the_head_covers_must_be_there(place: Path, harm: Callable[[Path], None], segment: int, n: int) -> None:
    harm(place)
    with pytest.raises(JournalDamaged) as caught:
        recover(place)
    assert (caught.value.segment, caught.value.n) == (segment, n)


def test_a_head_of_another_chain_is_damage(place: Path) -> None:
    heads = [
        Head.make(MAC_KEY, "head", "main", serial=serial, n=8, digest=b"x" * 32, segment=3, time=stamp(NOON))
        for serial in (100, 101)
    ]
    (place / "head").write_bytes(b"".join(head.to_text().encode().ljust(511) + b"\n" for head in heads))
    with pytest.raises(JournalDamaged, match="not the record that the head names"):
        recover(place)


def published(n: int, digest: bytes = b"x" * 32, key: bytes = MAC_KEY) -> Head:
    return Head.make(key, "head", "main", serial=200, n=n, digest=digest, segment=3, time=stamp(NOON))


def test_a_chain_shorter_than_the_registry_knows_is_damage(place: Path) -> None:
    with pytest.raises(JournalDamaged, match="up to record 20"):
        recover(place, published(20))
    with pytest.raises(JournalDamaged, match="not the record"):
        recover(place, published(8))
    with pytest.raises(JournalDamaged, match="MAC"):
        recover(place, published(8, key=b"other"))


def test_a_new_chain_says_that_the_registry_knew_one_before(tmp_path: Path) -> None:
    place = tmp_path / "audit" / "main"
    audit = journal(place)
    audit.open(published=published(20))
    audit.close_blocking()
    assert b'"after":{"n":20,' in lines(place)[0]
    (fault,) = verify(place.parent, MAC_KEY, {}).faults
    assert "one of 20 records was here before and is gone" in str(fault)


def test_a_journal_that_died_before_its_first_record_begins(tmp_path: Path) -> None:
    place = tmp_path / "main"
    place.mkdir()
    recover(place)
    segment_path(place, 1).write_bytes(b'{"hash"')
    recovery = recover(place)
    assert (recovery.end.n, recovery.end.segment) == (0, 0)
    assert [torn.file for torn in recovery.recovered] == ["000001.torn-1"]
