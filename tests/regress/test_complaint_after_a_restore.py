"""A registry restored from a copy older than a complaint had the complaint told again, and yet sent its list's mail on
consents that the complaint had made too weak."""

from datetime import timedelta
from pathlib import Path

from consent.address import Address
from gateway.app import Gateway
from gateway.consents import By
from tests.rig.gateway import Clock, running
from tests.rig.restoring import ANN, copied, put_back

BY = By("token:1", operator=True)


def _complaints(gateway: Gateway) -> dict[str, int | None]:
    acme = gateway.stores.customers.get("acme").customer
    return {each.id: each.complaint for each in gateway.consents.lists.all(acme)}


async def test_a_list_needs_after_a_restore_what_a_complaint_made_it_need(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, clock=clock) as (gateway, _, _):
        acme = gateway.stores.customers.get("acme").customer
        gateway.consents.withdraw(acme, Address.parse("first@recipient.example"), BY, name="news")
    copied(tmp_path, "copy")
    clock.now += timedelta(days=3)
    async with running(tmp_path, clock=clock) as (gateway, _, _):
        gateway.consents.withdraw(acme, ANN, BY, name="news", reason="complaint")
        gateway.consents.withdraw(acme, ANN, BY, name="later", reason="complaint")
        gateway.consents.withdraw(acme, ANN, BY, name="other")
        before = _complaints(gateway)
        assert before["news"] and before["later"] and not before["other"]
    put_back(tmp_path, "copy")
    async with running(tmp_path, clock=clock) as (gateway, _, _):
        after = _complaints(gateway)
        assert (after["news"], after["later"]) == (before["news"], before["later"])
        assert gateway.stores.consents.verify().faults == []
    async with running(tmp_path, clock=clock) as (gateway, _, _):
        # Once all is told, what the operator lowers stays so.
        gateway.consents.lists.lower(acme, "news")
    async with running(tmp_path, clock=clock) as (gateway, _, _):
        assert _complaints(gateway)["news"] is None


async def test_a_complaint_about_all_lists_raises_them_all_again(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, clock=clock) as (gateway, _, _):
        acme = gateway.stores.customers.get("acme").customer
        gateway.consents.withdraw(acme, Address.parse("first@recipient.example"), BY, name="news")
    copied(tmp_path, "copy")
    async with running(tmp_path, clock=clock) as (gateway, _, _):
        gateway.consents.withdraw(acme, ANN, BY, reason="complaint")
    put_back(tmp_path, "copy")
    async with running(tmp_path, clock=clock) as (gateway, _, _):
        assert _complaints(gateway)["news"]
