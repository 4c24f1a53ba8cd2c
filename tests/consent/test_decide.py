"""The decision: every case in tests/consent/cases, and what no case can show."""

import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from consent.decide import MAX_CONFIRMATIONS, NEAREST, Class, Decision, Ground, decide
from consent.model import ALL, Event, Kind, Known, Related, State
from consent.refusals import refusal
from consent.standing import build
from tests.rig.consent_cases import PLAIN, ConsentCase, all_consent_cases, all_profiles
from tests.rig.consent_events import DAY, START

CASES = all_consent_cases()
PROFILES = all_profiles()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}: {case.title}")
def test_case(case: ConsentCase) -> None:
    for expected, decision in case.decisions(PROFILES):
        assert decision.outcome == expected.outcome, decision
        assert decision.allowed == (expected.outcome == "allow")
        if decision.allowed:
            assert decision.ground is not None and decision.reason is None
            assert decision.ground.kind == expected.what, decision
        else:
            assert decision.reason == expected.what, decision
            assert decision.reasons[0].split(":")[0] == decision.reason or decision.outcome == "refuse_message"
        if expected.on is not None:
            assert decision.ground is not None and decision.ground.event == expected.on, decision


def test_titles_differ() -> None:
    titles = [(case.file, case.title) for case in CASES]
    assert len(set(titles)) == len(titles)


def test_every_row_of_the_truth_table_is_there() -> None:
    rows = {int(found[1]) for case in CASES if (found := re.match(r"T(\d+) ", case.title))}
    assert rows == set(range(1, 41))


def test_a_system_ground_is_not_asked_of_the_standing() -> None:
    assert decide(replace(PLAIN, message_class=Class.SYSTEM), Known(), {}, 0).ground == Ground("system")


CONSENT = Event(state=State.CONFIRMED, party="acme", list="news", at=START, recorded=START, grade=4)


def decided(*told: Event, now: int = START + DAY, **changes: Any) -> Decision:
    return decide(replace(PLAIN, **changes), Known(own=build(enumerate(told, 1))), PROFILES, now)


def test_the_ground_says_event_time_and_grade() -> None:
    assert decided(CONSENT).ground == Ground("express", 1, START, "E4")
    unknown = msgspec.structs.replace(CONSENT, at=None, imported=True, grade=2)
    assert decided(unknown).ground == Ground("express", 1, None, "E2")
    related = Related(kind=Kind.PURCHASE, basis="2023-11-01")
    bought = Event(state=State.RELATED, party="acme", list=ALL, at=None, recorded=START, grade=1, related=related)
    assert decided(bought).ground == Ground("aup_relationship", 1, START, "R1")
    asked = msgspec.structs.replace(CONSENT, state=State.REQUESTED, grade=0)
    assert decided(asked, message_class=Class.CONFIRMATION).ground == Ground("confirmation", 1, START, "")
    assert decided(message_class=Class.PERSONAL).ground == Ground("nonbulk", 0, None, "")


def test_without_any_profile_only_consent_is_a_ground() -> None:
    related = Related(kind=Kind.PURCHASE, basis="2023-11-01")
    bought = Event(state=State.RELATED, party="acme", list=ALL, at=None, recorded=START, grade=2, related=related)
    alone, consented = build([(1, bought)]), build([(1, bought), (2, CONSENT)])
    assert decide(PLAIN, Known(own=alone), {}, START + DAY).reason == "NO-CONSENT"
    assert decide(PLAIN, Known(own=consented), {}, START + DAY).allowed


def test_every_step_that_spoke_is_told_in_order() -> None:
    gone = Event(state=State.WITHDRAWN, party="acme", list="news", at=START - 5, recorded=START - 5, reason="web")
    refused = Event(state=State.REFUSED, party="acme", list=ALL, at=START - 4, recorded=START - 4)
    stop = Event(state=State.SUPPRESSED, party="acme", list="news", at=START - 3, recorded=START - 3, reason="manual")
    assert decided(gone, refused, stop).reasons == ("WITHDRAWN: withdrawn, event 2", "WITHDRAWN: web, event 1")
    assert decided(gone, stop, CONSENT).reasons == (
        ("lifted by consent, event 3: web, event 1", "lifted by consent, event 3: manual, event 2")
    )
    assert decided(gone, CONSENT, missing=("postal address", "link")).reasons == (
        ("lifted by consent, event 2: web, event 1", "CONTENT: postal address", "CONTENT: link")
    )
    assert decided(stop).reasons == ("SUPPRESSED: manual, event 1",)
    assert decided(msgspec.structs.replace(stop, reason="invalid")).reasons == ("RCPT-INVALID: invalid, event 1",)
    assert decided().reasons == ("NO-CONSENT",)
    assert decided(stream="suspended").reasons == ("TENANT-SUSPENDED",)
    assert decided(stream="paused").reasons == ("STREAM-PAUSED",)
    assert decided(list_source="rented").reasons == ("SOURCE-BANNED: list source rented",)


def test_each_ground_that_failed_is_told_nearest_first() -> None:
    old = msgspec.structs.replace(CONSENT, list="offers")
    low = msgspec.structs.replace(CONSENT, grade=1)
    asked = msgspec.structs.replace(CONSENT, state=State.REQUESTED, at=START + 5, recorded=START + 5)
    bought = msgspec.structs.replace(
        CONSENT, state=State.RELATED, list=ALL, related=Related(kind=Kind.PURCHASE, basis="2010-11-01"), grade=1
    )
    assert decided(old, low, asked, bought).reasons == (
        "EVIDENCE-LOW: consent, event 2",
        "UNCONFIRMED: request, event 3",
        "REL-EXPIRED: relationship, event 4",
        "SCOPE: consent, event 1",
    )
    assert decided(old, CONSENT).reasons == ("SCOPE: consent, event 1",), "also beside a ground"


def test_mail_that_is_not_bulk_says_what_was_overridden() -> None:
    gone = Event(state=State.WITHDRAWN, party="acme", list=ALL, at=START, recorded=START, reason="manual", stops="all")
    stop = msgspec.structs.replace(gone, state=State.SUPPRESSED)
    allowed = decided(gone, stop, message_class=Class.MANDATORY, all_mail_override=True)
    refused = decided(gone, stop, message_class=Class.MANDATORY)
    stops = ("ALL-MAIL-STOP: manual, event 2", "ALL-MAIL-STOP: manual, event 1")
    assert refused.reasons == stops
    assert allowed.reasons == (*stops, "overridden by the operator's rule")
    assert decided(message_class=Class.TRANSACTIONAL).reasons == ()
    dead = msgspec.structs.replace(stop, reason="invalid")
    assert decided(dead, message_class=Class.TRANSACTIONAL).reasons == ("RCPT-INVALID: invalid, event 1",)


def test_the_operators_block_is_told_to_the_operator_alone() -> None:
    stop = Event(state=State.SUPPRESSED, party=ALL, list=ALL, at=START, recorded=START, reason="spamtrap")
    gone = Event(state=State.WITHDRAWN, party=ALL, list=ALL, at=START, recorded=START, reason="complaint")
    for event, words in ((stop, "spamtrap"), (gone, "complaint")):
        blocked = decide(PLAIN, Known(operator=build([(8, event)])), PROFILES, START + DAY)
        assert blocked.reasons == (f"PROVIDER-BLOCK: {words}, event 8",)
        assert words not in refusal("PROVIDER-BLOCK").text.lower()


def test_confirmation_mails_are_bounded_per_request() -> None:
    asked = msgspec.structs.replace(CONSENT, state=State.REQUESTED)
    refused = decided(asked, message_class=Class.CONFIRMATION, confirmations_sent=MAX_CONFIRMATIONS)
    assert refused.reasons == ("CONFIRMATION-LIMIT: request, event 1",)


def test_each_reason_for_no_ground_has_its_place() -> None:
    assert len(set(NEAREST)) == len(NEAREST) and NEAREST[-1] == "NO-CONSENT"
    assert all(refusal(code) for code in NEAREST)
