"""The generic formats: what must come of each row stands beside each fixture."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.imports import generic, suppression
from consent.imports.row import Context, Row, RowError
from consent.model import Grade, State, micros
from tests.rig.import_cases import ImportCase, check, import_cases

HEADER = sorted(generic.FORMATS[0].columns)
CONTEXT = Context(
    import_id="01IMPORT",
    list="newsletter",
    party="acme",
    recorded=micros(datetime(2026, 11, 20, tzinfo=UTC)),
    actor="ann@desk",
    zone=UTC,
    zone_name="UTC",
    notice="n1",
)
WORDS = (
    "given",
    "confirmed",
    "requested",
    "withdrawn",
    "2024-05-01",
    "2024-05-01T10:00:00Z",
    "192.0.2.1",
    "::1",
    "express",
)
MORE = (
    "implied",
    "purchase",
    "yes",
    "no",
    "web_form",
    "purchased",
    "signup",
    "newsletter",
    "n1",
    "uk",
    "ann@example.com",
)


@pytest.mark.parametrize("case", import_cases("generic"), ids=lambda case: case.path.stem)
def test_each_row_comes_to_what_is_told(case: ImportCase) -> None:
    check(case, (*generic.FORMATS, *suppression.FORMATS))


def test_a_notice_of_the_row_that_is_known_to_be_pre_ticked_proves_nothing() -> None:
    context = Context(
        import_id="01IMPORT",
        list="newsletter",
        party="acme",
        recorded=CONTEXT.recorded,
        actor="ann@desk",
        notice="n1",
        pre_ticked=frozenset({"n2"}),
    )
    header = ("email", "event_state", "event_time", "source_ref", "ip", "notice_id")
    read = generic.FORMATS[0].reader(header, context)
    row = ["ann@example.com", "given", "2024-05-01T10:00:00Z", "signup", "192.0.2.1"]
    (own,) = read([*row, "n2"], 2)
    (declared,) = read([*row, ""], 3)
    assert isinstance(own, Row)
    assert isinstance(declared, Row)
    assert (own.event.flaw, own.event.grade) == ("default_checked", Grade.E1)
    assert (declared.event.flaw, declared.event.grade) == ("", Grade.E2)


@given(st.lists(st.one_of(st.sampled_from((*WORDS, *MORE, "", " ")), st.text(max_size=10)), max_size=len(HEADER) + 2))
def test_no_cells_make_it_fail_nor_reach_beyond_e2_nor_tell_on_anybody(cells: list[str]) -> None:
    read = generic.FORMATS[0].reader(HEADER, CONTEXT)
    for line in (2, 3):
        for outcome in read(cells, line):
            assert outcome.line == line
            if isinstance(outcome, RowError):
                assert "ann@example.com" not in outcome.reason
            else:
                assert outcome.event.grade <= Grade.E2
                assert outcome.event.imported
                assert "@" not in outcome.event.source
                if outcome.event.state in (State.GIVEN, State.CONFIRMED, State.REQUESTED):
                    assert outcome.event.list == "newsletter"


@given(st.lists(st.sampled_from((*WORDS, *MORE, "")), min_size=len(HEADER), max_size=len(HEADER)))
def test_a_withdrawal_of_this_list_with_an_address_is_never_lost(cells: list[str]) -> None:
    cells[HEADER.index("email")] = "ann@example.com"
    cells[HEADER.index("event_state")] = "withdrawn"
    cells[HEADER.index("list_id")] = "newsletter"
    (outcome,) = generic.FORMATS[0].reader(HEADER, CONTEXT)(cells, 2)
    assert isinstance(outcome, Row)
    assert outcome.event.state is State.WITHDRAWN


def test_thousands_of_different_sources_and_zones_are_read_in_bounded_memory() -> None:
    header = ("email", "event_state", "event_time", "source_ref", "tz")
    reader = generic.Generic(header, CONTEXT)
    for number in range(10_000):
        (row,) = reader.read(("ann@example.com", "given", "2024-05-01 10:00:00", f"form {number}", "UTC"), number)
        assert isinstance(row, Row)
        assert row.event.source == f"form {number}"
    assert len(reader._shapes) <= 4096
