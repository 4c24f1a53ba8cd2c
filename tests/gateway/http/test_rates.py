"""How often one token may ask."""

import pytest

from gateway.http.problems import Problem
from gateway.http.rates import BURST_SECONDS, MOST_BUCKETS, Rates


class Time:
    """A clock that is told."""

    now = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def taken(rates: Rates, token: str = "a", cost: float = 1) -> str | None:
    """Retry-After when it was refused."""
    try:
        rates.take(token, cost)
    except Problem as problem:
        assert problem.status == 429
        return problem.headers["Retry-After"]
    return None


def test_a_burst_passes_and_then_the_rate_holds() -> None:
    time = Time()
    rates = Rates(2, time)
    assert [taken(rates) for _ in range(int(2 * BURST_SECONDS))] == [None] * 20
    assert taken(rates) == "1"
    time.now += 0.5
    assert (taken(rates), taken(rates)) == (None, "1")
    time.now += 1000
    assert [taken(rates) for _ in range(21)].count(None) == 20


def test_one_token_does_not_take_from_another() -> None:
    rates = Rates(0.1, Time())
    assert (taken(rates), taken(rates), taken(rates, "b")) == (None, "10", None)


def test_what_costs_more_takes_more_and_never_more_than_a_bucket() -> None:
    time = Time()
    rates = Rates(1, time)
    assert (taken(rates, cost=6), taken(rates, cost=6), taken(rates, cost=4)) == (None, "2", None)
    assert taken(rates, cost=1000) == "10"
    time.now += 10
    assert taken(rates, cost=1000) is None


def test_a_bounded_number_of_tokens_is_remembered() -> None:
    rates = Rates(0.1, Time())
    for number in range(MOST_BUCKETS + 1):
        assert taken(rates, str(number)) is None
    assert taken(rates, "1") is not None
    assert taken(rates, "0") is None, "forgotten: it asked longest ago"


@pytest.mark.parametrize("back", [1.0, 1e6])
def test_a_clock_that_stands_still_refills_nothing(back: float) -> None:
    time = Time()
    rates = Rates(1, time)
    taken(rates, cost=10)
    assert taken(rates, cost=back) is not None
