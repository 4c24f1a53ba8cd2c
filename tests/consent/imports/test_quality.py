"""Quality: what a file's consents look like together, and what that does to the grade of each."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.address import Address
from consent.imports.quality import Survey
from consent.imports.row import Row
from consent.model import Event, Grade, State, micros

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
START = micros(datetime(2024, 5, 1, tzinfo=UTC))


def _row(
    number: int,
    *,
    at: int | None = None,
    ip: str = "",
    confirm_ip: str = "",
    state: State = State.GIVEN,
    name: str = "",
) -> Row:
    event = Event(state=state, party="acme", list="news", at=at, recorded=micros(NOW), grade=Grade.E2, imported=True)
    personal = {name: value for name, value in (("ip", ip), ("confirm_ip", confirm_ip)) if value}
    return Row(number, Address.parse(name or f"person{number}@example.com"), event, personal)


def _surveyed(rows: Sequence[Row]) -> Survey:
    survey = Survey()
    for row in rows:
        survey.add(row)
    return survey


def _capped(rows: Sequence[Row]) -> list[int]:
    survey = _surveyed(rows)
    return [row.line for row in rows if survey.shared(row)]


def test_a_time_shared_by_more_than_a_fifth_caps_those_rows_and_only_those() -> None:
    rows = [_row(n, at=START if n < 21 else START + n) for n in range(100)]
    assert _capped(rows) == list(range(21))
    assert _capped([_row(n, at=START if n < 20 else START + n) for n in range(100)]) == []


def test_an_address_shared_by_more_than_a_fifth_caps_those_rows_and_only_those() -> None:
    rows = [_row(n, at=START + n, ip="192.0.2.1" if n % 4 == 0 else f"198.51.100.{n}") for n in range(100)]
    assert _capped(rows) == list(range(0, 100, 4))


def test_the_address_of_the_confirmation_counts_too() -> None:
    rows = [_row(n, at=START + n, ip=f"198.51.100.{n}", confirm_ip="192.0.2.1" if n < 30 else "") for n in range(100)]
    assert _capped(rows) == list(range(30))


def test_several_values_may_be_shared_at_once() -> None:
    rows = [_row(n, at=START + n % 4, ip=f"192.0.2.{n % 3}") for n in range(100)]
    report = _surveyed(rows).report()
    assert [each["rows"] for each in report["shared_times"]] == [25] * 4
    assert [each["address"] for each in report["shared_addresses"]] == ["192.0.2.0", "192.0.2.1", "192.0.2.2"]


def test_two_rows_of_a_short_file_may_agree_by_chance() -> None:
    assert _capped([_row(n, at=START, ip="192.0.2.1") for n in range(2)]) == []
    assert _capped([_row(n, at=START, ip="192.0.2.1") for n in range(3)]) == [0, 1, 2]


def test_a_time_in_the_future_or_before_there_were_lists_caps_its_row() -> None:
    early, late = micros(datetime(1999, 12, 31, tzinfo=UTC)), micros(NOW + timedelta(seconds=1))
    rows = [
        _row(0, at=early),
        _row(1, at=late),
        _row(2, at=micros(NOW)),
        _row(3),
        *(_row(n, at=START + n) for n in range(4, 9)),
    ]
    assert _capped(rows) == [0, 1]
    report = _surveyed(rows).report()
    assert report["future_times"] == report["implausible_times"] == {"rows": 1, "share": 0.1111}
    assert report["without_time"]["rows"] == 1


def test_the_report_is_json_and_counts_roles_repeats_and_missing_addresses() -> None:
    rows = [
        _row(1, at=START, ip="192.0.2.1", name="info@example.com"),
        _row(2, at=START + 1, name="No-Reply@example.com"),
        _row(3, at=START + 2, name="ann@example.com"),
        _row(4, at=START + 3, name="Ann@Example.com"),
    ]
    report = _surveyed(rows).report()
    assert json.loads(json.dumps(report)) == report
    assert report["consents"] == 4
    assert report["grades"] == {"E2": 4}
    assert report["role_accounts"] == {"rows": 2, "share": 0.5}
    assert report["repeated"] == {"rows": 1, "share": 0.25}
    assert report["without_address"] == {"rows": 3, "share": 0.75}


def test_what_is_no_consent_is_not_counted() -> None:
    rows = [_row(n, at=START, state=State.REQUESTED) for n in range(50)]
    survey = _surveyed([*rows, *(_row(n, at=START + n) for n in range(50, 60))])
    assert survey.rows == 10
    assert not survey.shared(rows[0])
    assert Survey().report()["consents"] == 0


def test_consents_that_come_after_a_question_still_count() -> None:
    survey = Survey()
    rows = [_row(n, at=START) for n in range(10)]
    for row in rows[:2]:
        survey.add(row)
    assert not survey.shared(rows[0])
    for row in rows[2:]:
        survey.add(row)
    assert survey.shared(rows[0])


ADDRESSES = st.sampled_from(["", *(f"192.0.2.{n}" for n in range(12))])


@given(st.lists(st.tuples(st.none() | st.integers(START, START + 12), ADDRESSES, ADDRESSES), max_size=80))
def test_what_is_shared_is_exactly_what_counting_everything_says(facts: list[Any]) -> None:
    rows = [_row(n, at=at, ip=ip, confirm_ip=confirm) for n, (at, ip, confirm) in enumerate(facts)]
    times = [at for at, _, _ in facts]

    def often(count: int) -> bool:
        return count >= 3 and count * 5 > len(rows)

    expected = [
        n
        for n, (at, ip, confirm) in enumerate(facts)
        if (at is not None and often(times.count(at)))
        or any(each and often(sum(each in other[1:] for other in facts)) for each in (ip, confirm))
    ]
    assert _capped(rows) == expected


@pytest.mark.parametrize("shared", [0.19, 0.21])
def test_a_long_stream_of_other_values_neither_hides_nor_invents_a_shared_one(shared: float) -> None:
    rows = [_row(n, at=START + n + 1, ip=f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}") for n in range(3000)]
    step = round(1 / shared, 3)
    same = {int(n * step) for n in range(int(3000 * shared))}
    rows = [_row(n, at=START) if n in same else row for n, row in enumerate(rows)]
    assert bool(_capped(rows)) is (len(same) * 5 > 3000)
