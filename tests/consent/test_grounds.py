"""Relationships as grounds: calendar months, and which fault is told. More in tests/consent/cases."""

from dataclasses import replace
from datetime import UTC, date, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.grounds import FOREVER, day_of, last_day, months_after, shortcoming
from consent.model import Kind, Related, Relationship, RelationshipGrade, micros
from consent.profiles import NEEDS, Implied

TODAY = date(2026, 11, 20).toordinal()
BOUGHT = Related(kind=Kind.PURCHASE, basis="2026-01-04")
PLAIN = Implied("implied")


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2024-11-20", 24, "2026-11-20"),
        ("2024-02-29", 24, "2026-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2023-02-28", 12, "2024-02-28"),
        ("2026-08-31", 6, "2027-02-28"),
        ("2026-06-30", 6, "2026-12-30"),
        ("2026-12-31", 1, "2027-01-31"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2026-01-31", 0, "2026-01-31"),
        ("9999-11-30", 1, "9999-12-30"),
    ],
)
def test_months_are_calendar_months(start: str, months: int, end: str) -> None:
    assert date.fromordinal(months_after(date.fromisoformat(start), months)).isoformat() == end


@given(st.dates(), st.integers(0, 200_000))
def test_months_never_skip_a_month_and_never_fail(start: date, months: int) -> None:
    end = months_after(start, months)
    assert start.toordinal() <= end <= FOREVER
    if end < FOREVER:
        found = date.fromordinal(end)
        assert (found.year - start.year) * 12 + found.month - start.month == months
        assert found.day == start.day or (found.day < start.day and (found.replace(day=28) - found).days <= 0)


def test_past_the_calendar_is_forever() -> None:
    assert months_after(date(9999, 12, 1), 1) == FOREVER


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_day_is_a_day_in_utc(now: datetime) -> None:
    assert day_of(micros(now)) == now.date().toordinal()


@pytest.mark.parametrize(
    ("related", "implied", "cap", "end"),
    [
        ({}, {"months": 6}, None, "2026-07-04"),
        ({}, {"months": 6}, 24, "2026-07-04"),
        ({}, {"months": 24}, 6, "2026-07-04"),
        ({}, {}, 6, "2026-07-04"),
        ({}, {}, None, None),
        ({"ongoing": True}, {"months": 6, "ongoing": True}, 6, None),
        ({"ongoing": True}, {"months": 6}, None, "2026-07-04"),
        ({"ongoing": True, "ended": "2026-02-04"}, {"months": 6, "ongoing": True}, None, "2026-08-04"),
        ({"ended": "2026-02-04"}, {"months": 6, "ongoing": True}, None, "2026-08-04"),
        ({"ended": "2026-02-04"}, {"months": 6}, None, "2026-07-04"),
        ({}, {"months": 0}, None, "2026-01-04"),
        ({}, {}, 0, "2026-01-04"),
    ],
)
def test_the_last_day(related: dict[str, object], implied: dict[str, int], cap: int | None, end: str | None) -> None:
    found = last_day(msgspec.structs.replace(BOUGHT, **related), replace(PLAIN, **implied), cap)  # type: ignore[arg-type]
    assert found == (date.fromisoformat(end).toordinal() if end else FOREVER)


def test_a_date_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="soon"):
        last_day(Related(kind=Kind.PURCHASE, basis="soon"), PLAIN, 24)


def fault(
    implied: Implied | None = PLAIN, given: tuple[str, ...] = (), grade: int = 1, flaw: str = "", **facts: object
) -> str:
    related = msgspec.structs.replace(BOUGHT, **facts)
    return shortcoming(
        Relationship("acme", grade, related, 1, 1, None, flaw),
        implied,
        given=given,
        today=TODAY,
        required=RelationshipGrade.R1,
        cap=24,
    )


@pytest.mark.parametrize("need", NEEDS)
def test_each_need_is_asked_for(need: str) -> None:
    fulfilled: dict[str, dict[str, object]] = {
        "no_refusal": {"no_unsolicited_statement": False},
        "two_way": {"grade": 2},
        "charity": {"given": ("charity",)},
        "uk_corporate": {"given": ("uk_corporate",)},
        "person": {"given": ("person",)},
    }
    implied = replace(PLAIN, needs=(need,))
    without = {"two_way": "EVIDENCE-LOW", "uk_corporate": "NO-CONSENT"}.get(need, "GROUND-INCOMPLETE")
    assert fault(implied) == without
    if need == "sale":
        assert fault(implied, similar_products=True, optout_offered=True, grade=2) == "GROUND-INCOMPLETE"
    else:
        assert fault(implied, **fulfilled.get(need, {need: True})) == ""  # type: ignore[arg-type]


@pytest.mark.parametrize("need", ["similar_products", "optout_offered", "relevant"])
def test_the_contrary_on_record_cannot_be_mended(need: str) -> None:
    assert fault(replace(PLAIN, needs=(need,)), **{need: False}) == "GROUND-INVALID"  # type: ignore[arg-type]
    assert fault(**{need: False}) == "", "and does no harm where it is not asked for"  # type: ignore[arg-type]


def test_an_inquiry_that_nobody_called_a_negotiation_may_be_one() -> None:
    assert fault(replace(PLAIN, needs=("negotiation",)), negotiation=False) == "GROUND-INCOMPLETE"


def test_a_published_refusal_cannot_be_mended() -> None:
    assert fault(replace(PLAIN, needs=("no_refusal",)), no_unsolicited_statement=True) == "GROUND-INVALID"


def test_of_several_faults_the_hardest_to_mend_is_told() -> None:
    worst = Implied("implied", 1, since="2026-01-05", once=True, needs=("relevant", "two_way"))
    facts: dict[str, object] = {"ended": "2026-02-01"}
    assert fault(None, kind=Kind.FAMILY) == "GROUND-INVALID"
    assert fault(None) == "NO-CONSENT"
    assert fault(worst, flaw="banned_source", **facts) == "SOURCE-BANNED"  # type: ignore[arg-type]
    assert fault(worst, flaw="contradicted", **facts) == "GROUND-INVALID"  # type: ignore[arg-type]
    assert fault(worst, **facts) == "GROUND-INVALID"  # type: ignore[arg-type]
    worst = replace(worst, since="2026-01-04")
    assert fault(worst, relevant=False, **facts) == "GROUND-INVALID"  # type: ignore[arg-type]
    assert fault(worst, **facts) == "REFERRAL-USED"  # type: ignore[arg-type]
    assert fault(worst) == "REL-EXPIRED"
    worst = replace(worst, months=12)
    assert fault(worst) == "GROUND-INCOMPLETE"
    assert fault(worst, relevant=True) == "EVIDENCE-LOW"
    assert fault(worst, relevant=True, grade=2) == ""
    assert fault(grade=0) == "EVIDENCE-LOW"


def test_a_referral_that_ended_is_used_up_and_another_kind_is_not() -> None:
    assert fault(ended="2026-02-01") == ""
    assert fault(replace(PLAIN, once=True)) == ""


@pytest.mark.parametrize("kind", [Kind.PERSONAL, Kind.FAMILY])
def test_an_organisation_has_no_friends(kind: Kind) -> None:
    assert fault(kind=kind, grade=2) == "GROUND-INVALID"
    assert fault(kind=kind, grade=2, given=("person",)) == ""
