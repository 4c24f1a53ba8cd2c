"""gateway/ledger/sketch.py, against exact counts."""

import pytest

from gateway.ledger.sketch import Sketch, count


def of(*ranges: range) -> Sketch:
    made = Sketch()
    for each in ranges:
        made.add(f"r{number}@example.org" for number in each)
    return made


@pytest.mark.parametrize("number", [0, 1, 2, 20, 100, 256])
def test_few_are_counted_exactly(number: int) -> None:
    assert count([of(range(number), range(number))]) == number


@pytest.mark.parametrize("number", [257, 1000, 3000, 10_000, 12_000, 50_000, 300_000])
def test_many_are_counted_within_four_standard_errors(number: int) -> None:
    assert count([of(range(number))]) == pytest.approx(number, rel=4 * 0.0163)


def test_on_average_the_error_is_small() -> None:
    errors = [count([of(range(at * 10**6, at * 10**6 + 2000))]) / 2000 - 1 for at in range(40)]
    assert abs(sum(errors) / 40) < 0.01
    assert (sum(error**2 for error in errors) / 40) ** 0.5 < 0.025


def test_a_union_counts_what_is_in_several_once() -> None:
    few, many = of(range(100)), of(range(50, 2050))
    assert count([few, of(range(50, 150))]) == 150
    assert count([few, many]) == pytest.approx(2050, rel=0.06)
    assert count([few], "r0@example.org", "another") == 101
    assert count([]) == 0


def test_a_sketch_takes_a_fixed_room() -> None:
    assert of(range(100_000)).octets == 4096
    assert of(range(10)).octets < 1000
