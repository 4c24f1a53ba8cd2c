"""filters/pace.py."""

import pytest

from filters.pace import allowance


@pytest.mark.parametrize(("age", "expected"), [(0, 20), (3599, 20), (3600, 40), (7200, 80), (10 * 3600, 20_480)])
def test_a_cluster_may_reach_twice_as_many_each_hour(age: float, expected: int) -> None:
    assert allowance(20, age) == expected


def test_a_campaign_of_ten_thousand_is_through_in_seven_hours_and_not_in_six() -> None:
    through = [6 * sum(allowance(20, hour * 3600) for hour in range(hours)) for hours in (6, 7)]
    assert through[0] < 10_000 < through[1]


def test_a_clock_that_was_set_back_and_a_very_old_cluster_do_no_harm() -> None:
    assert allowance(20, -5) == 20
    assert allowance(20, 1e9) == 20 * 2**24
    assert allowance(0, 1e9) == 0
