"""How a customer's limits stand, on a ledger in memory."""

from dataclasses import astuple

import pytest

from config.customers import Credential, Customer
from config.limits import Limits, LimitsPolicy
from gateway.ledger.charges import Reservation
from gateway.ledger.memory import MemoryLedger
from gateway.limits import standing
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


async def test_a_ledger_that_does_not_answer_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = MemoryLedger(lambda: 0.0)
    monkeypatch.setattr(ledger, "healthy", False)
    with pytest.raises(LedgerAway, match="Redis"):
        await windows(ledger, POLICY, ACME)


async def test_nothing_set_is_nothing_shown() -> None:
    plain = ACME.model_copy(update={"credentials": ()})
    assert await windows(MemoryLedger(lambda: 0.0), LimitsPolicy(report=Limits()), plain) == []
