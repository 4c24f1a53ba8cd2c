"""What the model's values are called in front of people."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from consent.model import Event, Grade, Kind, Related, RelationshipGrade, State
from consent.records import Recorded
from consent.words import STATES, clock, grade_text, in_public, local_clock, rests_on, time_text, witness

T = 1_772_600_767_891_234  # 2026-03-04T05:06:07.891234Z


def event(state: State, grade: int = 0, *, imported: bool = False, line: int = 0) -> Event:
    related = Related(kind=Kind.PURCHASE, basis="2026-01-05") if state is State.RELATED else None
    return Event(
        state=state,
        party="acme",
        list="spring",
        at=T,
        recorded=T,
        grade=grade,
        imported=imported,
        line=line,
        related=related,
    )


def test_times_are_exact_for_machines_and_to_the_second_for_people() -> None:
    assert time_text(T) == "2026-03-04T05:06:07.891234+00:00"
    assert clock(T) == "2026-03-04 05:06:07 UTC"
    assert (time_text(None), clock(None)) == (None, "not known")


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("+02:00", "2026-03-04 07:06:07 +02:00"),
        ("-0330", "2026-03-04 01:36:07 -0330"),
        ("Europe/Paris", "2026-03-04 06:06:07 Europe/Paris"),
        ("", ""),
        ("Europe", ""),
        ("../../etc/passwd", ""),
        ("Atlantis/Poseidonis", ""),
        ("a\x00b", ""),
    ],
)
def test_a_time_is_also_shown_as_it_was_told(zone: str, shown: str) -> None:
    assert local_clock(T, zone) == shown
    assert local_clock(None, zone) == ""


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1), st.sampled_from(["+02:00", "-12:00", "Europe/Paris", ""]))
def test_a_time_beyond_the_calendar_is_no_fault(value: int, zone: str) -> None:
    assert time_text(value)
    assert clock(value)
    assert isinstance(local_clock(value, zone), str)


@pytest.mark.parametrize("state", State)
def test_every_state_has_words(state: State) -> None:
    assert STATES[state]
    graded = state in (State.GIVEN, State.CONFIRMED, State.RELATED)
    assert bool(grade_text(event(state))) is graded
    assert bool(rests_on(event(state))) is graded


@pytest.mark.parametrize("grade", Grade)
def test_every_grade_of_a_consent_says_what_it_rests_on(grade: Grade) -> None:
    assert grade_text(event(State.GIVEN, grade)) == grade.name
    assert rests_on(event(State.CONFIRMED, grade))


@pytest.mark.parametrize("grade", RelationshipGrade)
def test_every_grade_of_a_relationship_says_what_it_rests_on(grade: RelationshipGrade) -> None:
    assert grade_text(event(State.RELATED, grade)) == grade.name
    assert rests_on(event(State.RELATED, grade))


def test_only_a_confirmation_of_our_own_is_called_witnessed() -> None:
    assert witness(event(State.CONFIRMED, 4)) == "witnessed by this gateway"
    assert witness(event(State.CONFIRMED, 3)) == "declared, not witnessed"
    assert witness(replace(event(State.CONFIRMED, 3), origin="unsubscribe:0123")) == "witnessed by this gateway"
    assert witness(event(State.CONFIRMED, 4, imported=True)) == "declared by import, not witnessed"
    assert witness(event(State.GIVEN, 2, imported=True, line=7)) == "declared by import (line 7), not witnessed"
    assert witness(event(State.GIVEN, 4)) == "declared, not witnessed"
    assert witness(event(State.WITHDRAWN)) == ""


def test_the_operator_s_people_are_not_named_in_public() -> None:
    for actor, shown in (("ann@gw1", "the operator"), ("token:1f2e", "token:1f2e"), ("gateway", "gateway"), ("", "")):
        found = Recorded(1, replace(event(State.WITHDRAWN), actor=actor), {"ip": "192.0.2.7"}, 2)
        assert in_public(found) == Recorded(1, replace(found.event, actor=shown), {"ip": "192.0.2.7"}, 2)


COMPLAINT = replace(
    event(State.WITHDRAWN), reason="complaint", entity="mailbox_provider", origin="arf", source="feedback loop", method="arf",
    actor="gateway", stops="all",
)  # fmt: skip


@pytest.mark.parametrize("changes", [{}, {"entity": "operator"}, {"entity": ""}, {"actor": "ann@gw1"}])
@pytest.mark.parametrize("personal", [None, {"address": "a@b.example", "report": "x"}])
def test_nobody_learns_from_us_who_complained(changes: dict[str, Any], personal: dict[str, str] | None) -> None:
    shown = in_public(Recorded(1, replace(COMPLAINT, **changes), personal, 2))
    assert shown.event == replace(event(State.WITHDRAWN), reason="unsubscribe", entity="recipient")
    assert shown.personal == (personal and {"address": "a@b.example"})


@pytest.mark.parametrize("changes", [{"entity": "tenant"}, {"imported": True}, {"reason": "one_click"}])
def test_a_complaint_that_the_customer_told_us_of_is_no_secret(changes: dict[str, Any]) -> None:
    found = Recorded(1, replace(COMPLAINT, **changes), None, 2)
    assert in_public(found) == found
