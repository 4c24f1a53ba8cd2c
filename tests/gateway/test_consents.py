"""The registry of consents joined to the audit and the customers, as API and commands use it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.customers import Customer
from consent.address import Address
from consent.imports.row import DomainName, Hashed
from consent.model import Grade, Kind, Reason, State
from consent.parties import UnknownParty
from gateway.audit.errors import JournalFull
from gateway.audit.record import Act
from gateway.consents import By, ConsentRefused, Consents, Dealing, Stop, Told
from gateway.stores import Stores
from tests.gateway.test_recording import Book
from tests.rig.gateway import Clock, settings_for

BOB = Address.parse("bob@recipient.example")
OWN, OPERATOR = By("token:1", operator=False), By("ann@desk", operator=True, origin="cli")
OPT_IN = Told(State.GIVEN, "newsletter", ip="203.0.113.7", notice="signup-3", form_url="https://www.acme.example/")
ACME = Customer(id="acme", name="Acme", domains=("acme.example",))
NETS = Customer(id="nets", name="Nets", domains=("nets.example",))


@dataclass
class Desk:
    """A registry, a journal and a clock."""

    stores: Stores
    clock: Clock = field(default_factory=Clock)
    book: Book = field(default_factory=Book)

    def __post_init__(self) -> None:
        self.consents = Consents(self.stores, self.book, self.clock)

    def reason(self, name: str = "newsletter", customer: Customer = ACME, address: Address = BOB) -> str | None:
        """Why it may not be written to."""
        (decision,) = self.consents.check(customer, [address], name)
        return decision.reason

    def tick(self, **time: float) -> None:
        """Let time pass."""
        self.clock.now += timedelta(**time or {"seconds": 1})

    def acts(self) -> list[str]:
        """The acts in the journal."""
        return [record.act for record in self.book.appended if isinstance(record, Act)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A registry of its own with two customers."""
    stores = Stores.open(settings_for(tmp_path, "127.0.0.1:1"))
    stores.customers.apply([ACME, NETS], Clock().now)
    yield Desk(stores)
    stores.close()


def test_an_opt_in_lets_the_mail_of_its_list_go(desk: Desk) -> None:
    assert desk.reason() == "NO-CONSENT"
    done = desk.consents.record(ACME, BOB, OPT_IN, OWN)
    assert (done.number, done.event.grade, done.event.party) == (1, Grade.E2, "acme")
    assert desk.reason() is None
    assert desk.reason("other") == "SCOPE"
    assert desk.reason(customer=NETS) == "NO-CONSENT"


def test_the_grade_a_customer_needs_is_that_of_the_day(desk: Desk) -> None:
    lowered = ACME.model_copy(
        update={
            "minimum_grade": "E1",
            "minimum_grade_until": date(2026, 11, 20),
            "minimum_grade_reason": "a year to mend",
        }
    )
    desk.consents.record(ACME, BOB, Told(State.GIVEN, "newsletter", source="page"), OWN)
    assert desk.reason() == "EVIDENCE-LOW"
    assert desk.reason(customer=lowered) is None
    desk.tick(days=1)
    assert desk.reason(customer=lowered) == "EVIDENCE-LOW"


def test_a_suspended_customer_may_not_write_whether_it_is_told_or_looked_up(desk: Desk) -> None:
    desk.consents.record(ACME, BOB, OPT_IN, OWN)
    desk.stores.customers.suspend("acme", "test", desk.clock())
    assert desk.reason() == "TENANT-SUSPENDED"
    (decision,) = desk.consents.check(ACME, [BOB], "newsletter", suspended=False)
    assert decision.allowed
    assert desk.consents.decisions(ACME, BOB, ["newsletter"])[0][1].reason == "TENANT-SUSPENDED"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["given", "confirmed", "late", "withdrawn", "related", "complaint"]), max_size=8))
def test_after_a_withdrawal_nothing_a_customer_tells_lets_mail_go(desk: Desk, steps: list[str]) -> None:
    address = Address.parse(f"x{desk.clock.now.timestamp()}@recipient.example")
    withdrawn = False
    for step in steps:
        desk.tick()
        if step == "related":
            desk.consents.relate(ACME, address, Dealing(Kind.PURCHASE, date(2026, 3, 1), reference="a" * 64), OWN)
        elif step in ("withdrawn", "complaint"):
            desk.consents.withdraw(ACME, address, OWN, reason="complaint" if step == "complaint" else "")
            withdrawn = True
        else:
            state = State.CONFIRMED if step == "confirmed" else State.GIVEN
            at = desk.clock.now - timedelta(days=1) if step == "late" else None
            desk.consents.record(
                ACME, address, Told(state, "newsletter", at, "203.0.113.7", notice="n", source="p"), OWN
            )
        assert not withdrawn or desk.reason(address=address) in ("WITHDRAWN", "COMPLAINT")


def test_a_complaint_raises_the_grade_of_all_lists_when_it_names_none(desk: Desk) -> None:
    for name in ("newsletter", "offers"):
        desk.consents.record(ACME, BOB, Told(State.GIVEN, name, ip="203.0.113.7", notice="n", source="p"), OWN)
    desk.consents.withdraw(ACME, Address.parse("eve@recipient.example"), OPERATOR, reason="complaint")
    assert [desk.reason(name) for name in ("newsletter", "offers")] == ["EVIDENCE-LOW"] * 2


def test_a_complaint_told_late_raises_nothing(desk: Desk) -> None:
    desk.consents.record(ACME, BOB, OPT_IN, OWN)
    eve = Address.parse("eve@recipient.example")
    desk.consents.withdraw(
        ACME, eve, OPERATOR, name="newsletter", reason="complaint", at=desk.clock.now - timedelta(days=1)
    )
    assert desk.reason() is None


@pytest.mark.parametrize("act", ["withdraw", "suppress", "lift", "erase"])
def test_what_the_audit_cannot_take_changes_nothing(desk: Desk, act: str) -> None:
    stop = Stop(BOB, Reason.MANUAL)
    if act == "lift":
        desk.consents.suppress(ACME, stop, OWN)
        desk.tick()
    before = desk.stores.consents.history("acme", BOB)
    desk.book.fails = JournalFull("the disk is full")
    with pytest.raises(JournalFull):
        if act == "withdraw":
            desk.consents.withdraw(ACME, BOB, OWN)
        elif act == "erase":
            desk.consents.erase(ACME, BOB, OWN)
        else:
            getattr(desk.consents, act)(ACME, stop, OWN)
    assert desk.stores.consents.history("acme", BOB) == before


def test_suppressions_of_domains_and_hashes_cover_their_addresses(desk: Desk) -> None:
    desk.consents.record(ACME, BOB, OPT_IN, OWN)
    digest = Hashed("md5", hashlib.md5(BOB.canonical.encode()).hexdigest())
    for subject in (DomainName("recipient.example"), digest):
        desk.tick()
        assert desk.consents.suppress(ACME, Stop(subject, Reason.MANUAL), OWN).new
        assert desk.reason() == "SUPPRESSED"
        assert len(desk.consents.suppressions(ACME, subject)) == 1
        desk.tick()
        desk.consents.lift(ACME, Stop(subject, Reason.MANUAL, words="a mistake"), OWN)
        assert desk.reason() is None


def test_the_operators_stop_has_no_list_and_customers_cannot_make_its_kinds(desk: Desk) -> None:
    with pytest.raises(ConsentRefused, match="list: "):
        desk.consents.suppress(None, Stop(BOB, Reason.SPAMTRAP, "newsletter"), OPERATOR)
    with pytest.raises(ConsentRefused, match="reason: must be one of manual, hard_bounce, invalid, legal"):
        desk.consents.suppress(ACME, Stop(BOB, Reason.THREAT), OWN)
    desk.consents.suppress(None, Stop(BOB, Reason.SPAMTRAP, words="a feed"), OPERATOR)
    assert (desk.reason(), desk.reason(customer=NETS)) == ("PROVIDER-BLOCK", "PROVIDER-BLOCK")


def test_a_bounce_stops_every_mail_and_a_persons_wish_bulk_mail(desk: Desk) -> None:
    for reason, stops in ((Reason.HARD_BOUNCE, "all"), (Reason.MANUAL, "marketing"), (Reason.LEGAL, "marketing")):
        desk.tick()
        assert desk.consents.suppress(ACME, Stop(BOB, reason), OWN).event.stops == stops
    assert desk.consents.suppress(ACME, Stop(BOB, Reason.MANUAL, stops="all"), OWN).event.stops == "all"


def test_an_erasure_is_once_and_the_audit_forgets_the_address_with_it(desk: Desk) -> None:
    key = desk.stores.secrets.address_key(BOB)
    desk.stores.subjects.seal([BOB])
    desk.consents.record(ACME, BOB, OPT_IN, OWN)
    desk.consents.record(NETS, BOB, OPT_IN, OWN)
    (sealed,) = desk.stores.subjects.seal([BOB])
    assert sealed[1] is not None
    assert desk.consents.erase(ACME, BOB, OWN)
    assert not desk.consents.erase(ACME, BOB, OWN)
    assert desk.stores.subjects.open(key, sealed[1]) == BOB.text, "the other customer's evidence needs it"
    assert desk.reason(customer=NETS) is None
    assert desk.consents.erase(NETS, BOB, OPERATOR, reason="request")
    assert desk.stores.subjects.open(key, sealed[1]) is None
    assert desk.acts() == ["consent erase"]


def test_a_relationship_is_with_a_party_that_there_is(desk: Desk) -> None:
    dealing = Dealing(Kind.PURCHASE, date(2026, 3, 1))
    with pytest.raises(UnknownParty):
        desk.consents.relate(ACME, BOB, dealing, OWN, party="garden")
    assert desk.consents.relate(ACME, BOB, dealing, OWN).event.party == "acme"


def test_a_consent_names_its_list(desk: Desk) -> None:
    with pytest.raises(ConsentRefused, match="list: required"):
        desk.consents.record(ACME, BOB, Told(State.GIVEN), OWN)


def test_many_lists_are_answered_from_one_look_up(desk: Desk) -> None:
    desk.consents.record(ACME, BOB, OPT_IN, OWN)
    found = desk.consents.decisions(ACME, BOB, ["newsletter", "other"])
    assert [(name, decision.reason) for name, decision in found] == [("newsletter", None), ("other", "SCOPE")]
