"""Blocks: what stops mail first, exact counts, grades that hold, and a reading that begins again anywhere."""

import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from consent.import_blocks import Block, Plan, Source, Surveyed
from consent.import_jobs import Counts
from consent.import_run import added
from consent.imports.row import Context, ImportRefused
from consent.model import Grade, State, micros
from consent.records import Entry
from tests.rig import registry
from tests.rig.imports import given, related, write

CONTEXT = Context(
    "i", "newsletter", "acme", micros(registry.NOW), "ann@desk", UTC, "UTC", notice="join-1", reference_key=bytes(32)
)


def plan(path: Path, *, filename: str = "x.csv", block: int = 3) -> Plan:
    return Plan(path, filename, "auto", CONTEXT, block=block)


def read(told: Plan) -> tuple[list[Block], Surveyed, list[Block]]:
    """The blocks of the first reading, what it found, the blocks of the second."""
    messages = list(Source.open(told).blocks())
    (at,) = [place for place, each in enumerate(messages) if isinstance(each, Surveyed)]
    blocks = [each for each in messages if isinstance(each, Block)]
    surveyed = messages[at]
    assert isinstance(surveyed, Surveyed)
    assert [block.reading for block in blocks] == [1] * at + [2] * (len(blocks) - at)
    return blocks[:at], surveyed, blocks[at:]


def written(blocks: Sequence[Block]) -> list[Entry]:
    return [entry for block in blocks for entry in block.load.entries]


def aside(blocks: Sequence[Block]) -> list[Entry]:
    return [entry for block in blocks for entry in block.aside.entries]


def total(counts: Sequence[Counts]) -> Counts:
    whole = Counts()
    for each in counts:
        whole = added(whole, each)
    return whole


def test_what_stops_mail_is_to_be_written_at_once_and_what_allows_it_is_put_aside(tmp_path: Path) -> None:
    rows = [given(1), related(3), given(4, state="withdrawn"), given(5, state="refused"), given(1, state="withdrawn")]
    first, surveyed, second = read(plan(write(tmp_path, rows)))
    assert {entry.event.state for entry in written(first)} == {State.WITHDRAWN, State.REFUSED}
    assert {entry.event.state for entry in aside(first)} == {State.GIVEN, State.RELATED}
    assert written(second) == aside(first), "a second reading gives the same where nothing is shared"
    assert not surveyed.shared


def test_counts_are_exact_and_each_row_is_counted_once(tmp_path: Path) -> None:
    rows = [given(1), "not an address,given,,,,,,,", given(2, state="withdrawn"), related(3), given(4, at="tomorrow")]
    first, surveyed, second = read(plan(write(tmp_path, rows), block=2))
    assert total([block.counts for block in first]) == Counts(rows=5, refused=2, errors=2, withdrawals=1)
    assert total([block.aside_counts for block in first]) == Counts(consents=1, relationships=1)
    assert total([block.counts for block in second]) == Counts(consents=1, relationships=1)
    assert surveyed.rows == 5
    assert [error.line for block in first for error in block.errors] == [3, 6]


def test_blocks_are_bounded_and_say_how_far_they_bring_the_import(tmp_path: Path) -> None:
    first, _, second = read(plan(write(tmp_path, [given(number) for number in range(8)])))
    assert [(block.done, len(block.aside.entries)) for block in first] == [(3, 3), (6, 3), (8, 2)]
    assert [(block.done, len(block.load.entries)) for block in second] == [(3, 3), (6, 3), (8, 2)]


def test_of_a_block_consents_come_before_relationships(tmp_path: Path) -> None:
    first, _, _ = read(plan(write(tmp_path, [related(1), given(2), related(3), given(4)]), block=10))
    assert [entry.event.state for entry in aside(first)] == [State.GIVEN] * 2 + [State.RELATED] * 2


def test_a_file_that_can_only_stop_mail_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("ann@list.example,BOUNCE\nbob@list.example,COMPLAINT\n")
    first, _, second = read(plan(path))
    assert len(written(first)) == 2
    assert second == []
    assert Source.open(plan(path)).suppresses_only


def test_an_address_shared_by_more_than_a_fifth_caps_those_rows_and_no_others(tmp_path: Path) -> None:
    rows = [given(number) for number in range(16)] + [given(100 + number, ip="203.0.113.9") for number in range(4)]
    _, surveyed, second = read(plan(write(tmp_path, rows), block=6))
    assert not surveyed.shared, "4 of 20 is a fifth, and not more"
    assert {entry.event.grade for entry in written(second)} == {Grade.E2}
    rows.append(given(300, ip="203.0.113.9"))
    first, surveyed, second = read(plan(write(tmp_path, rows), block=6))
    assert surveyed.shared
    assert {entry.event.grade for entry in aside(first)} == {Grade.E2}, "nobody knew yet"
    grades = [(entry.personal["ip"], entry.event.grade) for entry in written(second)]
    assert {grade for ip, grade in grades if ip == "203.0.113.9"} == {Grade.E1}
    assert {grade for ip, grade in grades if ip != "203.0.113.9"} == {Grade.E2}
    assert sum(block.counts.capped for block in second) == 5
    assert surveyed.quality["shared_addresses"][0]["rows"] == 5


def test_a_time_that_cannot_be_true_caps_its_row_at_the_first_reading(tmp_path: Path) -> None:
    rows = [given(number) for number in range(10)] + [given(20, at="1999-01-01T00:00:00Z")]
    first, surveyed, _ = read(plan(write(tmp_path, rows), block=20))
    assert [entry.event.grade for entry in aside(first)] == [Grade.E2] * 10 + [Grade.E1]
    assert first[0].aside_counts.capped == 1
    assert not surveyed.shared


@settings(max_examples=60, deadline=None)
@examples(
    st.lists(st.sampled_from(["given", "withdrawn", "related", "wrong"]), max_size=25),
    st.integers(0, 9),
    st.integers(1, 7),
)
def test_a_reading_that_begins_after_a_block_gives_what_was_left(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[str], cut: int, block: int
) -> None:
    rows = [
        related(number) if kind == "related" else "wrong,given,,,,,,," if kind == "wrong" else given(number, state=kind)
        for number, kind in enumerate(kinds)
    ]
    told = plan(write(tmp_path_factory.mktemp("resumed"), rows), block=block)
    first, surveyed, second = read(told)

    def left(done: int | None, again: int | None, want_aside: bool = True) -> Any:
        return read(replace(told.at(done, again), aside=want_aside))

    done = first[min(cut, len(first) - 1)].done if first else 0
    rest, found, more = left(done, None)
    later = [each for each in rest if each.done > done]
    assert aside(rest) == aside(first), "what is put aside is always that of the whole file"
    assert written(rest) == written([each for each in first if each.done > done])
    assert written([each for each in rest if each.done <= done]) == []
    assert total([each.counts for each in later]) == total([each.counts for each in first if each.done > done])
    assert (found, more) == (surveyed, second)

    none, found, more = left(None, None)
    assert (written(none), aside(none), found, more) == ([], aside(first), surveyed, second)
    assert total([each.counts for each in none]) == Counts()

    done = second[min(cut, len(second) - 1)].done if second else 0
    none, found, more = left(None, done)
    assert (written(none), aside(none), found) == ([], [], surveyed)
    assert more == [each for each in second if each.done > done]


def test_the_tables_of_a_zip_are_one_file_and_errors_name_theirs(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    one = write(tmp_path, [given(1), given(2)], "one.csv").read_text()
    two = write(tmp_path, ["wrong,given,,,,,,,", given(1, state="withdrawn")], "two.csv").read_text()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.csv", one)
        archive.writestr("two.csv", two)
    first, surveyed, _ = read(plan(path, block=10, filename="export.zip"))
    assert surveyed.rows == 4
    (error,) = first[0].errors
    assert (error.line, error.reason.partition(":")[0]) == (2, "two.csv")
    source = Source.open(plan(path, filename="export.zip"))
    assert (source.format, source.lines) == ("generic", 6)
    assert source.size == len(one) + len(two)


def test_a_file_whose_times_need_a_zone_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("Email Address,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,LAST_CHANGED\n")
    context = Context("i", "newsletter", "acme", 5, "ann@desk")
    with pytest.raises(ImportRefused, match="zone"):
        Source.open(Plan(path, "subscribed.csv", "auto", context))
