"""The operator's desk: whose addresses, where mail goes, how much of it."""

from datetime import UTC, datetime, timedelta

import pytest

from config.files import ConfigError
from config.settings import Operator
from consent.address import Address
from gateway.desk import MESSAGES, Desk

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DESK = Operator(domains=("gw.example", "Other.Example"), mailbox="desk@mail.example")


@pytest.mark.parametrize(
    ("address", "served"),
    [
        ("postmaster@gw.example", True), ("Abuse@GW.Example", True), ("abuse@other.example", True),
        ("postmaster+x@gw.example", False), ("abuse@sub.gw.example", False), ("desk@mail.example", False),
        ("someone@gw.example", False),
    ],
)  # fmt: skip
def test_postmaster_and_abuse_of_the_operators_domains_go_to_the_mailbox(address: str, served: bool) -> None:
    parsed, desk = Address.parse(address), Desk(DESK)
    assert desk.open
    assert desk.domains == {"gw.example", "other.example"}
    assert desk.serves(parsed) is served
    assert desk.route(parsed).text == ("desk@mail.example" if served else address)


@pytest.mark.parametrize("operator", [Operator(), Operator(domains=("gw.example",)), Operator(mailbox="a@gw.example")])
def test_without_domains_or_mailbox_it_is_closed(operator: Operator) -> None:
    desk, address = Desk(operator), Address.parse("postmaster@gw.example")
    assert not desk.open and not desk.home and not desk.serves(address)
    assert desk.route(address) is address


def test_a_mailbox_that_is_no_address_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"operator\.mailbox: .*abuse@gw\.example"):
        Desk(Operator(domains=("gw.example",), mailbox="a..b@gw.example"))


def test_an_address_writes_at_a_bounded_rate_and_others_are_not_kept_out() -> None:
    desk = Desk(DESK)

    def enter(address: str, now: datetime = NOON) -> bool:
        entered = desk.enter(address, now)
        if entered:
            desk.leave()
        return entered

    assert all(enter("192.0.2.1") for _ in range(MESSAGES))
    assert not enter("192.0.2.1")
    assert enter("192.0.2.2")
    assert not enter("192.0.2.1", NOON + timedelta(seconds=59))
    assert enter("192.0.2.1", NOON + timedelta(seconds=60))
    assert not enter("192.0.2.1", NOON + timedelta(seconds=60))
    assert not enter("192.0.2.1", NOON), "a clock that is put back gives nothing"
    later = NOON + timedelta(days=1)
    assert [enter("192.0.2.1", later) for _ in range(MESSAGES + 1)].count(True) == MESSAGES
    assert all(enter(f"2001:db8::{n:x}") for n in range(MESSAGES))
    assert not enter("2001:db8::ffff"), "a /64 is one address"


def test_transactions_at_once_are_bounded_over_all_addresses() -> None:
    desk = Desk(DESK)
    entered = [desk.enter(f"192.0.2.{n}", NOON) for n in range(60)]
    assert entered.count(True) == 50
    desk.leave()
    assert desk.enter("192.0.2.99", NOON)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.desk._REMEMBERED", 3)
    desk = Desk(DESK)
    for number in range(10):
        assert desk.enter(f"192.0.2.{number}", NOON)
    assert list(desk._spent) == ["192.0.2.7", "192.0.2.8", "192.0.2.9"]
