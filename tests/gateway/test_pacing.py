"""Who hammers at a limit waits, who does not is answered at once, and nobody waits for another."""

import pytest

from gateway.pacing import LONGEST, RATE, Pacing


def test_one_that_keeps_to_the_pace_never_waits() -> None:
    pacing = Pacing()
    assert [pacing.wait("acme", number / RATE) for number in range(1, 100)] == pytest.approx([0.0] * 99)


def test_one_that_does_not_waits_for_its_turn_and_others_do_not() -> None:
    pacing = Pacing()
    assert [pacing.wait("acme", 100.0) for _ in range(4)] == pytest.approx([number / RATE for number in range(4)])
    assert pacing.wait("globex", 100.0) == 0
    assert pacing.wait("acme", 100.0 + 10 / RATE) == 0


def test_the_longest_wait_is_bounded_and_a_clock_that_was_set_back_makes_none_longer() -> None:
    pacing = Pacing()
    waits = [pacing.wait("acme", 100.0) for _ in range(1000)]
    assert max(waits) == LONGEST
    assert pacing.wait("acme", 100.0 + LONGEST + 2 / RATE) == 0
    assert pacing.wait("acme", 10.0) == LONGEST
    assert pacing.wait("acme", 20.0) == 0
