"""What is told here and now, as events."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.model import Grade, Kind, Reason, RelationshipGrade, State, micros
from gateway import told
from gateway.told import LIVE, ConsentRefused, Dealing, Told

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
FULL = Told(State.GIVEN, "newsletter", ip="203.0.113.7", notice="signup-3", form_url="https://www.acme.example/signup")


def event(what: Told, **more: Any) -> tuple[Any, dict[str, str]]:
    """The event of it."""
    return told.given(what, "acme", micros(NOW), actor="token:1", origin="api", default_checked=False, **more)


@given(st.timedeltas(timedelta(days=-4000), timedelta(days=4000)))
def test_live_is_within_fifteen_minutes_and_the_future_is_refused(since: timedelta) -> None:
    at = NOW - since
    what = replace(FULL, at=at)
    if since < -LIVE:
        with pytest.raises(ConsentRefused, match="at: lies in the future"):
            what.when(micros(NOW))
        return
    happened, imported, zone = what.when(micros(NOW))
    assert happened == min(micros(at), micros(NOW))
    assert imported == (since > LIVE)
    assert zone == "+00:00"


def test_the_offset_is_kept_as_it_was_told() -> None:
    for hours, text in ((2, "+02:00"), (-3.5, "-03:30"), (0, "+00:00")):
        zone = timezone(timedelta(hours=hours))
        assert replace(FULL, at=NOW.astimezone(zone)).when(micros(NOW))[2] == text
    assert FULL.when(micros(NOW))[2] == ""


@given(
    st.builds(
        Told,
        state=st.sampled_from([State.GIVEN, State.CONFIRMED]),
        list=st.just("newsletter"),
        at=st.none() | st.just(NOW - timedelta(days=1)),
        ip=st.sampled_from(["", "203.0.113.7", "10.0.0.1"]),
        user_agent=st.sampled_from(["", "Mozilla/5.0"]),
        source=st.sampled_from(["", "page"]),
        notice=st.sampled_from(["", "signup-3"]),
        method=st.sampled_from(["", *told.METHODS]),
    )
)
def test_no_evidence_that_is_told_reaches_more_than_e2(what: Told) -> None:
    made, _ = event(what)
    assert made.grade <= Grade.E2
    evident = bool(what.source and what.notice and (what.user_agent or what.ip == "203.0.113.7"))
    assert (made.grade == Grade.E2) == evident


def test_what_names_the_person_is_not_in_the_event() -> None:
    made, personal = event(replace(FULL, user_agent="Mozilla/5.0"))
    assert personal == {
        "ip": "203.0.113.7", "user_agent": "Mozilla/5.0", "form_url": "https://www.acme.example/signup",
    }  # fmt: skip
    assert not any(value in str(made) for value in personal.values())
    assert (made.ground, made.method, made.entity, made.party) == ("express", "web_form", "recipient", "acme")


def test_a_request_is_no_ground_and_has_no_grade() -> None:
    made, _ = event(replace(FULL, state=State.REQUESTED))
    assert (made.ground, made.grade) == ("", 0)


def test_a_consent_that_ends_before_it_begins_or_comes_of_a_banned_source_is_refused() -> None:
    with pytest.raises(ConsentRefused, match="until: "):
        event(replace(FULL, until=NOW))
    for source in ("purchased", "Rented list", "scraped"):
        with pytest.raises(ConsentRefused, match="source: "):
            event(replace(FULL, source=source))


def test_a_reason_is_a_code_that_fits_or_words() -> None:
    allowed = (Reason.WEB, Reason.MANUAL)
    assert told.reasoned("", allowed, Reason.MANUAL) == ("manual", {})
    assert told.reasoned("web", allowed, Reason.MANUAL) == ("web", {})
    assert told.reasoned("by letter", allowed, Reason.MANUAL) == ("manual", {"reason": "by letter"})
    with pytest.raises(ConsentRefused, match="reason: 'spamtrap' does not fit here"):
        told.reasoned("spamtrap", allowed, Reason.MANUAL)


def related(**more: Any) -> tuple[Any, dict[str, str]]:
    """The event of a relationship."""
    dealing = Dealing(Kind.PURCHASE, date(2026, 3, 1), **more)
    return told.related(dealing, "acme", NOW, actor="a", origin="api", entity="tenant", reference_key=b"key")


def test_a_document_is_one_whatever_its_case_and_blanks() -> None:
    one, personal = related(reference="Invoice  4711")
    other, _ = related(reference="invoice 4711")
    assert one.related.reference == other.related.reference
    assert "4711" not in str(one)
    assert personal == {"document_ref": "Invoice  4711"}
    assert one.grade == RelationshipGrade.R1
    assert related()[0].grade == RelationshipGrade.R0


def test_a_day_that_has_begun_somewhere_is_not_in_the_future() -> None:
    late = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
    for day, good in ((date(2026, 11, 21), True), (date(2026, 11, 22), False)):
        dealing = Dealing(Kind.INQUIRY, day)
        if good:
            told.related(dealing, "acme", late, actor="a", origin="api", entity="tenant", reference_key=b"k")
        else:
            with pytest.raises(ConsentRefused, match="basis: "):
                told.related(dealing, "acme", late, actor="a", origin="api", entity="tenant", reference_key=b"k")
