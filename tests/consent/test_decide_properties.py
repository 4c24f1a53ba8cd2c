"""The decision, on whatever may be on file: what always holds."""

from dataclasses import replace

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.decide import Class, Mailing, decide
from consent.model import ALL, NOTHING, Event, Grade, Known, State
from consent.refusals import refusal
from consent.standing import build
from tests.rig.consent_cases import PLAIN, all_profiles
from tests.rig.consent_events import DAY, STANDINGS, START, TIMES, events

NONE = st.just(NOTHING)
MARKS = (State.REQUESTED, State.GIVEN, State.CONFIRMED, State.REFUSED, State.WITHDRAWN, State.SUPPRESSED)
PROFILES = all_profiles()


@given(
    st.builds(
        Known, own=STANDINGS, own_domain=STANDINGS | NONE, operator=NONE | STANDINGS, operator_domain=NONE | STANDINGS
    ),
    st.sampled_from(Class),
    st.sampled_from((None, "news", "offers")),
    st.integers(-(1 << 62), 1 << 62) | TIMES,
    st.sampled_from(((), ("us",), ("ca", "eu"), ("uk",), ("xx",))),
    st.booleans(),
)
@settings(max_examples=150)
def test_no_standing_makes_it_raise(
    known: Known, message_class: Class, name: str | None, now: int, names: tuple[str, ...], on: bool
) -> None:
    mailing = Mailing(
        message_class,
        "acme",
        name,
        Grade.E2,
        names,
        sender_is_person=on,
        charity=on,
        uk_corporate=on,
        all_mail_override=on,
    )
    decision = decide(mailing, known, PROFILES if now % 7 else {}, now)
    assert decision.allowed == (decision.reason is None) == (decision.outcome == "allow")
    assert (decision.ground is not None) == (decision.outcome in ("allow", "refuse_message"))
    if decision.reason:
        assert refusal(decision.reason).code == decision.reason


@given(
    before=st.lists(events(), max_size=5),
    gone=events(states=(State.WITHDRAWN, State.REFUSED, State.ERASED)),
    after=st.lists(
        events(imported=True) | events(imported=False, states=(State.RELATED, State.LIFTED, State.EXPIRED)), max_size=6
    ),
    weak=st.lists(events(imported=False, states=(State.GIVEN, State.CONFIRMED)), max_size=2),
    data=st.data(),
)
@settings(max_examples=200)
def test_a_withdrawal_after_the_last_live_confirmed_opt_in_refuses_whatever_is_imported_in_whatever_order(
    before: list[Event], gone: Event, after: list[Event], weak: list[Event], data: st.DataObject
) -> None:
    mailing = replace(PLAIN, list=data.draw(st.sampled_from(("news", "offers", None))), profiles=("us",))
    latest = max((each.recorded for each in before if each.grade >= Grade.E3 and not each.imported), default=START)
    gone = msgspec.structs.replace(
        gone,
        at=data.draw(st.none() | st.just(latest) | st.just(latest + DAY)),
        recorded=latest + data.draw(st.integers(0, DAY)),
        party=data.draw(st.sampled_from(("acme", ALL))),
        list=data.draw(st.sampled_from((mailing.list or "news", ALL))),
        imported=False,
        method="not told before",
    )
    weak = [msgspec.structs.replace(each, grade=min(each.grade, 2)) for each in weak]
    told = list(enumerate([*before, gone, *after, *weak], 1))
    standing = build(data.draw(st.permutations(told)))
    for now in (latest, latest + DAY, latest + 400 * DAY):
        decision = decide(mailing, Known(own=standing), PROFILES, now)
        assert decision.reason in ("WITHDRAWN", "COMPLAINT", "RCPT-INVALID"), decision


@given(st.lists(events(), max_size=5), st.lists(events(imported=True), max_size=3), st.data())
def test_no_import_turns_a_withdrawn_address_into_one_that_may_be_written_to(
    told: list[Event], more: list[Event], data: st.DataObject
) -> None:
    standing = build(enumerate(told, 1))
    mailing = replace(PLAIN, list=data.draw(st.sampled_from(("news", None))))
    now = START + 30 * DAY
    before = decide(mailing, Known(own=standing), PROFILES, now)
    if before.reason in ("WITHDRAWN", "COMPLAINT"):
        later = build([*enumerate(told, 1), *enumerate(more, 100)])
        assert not decide(mailing, Known(own=later), PROFILES, now).allowed


@given(st.lists(st.lists(events(imported=True, states=MARKS), max_size=3), max_size=3), st.data())
def test_the_order_of_imports_makes_no_difference_to_the_decision_either(
    imports: list[list[Event]], data: st.DataObject
) -> None:
    """Unlike in test_standing, each import here is recorded when its turn comes."""
    shuffled = data.draw(st.permutations(imports))
    now = START + 30 * DAY
    decisions = []
    for order in (imports, shuffled):
        told = [
            msgspec.structs.replace(event, recorded=START + (20 + n) * DAY, country="", until=None)
            for n, file in enumerate(order)
            for event in file
        ]
        decisions.append(decide(PLAIN, Known(own=build(enumerate(told, 1))), PROFILES, now))
    assert decisions[0].reason == decisions[1].reason
    assert decisions[0].outcome == decisions[1].outcome
