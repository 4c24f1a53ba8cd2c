"""What a transaction holds of the limits, and that it is given back unless it passed: on a ledger in memory."""

from typing import Any

import pytest

from config.customers import Credential, Customer
from config.limits import Cap, Limits, LimitsPolicy
from consent.address import Address
from gateway.ledger.charges import Charge
from gateway.ledger.memory import MemoryLedger
from gateway.ledger.model import key
from gateway.limits import Charges, Limit, Sending
from gateway.metrics import Metrics
from gateway.rationing import Ration

CREDENTIAL = Credential(username="acme-app", password_hash="$argon2id$x")
ACME = Customer(id="acme", name="Acme", domains=("acme.example",), credentials=(CREDENTIAL,))
ANN = Address.parse("ann@acme.example")
BOB, CAROL = Address.parse("bob@recipient.example"), Address.parse("carol@recipient.example")
NOTHING: dict[str, Any] = {"recipient_by_customer": Limits(), "recipient_by_all": Limits(), "report": Limits()}


class House:
    """A ledger and the rations of transactions on it."""

    def __init__(self, **limits: Any) -> None:
        self.now = 1_763_632_800.0
        self.ledger = MemoryLedger(lambda: self.now)
        self.metrics = Metrics()
        self.told: list[tuple[str, str, str, int, int]] = []
        """Scope, measure and window of a limit, what is used of it, and its cap."""
        self.policy = LimitsPolicy.model_validate({**NOTHING, **limits})

    def ration(self, *, observe: bool = False, reverse_path: Address | None = ANN, customer: Customer = ACME) -> Ration:
        sending = Sending(customer, CREDENTIAL, "192.0.2.7", reverse_path)
        charges = Charges(self.policy, sending, lambda address: address.canonical)
        count = self.policy.count_refused
        return Ration(self.ledger, charges, self.metrics, self._tell, observe=observe, count_refused=count)

    def _tell(self, limit: Limit, cap: Cap, used: int) -> None:
        self.told.append((limit.scope, limit.measure, cap.window, used, cap.most))

    async def used(self, measure: str = "recipients") -> int:
        """Of the customer's limit."""
        counter = key(f"customer.{measure}", "customer", "acme")
        ((use,),) = await self.ledger.usage(Charge(counter, 0, ((3600, 100),)))
        return use.used


async def test_what_is_full_is_refused_and_what_is_given_back_is_not() -> None:
    house = House(customer={"recipients_per_hour": 2})
    one, other = house.ration(), house.ration()
    assert await one.recipient(BOB) is None
    assert await one.recipient(CAROL) is None
    found = await other.recipient(BOB)
    assert found is not None
    assert (found.code, found.clause, found.action) == ("QUOTA", "MP-1d", "defer")
    assert str(found.reply) == "450 4.7.0 Limit of this account reached: 2 recipients per hour; may pass in 61 minutes"
    assert found.evidence == "customer (acme): 2 recipients per hour; may pass in 61 minutes"
    one.withdraw()
    assert await other.recipient(BOB) is None
    one.release()
    other.release()
    one.release()
    assert await house.used() == 0


async def test_it_is_told_how_the_customers_own_limits_stand_and_no_others() -> None:
    house = House(
        customer={"recipients_per_hour": 2, "bytes_per_hour": 900},
        credential={"recipients_per_day": 9},
        sender={"recipients_per_hour": 9},
        recipient_by_all={"messages_per_hour": 9},
    )
    one = house.ration()
    await one.recipient(BOB)
    assert house.told == [("customer", "recipients", "hour", 1, 2), ("credential", "recipients", "day", 1, 9)]
    await one.recipient(BOB)
    house.told.clear()
    assert await one.recipient(CAROL) is not None
    assert house.told == [("customer", "recipients", "hour", 2, 2)], "at the cap, also where it was filled elsewhere"
    house.told.clear()
    assert await one.message([BOB], 1000) is not None
    assert house.told == [], "too large alone: nothing is used up"
    assert await house.ration(observe=True).recipient(CAROL) is None
    assert house.told == [], "a customer that is only observed is told nothing"


@pytest.mark.parametrize(
    ("outcome", "count_refused", "used"),
    [
        ("accepted", False, 1),
        ("unknown", False, 1),
        ("refused", False, 0),
        ("refused", True, 1),
        ("deferred", True, 0),
    ],
)
async def test_what_became_of_it_at_the_next_hop_decides(outcome: str, count_refused: bool, used: int) -> None:
    limits = {"recipients_per_hour": 2, "messages_per_hour": 3, "bytes_per_hour": 5000}
    house = House(customer=limits, count_refused=count_refused)
    ration = house.ration()
    await ration.recipient(BOB)
    assert await ration.message([BOB], 700) is None
    ration.ended(outcome)
    ration.release()
    assert [await house.used(each) for each in ("recipients", "messages", "bytes")] == [used, used, 700 * used]


async def test_a_message_refused_by_us_costs_nothing_unless_policy_counts_it() -> None:
    for count_refused in (False, True):
        house = House(customer={"messages_per_hour": 3, "recipients_per_hour": 3}, count_refused=count_refused)
        ration = house.ration()
        await ration.recipient(BOB)
        await ration.refused([BOB], 700)
        ration.release()
        assert [await house.used(each) for each in ("messages", "recipients")] == [count_refused] * 2


async def test_a_message_is_charged_once_however_often_it_is_asked_for() -> None:
    house = House(customer={"messages_per_hour": 3}, count_refused=True)
    ration = house.ration()
    assert await ration.message([BOB], 700) is None
    await ration.refused([BOB], 700)
    assert await house.used("messages") == 1


async def test_recipients_that_are_left_out_are_given_back_each_time_they_were_named() -> None:
    house = House(customer={"recipients_per_hour": 4})
    ration = house.ration()
    for address in (BOB, CAROL, BOB):
        assert await ration.recipient(address) is None
    ration.leave_out([BOB])
    ration.settle()
    assert await house.used() == 1


async def test_a_hard_limit_is_550_and_one_beside_it_is_not() -> None:
    house = House(customer={"recipients_per_hour": 1, "recipients_per_30_days": 2, "hard": ["recipients_per_30_days"]})
    first, second = house.ration(), house.ration()
    assert await first.recipient(BOB) is None
    first.settle()
    soft = await second.recipient(BOB)
    assert soft is not None
    assert soft.reply.code == 450
    house.now += 3700
    assert await second.recipient(BOB) is None
    second.settle()
    found = await house.ration().recipient(BOB)
    assert found is not None
    assert (found.code, found.action) == ("QUOTA-HARD", "reject")
    assert str(found.reply).startswith("550 5.7.0 Limit of this account reached for good: 2 recipients per 30 days; ")


async def test_the_flood_of_one_mailbox_is_4_7_28_and_says_nothing_of_who_else_wrote() -> None:
    house = House(recipient_by_all={"messages_per_hour": 1})
    other = ACME.model_copy(update={"id": "globex"})
    first = house.ration(customer=other)
    assert await first.recipient(BOB) is None
    first.settle()
    second = house.ration(customer=other)
    found = await second.recipient(BOB)
    assert found is not None
    assert (found.code, found.clause) == ("FLOOD-RCPT", "MOD-2.1b")
    assert str(found.reply) == "450 4.7.28 Too many messages to this recipient; may pass in 61 minutes"
    assert found.evidence.startswith("recipient_by_all (one at recipient.example): 1 messages per hour")
    assert await second.recipient(CAROL) is None


async def test_reports_have_their_own_limit_and_never_count_against_a_sender() -> None:
    house = House(customer={"recipients_per_hour": 1}, report={"recipients_per_hour": 1})
    reports = house.ration(reverse_path=None)
    assert await reports.recipient(BOB) is None
    reports.settle()
    found = await house.ration(reverse_path=None).recipient(BOB)
    assert found is not None
    assert found.code == "QUOTA-REPORTS"
    assert str(found.reply).startswith("450 4.7.0 Limit of reports reached: 1 recipients per hour; ")
    assert await house.ration().recipient(BOB) is None


async def test_a_message_that_is_larger_than_its_limit_is_put_off_and_told_why() -> None:
    house = House(customer={"bytes_per_hour": 100})
    found = await house.ration().message([BOB], 101)
    assert found is not None
    expected = "Limit of this account reached: 100 bytes per hour; the message alone is larger"
    assert str(found.reply) == f"450 4.7.0 {expected}"


async def test_a_limit_of_zero_lets_nothing_pass_and_promises_nothing() -> None:
    found = await House(customer={"messages_per_day": 0}).ration().message([BOB], 1)
    assert found is not None
    assert str(found.reply).endswith(": 0 messages per day; not as long as the limit stands so")


async def test_octets_to_one_mailbox_or_domain_refuse_those_alone() -> None:
    house = House(recipient_by_customer={"bytes_per_hour": 1000})
    first = house.ration()
    assert await first.deliveries([BOB], 900) == {}
    first.settle()
    found = await house.ration().deliveries([BOB, CAROL], 900)
    assert {address: each.code for address, each in found.items()} == {BOB: "FLOOD-RCPT"}

    house = House(recipient_domain={"messages_per_hour": 1})
    first = house.ration()
    assert await first.deliveries([BOB, CAROL], 900) == {}
    first.settle()
    dave = Address.parse("dave@other.example")
    found = await house.ration().deliveries([BOB, CAROL, dave], 900)
    assert {address: each.code for address, each in found.items()} == {BOB: "FLOOD-DOMAIN", CAROL: "FLOOD-DOMAIN"}


async def test_where_all_is_observed_nothing_is_refused_and_each_limit_found_once() -> None:
    house = House(customer={"recipients_per_hour": 1, "messages_per_hour": 0})
    ration = house.ration(observe=True)
    assert [await ration.recipient(each) for each in (BOB, CAROL, BOB)] == [None, None, None]
    assert await ration.message([BOB], 1) is None
    observed = ration.observed
    assert [found.evidence.partition(":")[0] for found in observed] == ["customer (acme)"] * 2
    ration.withdraw()
    ration.settle()
    assert await house.used() == 1


async def test_refusals_are_counted_by_scope_measure_and_window() -> None:
    house = House(customer={"recipients_per_30_days": 0})
    await house.ration().recipient(BOB)
    labels = {"scope": "customer", "measure": "recipients", "window": "30_days"}
    assert house.metrics.registry.get_sample_value("postern_limited_total", labels) == 1
