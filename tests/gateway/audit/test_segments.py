"""Segments: lines are read as they were written, or not at all."""

from hashlib import sha256
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.segments import (
    ZERO,
    Line,
    first_line,
    holds,
    last_line,
    link,
    read_lines,
    segment_numbers,
    segment_path,
    torn_files,
    whole_line,
)

BODY = (
    b'{"n":7,"kind":"outcome","time":"2026-03-14T12:00:00.000000+00:00","process":"main","reference":"R-1","told":true}'
)
LINE = whole_line(link(ZERO, BODY), BODY)


def test_the_hash_is_over_the_previous_hash_and_the_object_without_its_hash() -> None:
    line = Line.parse(LINE)
    assert line is not None
    assert line.hash == sha256(ZERO + BODY).digest()
    assert b'{"hash":"' + line.hash.hex().encode() + b'",' + BODY[1:] + b"\n" == LINE


@given(st.binary(max_size=6000), st.binary(min_size=32, max_size=32))
def test_long_records_are_hashed_as_one(body: bytes, previous: bytes) -> None:
    assert link(previous, body) == sha256(previous + body).digest()


def test_octets_are_found_wherever_they_stand_in_a_segment(tmp_path: Path) -> None:
    path, needle = tmp_path / "000001.jsonl", b'"kind":"withdrawal"'
    for before in (0, 7, (1 << 18) - 1, (1 << 18) - 10, (1 << 18) - len(needle), 1 << 18, (1 << 19) - 3):
        path.write_bytes(b"x" * before + needle + b"\n")
        assert holds(path, needle)
        assert holds(path, b"\n")
        path.write_bytes(b"x" * before + needle[:-1] + b"x\n")
        assert not holds(path, needle)
    path.write_bytes(b"")
    assert not holds(path, needle)


def test_a_line_tells_its_number_kind_time_and_reference() -> None:
    line = Line.parse(LINE)
    assert line is not None
    assert (line.n, line.kind, line.time[:10], line.reference) == (7, "outcome", "2026-03-14", "R-1")
    assert line.follows(ZERO)
    assert not line.follows(bytes(31) + b"\1")


@given(st.integers(0, len(LINE) - 1), st.integers(1, 255))
def test_any_changed_byte_makes_another_hash_or_no_record(position: int, change: int) -> None:
    changed = bytearray(LINE)
    changed[position] ^= change
    line = Line.parse(bytes(changed))
    assert line is None or not line.follows(ZERO) or line.n != 7


@given(st.binary(max_size=300))
def test_parsing_never_raises(raw: bytes) -> None:
    assert Line.parse(raw) is None


@given(st.integers(0, len(LINE) - 1))
def test_a_line_cut_short_is_no_record(length: int) -> None:
    assert Line.parse(LINE[:length]) is None


def test_first_and_last_line_are_found(tmp_path: Path) -> None:
    path = segment_path(tmp_path, 1)
    other = whole_line(b"x" * 32, BODY.replace(b'"n":7', b'"n":8').replace(b"R-1", b"R" * 200_000))
    path.write_bytes(LINE + other)
    first, last = first_line(path), last_line(path)
    assert first is not None
    assert last is not None
    assert (first.n, last.n) == (7, 8)
    assert [(offset, len(raw)) for offset, raw in read_lines(path)] == [(0, len(LINE)), (len(LINE), len(other))]


def test_a_segment_that_ends_torn_or_empty_has_no_last_line(tmp_path: Path) -> None:
    path = segment_path(tmp_path, 1)
    for data in (b"", LINE[:-1], LINE + b'{"hash'):
        path.write_bytes(data)
        assert last_line(path) is None


def test_only_segments_and_torn_tails_are_listed(tmp_path: Path) -> None:
    for name in (
        "000002.jsonl",
        "000010.jsonl",
        "1000000.jsonl",
        "head",
        "1.jsonl",
        "000002.torn-9",
        "000002.torn-9-1",
    ):
        (tmp_path / name).touch()
    assert segment_numbers(tmp_path) == [2, 10, 1_000_000]
    assert torn_files(tmp_path) == [(2, 9, "000002.torn-9"), (2, 9, "000002.torn-9-1")]
