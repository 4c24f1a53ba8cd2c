"""Signals: each rule by itself; what fires and what does not stands in tests/cases/signals.txt."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from config.policy import Action, Policy
from filters import RULES, signals
from filters.activity import Activity, Measured
from filters.message import Message
from filters.model import Rule
from tests.rig.full import full_facts

NUMBERS = st.builds(Measured, st.integers(0, 10**6), st.integers(0, 10**6))
ACTIVITY = st.builds(Activity, st.integers(0, 13), NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.just(False))
MINE = [each for each in vars(signals).values() if isinstance(each, Rule)]


def test_all_of_them_are_signals_and_ship_as_observe() -> None:
    assert {each.code for each in MINE} == signals.CODES == {r.code for r in RULES if r.code.startswith("SIGNAL-")}
    assert {each.default for each in MINE} == {Action.OBSERVE}
    assert {str(each.reply)[:9] for each in MINE} == {"550 5.7.1"}


@given(ACTIVITY)
def test_nothing_is_held_against_a_past_of_less_than_14_days(activity: Activity) -> None:
    facts = structs.replace(full_facts(), activity=activity)
    assert [each.code for each in MINE if each.check(Message(b""), facts, Policy())] == []


@given(NUMBERS, st.integers(0, 10**6))
def test_more_is_never_less_suspicious_and_more_in_the_past_never_more(measured: Measured, more: int) -> None:
    def fires(now: int, most: int) -> bool:
        known = full_facts().activity
        assert known is not None
        facts = structs.replace(full_facts(), activity=replace(known, recipients=Measured(now, most)))
        return signals.sudden_volume.check(Message(b""), facts, Policy()) is not None

    assert fires(measured.now, measured.most) <= fires(measured.now + more, measured.most)
    assert fires(measured.now, measured.most) >= fires(measured.now, measured.most + more)
