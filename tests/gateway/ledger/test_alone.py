"""The share of one process while Redis is away."""

from math import inf

import pytest

from gateway.ledger.alone import MAX_KNOWN, Alone
from gateway.ledger.charges import Charge, Reservation, Shortfall, Use
from gateway.ledger.model import key

NOW, HOUR = 1_800_000_000_000, 3_600_000
KEY = key("recipients", "customer", "acme")


def charge(amount: int = 1, *caps: tuple[int, int], among: str = "", name: str = KEY) -> Charge:
    return Charge(name, amount, caps or ((3600, 100),), among)


def take(alone: Alone, *charges: Charge, now: int = NOW) -> bool:
    answer = alone.reserve(charges, now)
    if isinstance(answer, Reservation):
        assert answer.alone
        alone.settle(answer, [each.amount for each in charges], now)
    return isinstance(answer, Reservation)


def most(alone: Alone, *charges: Charge, now: int = NOW) -> int:
    through = 0
    while take(alone, *charges, now=now):
        through += 1
    return through


@pytest.mark.parametrize(("used", "share"), [(None, 25), (0, 25), (50, 12), (97, 0), (100, 0), (150, 0)])
def test_it_is_a_part_of_the_room_that_was_last_known(used: int | None, share: int) -> None:
    alone = Alone(4)
    if used is not None:
        alone.learn(charge(), [used], NOW)
    assert most(alone, charge()) == share


def test_what_was_known_is_over_with_the_window() -> None:
    alone = Alone(2)
    alone.learn(charge(1, (60, 10), (3600, 100)), [10, 40], NOW)
    one = charge(1, (60, 10), (3600, 100))
    assert most(alone, one) == 0
    assert most(alone, one, now=NOW + 60_000) == 0
    assert most(alone, one, now=NOW + 61_001) == 5
    assert [use.used for use in alone.usage((one,), NOW + 61_001)[0]] == [5, 45]
    assert most(alone, one, now=NOW + HOUR + 60_001) == 5


@pytest.mark.parametrize("processes", [1, 2, 4, 7])
@pytest.mark.parametrize("used", [0, 30, 100])
def test_all_together_pass_no_more_than_the_stated_bound(processes: int, used: int) -> None:
    equal = [Alone(processes) for _ in range(processes)]
    for each in equal:
        each.learn(charge(), [used], NOW)
    assert used + sum(most(each, charge()) for each in equal) <= 100
    uneven = [Alone(processes) for _ in range(processes)]
    uneven[0].learn(charge(), [used], NOW)
    assert used + sum(most(each, charge()) for each in uneven) <= 100 * (2 - 1 / processes)


def test_a_refusal_names_the_cap_and_a_time() -> None:
    alone = Alone(4)
    other = charge(30, name=key("bytes", "customer", "acme"), among="x")
    assert alone.reserve((charge(1), other), NOW) == Shortfall(1, 3600, 100, 3600.0)
    assert alone.reserve((charge(101),), NOW) == Shortfall(0, 3600, 100, inf)
    assert most(alone, charge(), charge()) == 12
    short = alone.reserve((charge(2),), NOW)
    assert isinstance(short, Shortfall)
    assert 3600 < short.seconds <= 3660


def test_what_was_done_alone_is_handed_over_once() -> None:
    alone = Alone(2)
    alone.learn(charge(), [10], NOW)
    shared = charge(2, (60, 50), (3600, 100), name=key("messages", "recipient", "r"), among="acme")
    assert take(alone, charge(5), shared)
    assert take(alone, charge(1), shared, now=NOW + 100_000)
    open_ = alone.reserve((charge(7),), NOW)
    assert isinstance(open_, Reservation)
    taken, passed = alone.hand_over(NOW + 100_000)
    assert taken == [open_]
    assert not open_.alone
    assert sorted((each.key, amounts) for each, amounts in passed) == [(KEY, [6]), (shared.key, [2, 4])]
    assert alone.hand_over(NOW + 100_000) == ([], [])
    assert alone.usage((charge(),), NOW + 100_000) == [[Use(3600, 100, 16, 0.0)]]
    assert most(alone, charge(), now=NOW + 100_000) == (100 - 16) // 2


def test_what_is_known_is_bounded() -> None:
    alone = Alone(2)
    for number in range(MAX_KNOWN + 10):
        alone.learn(charge(name=f"{number % (MAX_KNOWN + 5)}"), [1], NOW)
    assert len(alone.known) == MAX_KNOWN
