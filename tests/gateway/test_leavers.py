"""Leavers: who leaves is told to the customer's webhook: signed, once, though it fails first, whatever dies."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.customers import Customer
from config.webhooks import Webhook
from consent.address import Address
from consent.database import RegistryDown
from consent.keys import key_text
from consent.lists import ListStore, new_list
from consent.model import ALL, Event, Reason, State, micros
from consent.outbox import MOST_WAITING, Outbox, OutboxFull
from consent.unsubscribe import Token
from gateway.app import Gateway
from gateway.audit.withdrawals import Withdrawals
from gateway.consents import By, Told
from gateway.leavers import Leavers
from gateway.posting import secret_text
from tests.gateway.test_webhooks import until
from tests.rig.gateway import CUSTOMERS, Clock, running
from tests.rig.hooks import Hooks
from tests.rig.registry import sqlite
from tests.rig.unsubscribing import REFERENCE, later, token_of

NOW = Clock().now
BOB = "Bob@recipient.example"
KEY = b"\x01" + bytes(32)
HOOK = Webhook(url="https://hooks.acme.example/")
ACME = Customer(id="acme", name="Acme", domains=("acme.example",), webhook=HOOK)
MUTE = Customer(id="mute", name="Mute", domains=("mute.example",), contact="ann@mute.example")
TOKEN = Token("acme", "spring", KEY, REFERENCE, BOB)


def withdrawn(**more: Any) -> Event:
    values: dict[str, Any] = {
        "state": State.WITHDRAWN, "party": ALL, "list": "spring", "at": micros(NOW), "recorded": micros(NOW),
        "reason": Reason.ONE_CLICK, "source": f"message {REFERENCE}", "origin": "unsubscribe:aa",
    }  # fmt: skip
    return Event(**{**values, **more})


class Desk:
    """Leavers of one process."""

    def __init__(self, database: Any) -> None:
        self.clock, self.outbox, self.alarms = Clock(), Outbox(database), list[str]()
        self.customers = {"acme": ACME, "mute": MUTE}
        lists = ListStore(database)
        self.leavers = Leavers(
            self.outbox, lists, self.customers.get, self.clock, lambda part, text: self.alarms.append(f"{part}: {text}")
        )

    async def told(self) -> list[dict[str, Any]]:
        """What stands in the outbox, oldest first, after all was written."""
        await self.leavers.close()
        return [json.loads(each.body) for each in self.outbox.list()][::-1]


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    with sqlite(folder) as database:
        yield Desk(database)


async def test_who_left_which_list_how_and_when(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        made.leavers.left(TOKEN, withdrawn())
        (event,) = await made.told()
    assert event["type"] == "unsubscribe"
    assert event["data"] == {
        "customer": "acme", "list": "spring", "method": "one_click", "at": "2026-11-20T10:00:00.000+00:00",
        "address": BOB, "key": key_text(KEY), "reference": REFERENCE, "party": "acme",
    }  # fmt: skip


async def test_everything_is_no_list_and_an_address_that_is_not_known_is_null(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        made.leavers.left(
            Token("acme", None, KEY, ""),
            withdrawn(list=ALL, reason=Reason.MAILTO, source="", origin="unsubscribe:mail"),
        )
        (event,) = await made.told()
    data = event["data"]
    assert (data["list"], data["method"], data["address"], data["reference"]) == (None, "mailto", None, None)


async def test_the_party_is_that_of_the_list(tmp_path: Path) -> None:
    with sqlite(tmp_path) as database:
        made = Desk(database)
        assert ListStore(database).put(ACME, new_list(ACME, "spring", 1, party="garden"))
        made.leavers.left(TOKEN, withdrawn())
        (event,) = await made.told()
    assert event["data"]["party"] == "garden"


async def test_what_was_undone_names_the_lists_that_were_given_back(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        given = [withdrawn(state=State.CONFIRMED, list=name, reason="", source="page") for name in ("*", "spring")]
        made.leavers.undone(TOKEN, given)
        made.leavers.undone(TOKEN, given)
        (event,) = await made.told()
    assert event["type"] == "unsubscribe.undone"
    assert (event["data"]["lists"], event["data"]["address"]) == ([None, "spring"], BOB)


async def test_one_event_is_told_once_and_another_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        for recorded in (1, 1, 2, 1):
            made.leavers.left(TOKEN, withdrawn(recorded=recorded))
        assert len(await made.told()) == 2


async def test_without_a_webhook_or_a_customer_nobody_is_told(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        for name in ("mute", "gone"):
            made.leavers.left(Token(name, "spring", KEY, REFERENCE, BOB), withdrawn())
        assert await made.told() == []


async def test_what_waits_for_the_registry_is_told_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.leavers._AGAIN_SECONDS", 0.01)
    async with desk(tmp_path) as made:
        with monkeypatch.context() as away:

            def down(*arguments: object, **more: object) -> None:
                raise RegistryDown("registry: gone")

            away.setattr(Outbox, "add", down)
            running = asyncio.create_task(made.leavers.run())
            made.leavers.left(TOKEN, withdrawn())
            await until(lambda: bool(made.alarms))
            assert made.alarms[0] == "unsubscribe: telling of who left waits: registry: gone"
        await until(lambda: len(made.outbox.list()) == 1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_full_outbox_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **more: object) -> None:
        raise OutboxFull(f"customer 'acme': {MOST_WAITING} dispatches wait already")

    async with desk(tmp_path) as made:
        monkeypatch.setattr(Outbox, "add", full)
        made.leavers.left(TOKEN, withdrawn())
        assert await made.told() == []
        assert made.alarms == [
            f"unsubscribe: who left is not told: customer 'acme': {MOST_WAITING} dispatches wait already"
        ]


async def test_a_stop_while_a_thread_still_writes_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task is cancelled, its thread goes on, and `close` comes beside it."""
    entered, go_on, add = threading.Event(), threading.Event(), Outbox.add

    def slow(self: Outbox, *arguments: Any, **more: Any) -> str | None:
        entered.set()
        assert go_on.wait(60)
        return add(self, *arguments, **more)

    async with desk(tmp_path) as made:
        with monkeypatch.context() as slowly:
            slowly.setattr(Outbox, "add", slow)
            running = asyncio.create_task(made.leavers.run())
            for recorded in (1, 2, 3):
                made.leavers.left(TOKEN, withdrawn(recorded=recorded))
            await asyncio.to_thread(entered.wait, 60)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            closing = asyncio.create_task(made.leavers.close())
            await asyncio.sleep(0)
            go_on.set()
            await closing
        assert len(made.outbox.list()) == 3


# -- whole


SETTINGS: dict[str, Any] = {"webhooks": {"allow_networks": ["127.0.0.0/8", "::1/128"]}}


def hooked(hooks: Hooks) -> dict[str, Any]:
    """Customer acme with that webhook, and settings that let it be there."""
    webhook = {"url": f"https://localhost:{hooks.port}/in"}
    customers = [{**each, "webhook": webhook} if each["id"] == "acme" else each for each in CUSTOMERS]
    settings = {"webhooks": {**SETTINGS["webhooks"], "ca_file": str(hooks.certificate.cert)}}
    return {"customers": customers, "settings": settings}


def opt_in(gateway: Gateway, *names: str) -> None:
    customer = gateway.stores.customers.get("acme").customer
    for name in names or ("newsletter",):
        told = Told(State.GIVEN, name, ip="203.0.113.7", source="signup page", notice="signup-3")
        gateway.consents.record(customer, Address.parse(BOB), told, By("test", operator=False))
    later(gateway, minutes=1)


async def test_a_click_and_its_undo_reach_a_webhook_that_fails_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.webhooks.PAUSES", (timedelta(0),))
    async with Hooks(tmp_path, 500, b"HTTP/1.1 302 Found\r\nlocation: https://evil.example/\r\n\r\n", 200) as hooks:
        async with running(tmp_path, **hooked(hooks)) as (gateway, _, _):
            opt_in(gateway)
            (link,) = await asyncio.to_thread(made, gateway)
            async with httpx.AsyncClient(base_url=f"http://{gateway.http_address}", timeout=120) as client:
                assert (await client.post(link, data={"List-Unsubscribe": "One-Click"})).text == "Unsubscribed\n"
                await hooks.until(3)
                later(gateway, minutes=1)
                assert (await client.post(link, data={"act": "undo"})).status_code == 200
                first, second, third, undone = await hooks.until(4)
            secret = secret_text(gateway.stores.secrets.webhook_secret("acme", 1))
    assert first.body == second.body == third.body
    assert len({each.headers["webhook-id"] for each in (first, second, third)}) == 1
    assert all(each.signed_by(secret) for each in hooks.received)
    event, back = json.loads(first.body), json.loads(undone.body)
    assert (event["type"], event["data"]["address"], event["data"]["list"]) == ("unsubscribe", BOB, "newsletter")
    assert (back["type"], back["data"]["lists"]) == ("unsubscribe.undone", ["newsletter"])


def made(gateway: Gateway) -> list[str]:
    """The path of Bob's link, made as for mail."""
    token = Token("acme", "newsletter", token_of(gateway, BOB).key, REFERENCE, BOB)
    return ["/u/" + gateway.unsubscribe_tokens.make(token, gateway.clock())]


async def test_a_mail_from_the_recipient_itself_tells_the_address(tmp_path: Path) -> None:
    async with Hooks(tmp_path) as hooks:
        async with running(tmp_path, **hooked(hooks)) as (gateway, _, _):
            opt_in(gateway, "newsletter")
            token = token_of(gateway, BOB)
            mailbox = gateway.unsubscribe_tokens.make_mailbox(token, gateway.clock())
            short = gateway.unsubscribe_tokens.read_mailbox(mailbox)
            senders = [Address.parse("eve@evil.example"), Address.parse("bob@recipient.example")]
            assert await asyncio.to_thread(gateway.unsubscribes.leave_by_mail, short, senders) == 1
            (got,) = await hooks.until(1)
    data = json.loads(got.body)["data"]
    assert (data["method"], data["address"]) == ("mailto", "bob@recipient.example")


async def test_what_a_crash_took_from_memory_is_told_at_the_next_start_and_nothing_twice(tmp_path: Path) -> None:
    async with Hooks(tmp_path) as hooks:
        values = hooked(hooks)
        async with running(tmp_path, **values) as (gateway, _, _):
            opt_in(gateway)
            # As a process leaves it that dies between the audit's record and the outbox: two, of which one was told.
            heard, unheard = (withdrawn(recorded=micros(gateway.clock()), origin=f"unsubscribe:{n}") for n in "ab")
            await gateway.journal.append(Withdrawals("acme", [(KEY, heard), (KEY, unheard)]))
            await gateway.journal.append(Withdrawals("acme", [(KEY, withdrawn(origin="api"))]))
            gateway.leavers.left(TOKEN, heard)
            await hooks.until(1)
            later(gateway, minutes=1)
            clock = gateway.clock
        async with running(tmp_path, clock=clock, **values) as (gateway, _, _):
            await hooks.until(2)
            await until(lambda: not gateway.stores.outbox.list(status="waiting"))
            shown = gateway.stores.outbox.list(customer="acme")
    assert len(hooks.received) == len(shown) == 2
    one, two = (json.loads(each.body)["data"] for each in hooks.received)
    assert (one["address"], two["address"]) == (BOB, None)
    assert one["key"] == two["key"]
