"""A decision is taken again from the events, and what was known then cannot be told otherwise."""

from dataclasses import replace

from msgspec.structs import replace as changed

from consent.decide import Class, Decision, Mailing
from consent.model import Event, Grade, State
from consent.replay import AROUND, Filed, Numbered, replay
from tests.rig.consent_cases import all_profiles
from tests.rig.consents import AT, HOUR, given, withdrawn

PROFILES = all_profiles()
MAILING = Mailing(Class.BULK, "acme", "news", Grade.E2, ("us",))
NEVER: dict[str, int | None] = {}


def refused(decision: Decision) -> bool:
    return decision.reason == "WITHDRAWN"


def allowed(decision: Decision) -> bool:
    return decision.allowed


def own(*events: Event) -> Filed:
    return Filed(own=list(enumerate(events, 1)))


LEFT = own(given(0), withdrawn(5))


def test_what_was_recorded_later_counts_for_nothing() -> None:
    for hour, agrees in ((1, allowed), (6, refused)):
        found = replay(LEFT, MAILING, PROFILES, AT + hour * HOUR, agrees, NEVER)
        assert (found.agrees, found.around) == (True, ())
    before = replay(LEFT, MAILING, PROFILES, AT - 2 * AROUND, allowed, NEVER)
    assert not before.agrees
    assert before.decision.reason == "NO-CONSENT"


def test_a_decision_that_was_not_taken_so_is_not_agreed_with() -> None:
    early, late = (replay(LEFT, MAILING, PROFILES, AT + hour * HOUR, wrong, NEVER)
                   for hour, wrong in ((1, refused), (6, allowed)))  # fmt: skip
    assert (early.agrees, early.decision.allowed) == (False, True)
    assert (late.agrees, late.decision.reason) == (False, "WITHDRAWN")


def test_an_event_recorded_around_the_decision_is_named() -> None:
    at = AT + 5 * HOUR
    for moment in (at - AROUND, at - 1):
        found = replay(LEFT, MAILING, PROFILES, moment, refused, NEVER)
        assert (found.agrees, found.around, found.decision.reason) == (True, (2,), "WITHDRAWN")
    for moment in (at, at + AROUND):
        found = replay(LEFT, MAILING, PROFILES, moment, allowed, NEVER)
        assert (found.agrees, found.around, found.decision.allowed) == (True, (2,), True)
    assert not replay(LEFT, MAILING, PROFILES, at - AROUND - 1, refused, NEVER).agrees
    assert not replay(LEFT, MAILING, PROFILES, at + AROUND + 1, allowed, NEVER).agrees


def test_a_decision_saw_the_registry_up_to_some_event_and_no_other_choice() -> None:
    at = AT + 5 * HOUR
    both = own(withdrawn(5, at=at), given(5, at=at + 1, recorded=at + 1, grade=4))
    assert replay(both, MAILING, PROFILES, at, refused, NEVER).agrees
    # The consent stands behind the withdrawal that it lifts: it was never there alone.
    last = replay(own(given(5, at=at, grade=4), withdrawn(5, at=at + 1, recorded=at + 1)), MAILING, PROFILES, at,
                  lambda decision: decision.reasons == ("lifted",), NEVER)  # fmt: skip
    assert not last.agrees


def test_an_import_is_there_from_some_time_while_it_runs() -> None:
    imported = own(given(0, imported=True, import_id="i"))
    before = {"i": AT + 2 * HOUR}
    for hour, known in ((1, True), (2, True), (3, False)):
        found = replay(imported, MAILING, PROFILES, AT + hour * HOUR, lambda d: d.reason == "NO-CONSENT", before)
        assert found.agrees is known
        assert replay(imported, MAILING, PROFILES, AT + hour * HOUR, allowed, before).agrees
    assert replay(imported, MAILING, PROFILES, AT + 99 * HOUR, lambda d: not d.allowed, {"i": None}).agrees


def test_what_stands_for_domain_hash_and_operator_counts() -> None:
    stop = Event(state=State.SUPPRESSED, party="*", list="*", at=AT, recorded=AT, reason="manual")
    stops: list[Numbered] = [(9, stop)]
    consent = own(given(0))
    cases = {
        "PROVIDER-BLOCK": (replace(consent, operator=stops), replace(consent, operator_domain=stops),
                           replace(consent, operator_hashed=[[], stops])),
        "SUPPRESSED": (replace(consent, own_domain=stops), replace(consent, own_hashed=[stops])),
    }  # fmt: skip
    for reason, filed in ((reason, each) for reason, all_of_it in cases.items() for each in all_of_it):
        found = replay(filed, MAILING, PROFILES, AT + HOUR, refused, NEVER)
        assert found.decision.reason == reason
        assert {number for number, _ in filed.events()} == {1, 9}


def test_an_erasure_changes_nothing_that_was_decided_before() -> None:
    erased = changed(withdrawn(7), state=State.ERASED, reason="erasure")
    filed = own(given(0), erased)
    assert filed.erased == AT + 7 * HOUR
    assert LEFT.erased is None
    assert replay(filed, MAILING, PROFILES, AT + HOUR, allowed, NEVER).agrees
    assert replay(filed, MAILING, PROFILES, AT + 8 * HOUR, refused, NEVER).agrees
