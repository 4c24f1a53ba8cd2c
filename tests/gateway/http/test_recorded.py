"""How events and decisions are shown."""

from consent.decide import NEAREST, Decision, Ground
from consent.model import ALL, Event, State
from consent.records import Batch
from gateway.consents import Done
from gateway.http.recorded import GroundShown, Recorded, decided

EVENT = Event(state=State.WITHDRAWN, party=ALL, list=ALL, at=None, recorded=1_000_000, reason="unsubscribe")


def test_all_lists_and_parties_are_null_and_a_time_that_is_not_known_is_too() -> None:
    shown = Recorded.of(Done(EVENT, 7, Batch(3, "ab", 7, 1, "acme", 1_000_000)))
    assert (shown.list, shown.party, shown.at, shown.grade) == (None, None, None, None)
    assert (shown.id, shown.new, shown.live, shown.reason) == (7, True, True, "unsubscribe")
    assert shown.batch is not None
    assert (shown.batch.number, shown.batch.hash) == (3, "ab")
    assert shown.recorded.isoformat() == "1970-01-01T00:00:01+00:00"


def test_what_was_known_has_no_number_and_no_batch() -> None:
    shown = Recorded.of(Done(EVENT, None, None))
    assert (shown.id, shown.new, shown.batch) == (None, False, None)


def test_every_reason_has_its_words() -> None:
    for code in (*NEAREST, "WITHDRAWN", "COMPLAINT", "PROVIDER-BLOCK", "TENANT-SUSPENDED", "RCPT-INVALID"):
        shown = decided(Decision(False, "refuse", code))
        assert shown["text"]
        assert shown["fix"]


def test_a_ground_is_shown_with_its_time() -> None:
    shown = GroundShown.of(Ground("express", 5, 0, "E2"))
    assert (shown.kind, shown.id, shown.grade) == ("express", 5, "E2")
    assert shown.at is not None
    assert GroundShown.of(Ground("implied", 5, None, "R1")).at is None
