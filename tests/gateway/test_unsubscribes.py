"""What a token does to the registry, whatever the registry, the clocks and the audit do meanwhile."""

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consent.address import Address
from consent.database import RegistryDown
from consent.decide import decide
from consent.model import Event, Known, Reason, State, micros
from consent.standing import build
from consent.store import ConsentStore
from consent.unsubscribe import NoToken, Token
from gateway import unsubscribes as module
from gateway.app import Gateway
from gateway.audit.withdrawals import Group, withdrawals
from gateway.consents import By, Stop, Told
from tests.rig.gateway import CUSTOMERS, Clock, running
from tests.rig.unsubscribing import token_of

BOB = Address.parse("bob@recipient.example")
BY = By("test", operator=False)


def opt_in(gateway: Gateway, name: str = "newsletter") -> None:
    told = Told(State.GIVEN, name, ip="203.0.113.7", source="signup page", notice="signup-3")
    gateway.consents.record(gateway.stores.customers.get("acme").customer, BOB, told, BY)


def reason(gateway: Gateway, name: str = "newsletter") -> str | None:
    (decision,) = gateway.consents.check(gateway.stores.customers.get("acme").customer, [BOB], name)
    return decision.reason


def events(gateway: Gateway) -> list[Event]:
    return [each.event for each in gateway.stores.consents.history("acme", BOB)]


def later(gateway: Gateway, **time: float) -> None:
    assert isinstance(gateway.clock, Clock)
    gateway.clock.now += timedelta(**time)


async def run(work: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.to_thread(work, *args)


async def leave(gateway: Gateway, token: Token, **more: Any) -> None:
    await gateway.unsubscribes.leave(token, Reason.WEB, run, **more)


async def test_a_registry_that_hangs_keeps_nobody_waiting_and_what_both_wrote_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REGISTRY_SECONDS", 0.05)
    async with running(tmp_path) as (gateway, _, _):
        opt_in(gateway)
        go_on, real = threading.Event(), ConsentStore.append_by_key

        def slow(self: ConsentStore, *args: Any, **kwargs: Any) -> Any:
            assert go_on.wait(20)
            return real(self, *args, **kwargs)

        monkeypatch.setattr(ConsentStore, "append_by_key", slow)
        threads: list[asyncio.Task[Any]] = []

        async def shielded(work: Callable[..., Any], *args: Any) -> Any:
            threads.append(asyncio.create_task(asyncio.to_thread(work, *args)))
            return await asyncio.shield(threads[-1])

        await gateway.unsubscribes.leave(token_of(gateway, BOB.text), Reason.ONE_CLICK, shielded)
        assert reason(gateway) is None
        go_on.set()
        await threads[0]
        assert reason(gateway) == "WITHDRAWN"
        await asyncio.to_thread(gateway.restore.look)
        assert [each.state for each in events(gateway)] == ["given", "withdrawn"]


async def test_a_click_that_the_audit_alone_has_holds_after_the_process_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*args: Any, **kwargs: Any) -> Any:
        raise RegistryDown("away")

    async with running(tmp_path) as (gateway, _, _):
        opt_in(gateway)
        with monkeypatch.context() as away:
            for name in ("write", "restore", "last_batch", "history_by_key"):
                away.setattr(ConsentStore, name, down)
            await leave(gateway, token_of(gateway, BOB.text), everything=True)
            await gateway.stop()
        assert [each.state for each in events(gateway)] == ["given"]
        found = list(withdrawals(gateway.settings.data_dir / "audit", ""))
        assert [(each.customer, len(each.items)) for each in found if isinstance(each, Group)] == [("acme", 1)]
    async with running(tmp_path) as (gateway, _, _):
        assert reason(gateway) == reason(gateway, "another") == "WITHDRAWN"


async def test_an_erased_person_stays_erased_and_stopped(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        opt_in(gateway)
        gateway.consents.erase(gateway.stores.customers.get("acme").customer, BOB, BY)
        later(gateway, minutes=1)
        token = token_of(gateway, BOB.text)
        await leave(gateway, token)
        assert not gateway.unsubscribes.view(token).undo
        assert not gateway.unsubscribes.undo(token)
        assert reason(gateway) == "WITHDRAWN"
        history = gateway.stores.consents.history("acme", BOB)
        assert all(not each.personal for each in history)


async def test_undo_outweighs_a_withdrawal_recorded_by_a_clock_that_is_ahead(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        opt_in(gateway)
        token = token_of(gateway, BOB.text)
        later(gateway, seconds=40)
        await leave(gateway, token)
        later(gateway, seconds=-30)
        assert gateway.unsubscribes.undo(token)
        assert not gateway.unsubscribes.undo(token)
        later(gateway, seconds=31)
        assert reason(gateway) is None


async def test_undo_reaches_the_grade_that_the_customer_needs(tmp_path: Path) -> None:
    customers = [{**CUSTOMERS[0], "minimum_grade": "E3"}, *CUSTOMERS[1:]]
    async with running(tmp_path, customers=customers) as (gateway, _, _):
        token = token_of(gateway, BOB.text)
        opt_in(gateway)
        assert reason(gateway) == "EVIDENCE-LOW"
        await leave(gateway, token)
        later(gateway, minutes=1)
        # What was no ground before is none after.
        assert not gateway.unsubscribes.undo(token)


async def test_a_list_that_nobody_has_named_and_a_customer_that_is_none(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        view = gateway.unsubscribes.view(token_of(gateway, BOB.text, "never-named"))
        assert (view.list, view.party.name, view.ground, view.left_list) == ("never-named", "Acme Ltd", None, False)
        for ask in (gateway.unsubscribes.view, gateway.unsubscribes.view_without_registry, gateway.unsubscribes.undo):
            with pytest.raises(NoToken):
                ask(token_of(gateway, BOB.text, customer="nobody"))


async def test_each_way_to_leave_is_told_once_it_is_durable(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        opt_in(gateway)
        told: list[tuple[str, str]] = []
        gateway.unsubscribes._left = lambda token, event: told.append((event.list, reason(gateway) or ""))
        token = token_of(gateway, BOB.text)
        await leave(gateway, token)
        await leave(gateway, token)
        short = gateway.unsubscribe_tokens.read_mailbox(gateway.unsubscribe_tokens.make_mailbox(token, gateway.clock()))
        assert gateway.unsubscribes.leave_by_mail(short) == 1
        assert told == [("newsletter", "WITHDRAWN")] * 2


async def test_what_was_missed_stays_missed_until_it_is_handed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*args: Any, **kwargs: Any) -> Any:
        raise RegistryDown("away")

    async with running(tmp_path) as (gateway, _, _):
        opt_in(gateway)
        with monkeypatch.context() as away:
            away.setattr(ConsentStore, "append_by_key", down)
            # The registry comes back, but not yet for the replay.
            away.setattr(ConsentStore, "restore", down)
            await leave(gateway, token_of(gateway, BOB.text))
            for _ in range(3):
                with pytest.raises(RegistryDown):
                    await asyncio.to_thread(gateway.restore.look)
        await asyncio.to_thread(gateway.restore.look)
        assert reason(gateway) == "WITHDRAWN"
        # And nothing is replayed that was handed in.
        assert await asyncio.to_thread(gateway.restore.look) is None


ACTS = (
    "leave list",
    "leave all",
    "undo",
    "other token",
    "withdraw",
    "complain",
    "suppress",
    "opt in",
    "an hour",
    "a day",
)
OFTEN = (*ACTS, *("leave list", "leave all", "undo", "undo") * 3)


async def test_whatever_else_is_done_an_undo_allows_nothing_that_the_token_had_not_taken(tmp_path: Path) -> None:
    """Without what was done with the token, all that is allowed after an undo was allowed too."""
    async with running(tmp_path) as (gateway, _, _):
        loop, people, undone = asyncio.get_running_loop(), count(), count()
        acme, consents = gateway.stores.customers.get("acme").customer, gateway.consents

        @settings(max_examples=60, deadline=None)
        @example(["leave all", "undo"])
        @example(["leave list", "an hour", "undo", "leave all", "undo", "complain"])
        @given(st.lists(st.sampled_from(OFTEN), min_size=4, max_size=8))
        def holds(acts: list[str]) -> None:
            address = Address.parse(f"reader-{next(people)}@recipient.example")
            token = token_of(gateway, address.text)
            told = Told(State.GIVEN, "newsletter", ip="203.0.113.7", source="signup page", notice="signup-3")
            consents.record(acme, address, told, BY)
            consents.lists.lower(acme, "newsletter")  # what another's complaint raised
            for act in acts:
                later(gateway, seconds=1)
                if act.startswith("leave") or act == "other token":
                    used = token_of(gateway, address.text, reference="0" * 26) if act == "other token" else token
                    left = leave(gateway, used, everything=act == "leave all")
                    asyncio.run_coroutine_threadsafe(left, loop).result(30)
                elif act in ("withdraw", "complain"):
                    consents.withdraw(
                        acme, address, BY, name="newsletter", reason="complaint" if act == "complain" else ""
                    )
                elif act == "suppress":
                    consents.suppress(acme, Stop(address, Reason.INVALID), BY)
                elif act == "opt in":
                    consents.record(acme, address, told, BY)
                elif act == "undo":
                    if gateway.unsubscribes.undo(token):
                        next(undone)
                        check(address, token)
                else:
                    later(gateway, hours=24 if act == "a day" else 1)

        def check(address: Address, token: Token) -> None:
            later(gateway, seconds=1)
            history = gateway.stores.consents.history("acme", address)
            mine = module._origin(token)
            before = build((each.number, each.event) for each in history if each.event.origin != mine)
            for name in ("newsletter", "another"):
                (now,) = consents.check(acme, [address], name)
                mailing = consents.mailing(acme, consents._list(acme, name), gateway.clock())
                then = decide(mailing, Known(own=before), consents.profiles, micros(gateway.clock()))
                assert then.allowed or not now.allowed, (name, then, now)

        await asyncio.to_thread(holds)
        assert next(undone) > 10, "too few to tell"
