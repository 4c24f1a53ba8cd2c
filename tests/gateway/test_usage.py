"""How a customer's limits stand, on a ledger in memory."""

from dataclasses import astuple

import pytest

from config.customers import Credential, Customer
from config.limits import Limits, LimitsPolicy
from consent.address import Address
from gateway.ledger.charges import Reservation
from gateway.ledger.memory import MemoryLedger
from gateway.limits import Charges, Sending, Wanted, inward, standing
from gateway.usage import LedgerAway, windows

APP = Credential(username="app", password_hash="$argon2id$x", limits=Limits(messages_per_minute=0))
ACME = Customer(id="acme", name="Acme", domains=("acme.example",), credentials=(APP,))
POLICY = LimitsPolicy(
    customer=Limits(recipients_per_hour=3, recipients_per_day=10, hard=("recipients_per_day",)), report=Limits()
)


async def test_what_is_used_and_left_of_each_window_and_when_there_is_room() -> None:
    now = 1_763_632_800.0
    ledger = MemoryLedger(lambda: now)
    limit = standing(POLICY, ACME)[0]
    taken = await ledger.reserve(limit.charge(2))
    assert isinstance(taken, Reservation)
    ledger.settle(taken)
    under_way = await ledger.reserve(limit.charge(1))
    assert isinstance(under_way, Reservation)
    assert [astuple(each) for each in await windows(ledger, POLICY, ACME)] == [
        ("customer", "acme", "recipients", "hour", 3, False, 3, 0, 3660),
        ("customer", "acme", "recipients", "day", 10, True, 3, 7, 0),
        ("credential", "app", "messages", "minute", 0, False, 0, 0, None),
    ]


async def test_the_operator_sees_what_a_source_sender_and_recipient_have_used() -> None:
    ledger, bob, ann = (
        MemoryLedger(lambda: 0.0),
        Address.parse("bob@recipient.example"),
        Address.parse("ann@acme.example"),
    )
    policy = LimitsPolicy(
        operator=Limits(messages_per_day=50), source=Limits(messages_per_day=40), sender=Limits(messages_per_day=30),
        recipient_domain=Limits(messages_per_day=20), report=Limits(),
    )  # fmt: skip
    sending = Sending(ACME, APP, "2001:db8::1", ann)
    charges = Charges(policy, sending, lambda address: address.canonical)
    due = [*charges.of_recipient(bob), *charges.of_message([bob], 100)]
    due += [each for _, found in charges.of_deliveries([bob], 100) for each in found]
    for each in due:
        taken = await ledger.reserve(each.charge)
        assert isinstance(taken, Reservation) or each.limit.scope == "credential"
        if isinstance(taken, Reservation):
            ledger.settle(taken)

    async def shown(wanted: Wanted) -> list[tuple[str, str, int]]:
        more = inward(policy, ACME, wanted, lambda address: address.canonical)
        found = await windows(ledger, policy, ACME, more)
        return [(each.scope, each.name, each.used) for each in found if each.scope != "credential"]

    assert await shown(Wanted()) == [("operator", "this gateway", 1)]
    assert await shown(Wanted("2001:db8::2", ann, bob)) == [
        ("operator", "this gateway", 1),
        ("source", "2001:db8::/64", 1),
        ("sender", "one at acme.example", 1),
        ("recipient_by_customer", "one at recipient.example", 1),
        ("recipient_by_all", "one at recipient.example", 1),
        ("recipient_domain", "recipient.example", 1),
    ]
    assert [used for _, _, used in await shown(Wanted("192.0.2.1", bob, ann))] == [1, 0, 0, 0, 0, 0]


async def test_a_ledger_that_does_not_answer_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = MemoryLedger(lambda: 0.0)
    monkeypatch.setattr(ledger, "healthy", False)
    with pytest.raises(LedgerAway, match="Redis"):
        await windows(ledger, POLICY, ACME)


async def test_nothing_set_is_nothing_shown() -> None:
    plain = ACME.model_copy(update={"credentials": ()})
    assert await windows(MemoryLedger(lambda: 0.0), LimitsPolicy(report=Limits()), plain) == []
