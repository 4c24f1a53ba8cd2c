"""Who hammers at a limit does not fill the audit, and what is left out is said."""

from datetime import UTC, datetime, timedelta

from consent.address import Address
from filters.model import Finding
from gateway.logbook import MOST, Logbook, Page
from gateway.smtp import replies

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
QUOTA = replies.QUOTA.finding("customer: 5 recipients per hour")
FLOOD = replies.FLOOD_RECIPIENT.finding("recipient_by_all: 5 messages per hour")
BOB, CAROL = Address.parse("bob@recipient.example"), Address.parse("carol@recipient.example")


def enter(logbook: Logbook, reference: str, now: datetime = NOW, customer: str = "acme") -> tuple[str, Finding | None]:
    return Page(logbook, customer, reference).enter(QUOTA, BOB, now)


def test_the_first_refusal_of_each_kind_is_recorded_at_once_and_the_others_at_the_end() -> None:
    page = Page(Logbook(), "acme", "R1")
    assert page.enter(QUOTA, BOB, NOW) == ("R1", QUOTA)
    assert page.enter(QUOTA, CAROL, NOW) == ("R1", None)
    assert page.enter(FLOOD, CAROL, NOW) == ("R1", FLOOD)
    assert page.enter(QUOTA, BOB, NOW) == ("R1", None)
    assert list(page.rest()) == [(QUOTA, [CAROL, BOB])]
    assert list(page.rest()) == []


def test_so_many_transactions_a_minute_are_recorded_and_the_rest_get_the_last_reference() -> None:
    logbook = Logbook()
    for number in range(MOST):
        assert enter(logbook, f"R{number}") == (f"R{number}", QUOTA)
    for number in range(7):
        page = Page(logbook, "acme", f"S{number}")
        assert page.enter(QUOTA, BOB, NOW) == (f"R{MOST - 1}", None)
        assert page.enter(FLOOD, CAROL, NOW) == (f"R{MOST - 1}", None)
        assert list(page.rest()) == []
    assert enter(logbook, "other", customer="globex") == ("other", QUOTA)
    reference, found = enter(logbook, "T", NOW + timedelta(minutes=1))
    assert reference == "T"
    assert found is not None
    assert found.evidence == "customer: 5 recipients per hour; 7 transactions before it were not recorded"
    assert enter(logbook, "U", NOW + timedelta(minutes=1)) == ("U", QUOTA)


def test_a_clock_that_was_set_back_stops_no_record() -> None:
    logbook = Logbook()
    for number in range(MOST + 1):
        enter(logbook, f"R{number}")
    assert enter(logbook, "T", NOW - timedelta(hours=1))[0] == "T"
