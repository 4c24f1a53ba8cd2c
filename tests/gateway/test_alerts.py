"""Alerts: a limit is told at 90 and 100 per cent, once per window, over all processes, and costs the mail nothing."""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.customers import Customer
from config.webhooks import Webhook
from consent.database import Database, RegistryDown
from consent.outbox import Outbox, OutboxFull
from gateway import alerts as module
from gateway.alerts import MAIL_PAUSE, Alerts, mark
from gateway.audit.errors import JournalClosed
from gateway.audit.record import Act
from tests.gateway.test_webhooks import until
from tests.rig.gateway import Clock
from tests.rig.registry import sqlite

NOW = Clock().now


class Desk:
    """Alerts of one process on an outbox that others may share."""

    def __init__(self, database: Database) -> None:
        self.outbox = Outbox(database)
        self.acts: list[Act] = []
        self.alarms: list[str] = []
        hook = Webhook(url="https://hooks.acme.example/")
        self.customers = {
            "acme": Customer(id="acme", name="Acme", domains=("acme.example",), webhook=hook),
            "mail": Customer(id="mail", name="Mail", domains=("mail.example",), contact="ann@mail.example"),
            "mute": Customer(id="mute", name="Mute", domains=("mute.example",)),
        }
        self.alerts = Alerts(
            self.outbox, self.customers.get, lambda customer: bool(customer.contact), self.acts.append,
            lambda part, text: self.alarms.append(f"{part}: {text}"),
        )  # fmt: skip

    async def limit(self, used: int, now: datetime = NOW, *, customer: str = "acme", **more: Any) -> int:
        """Say it and have it written; how many dispatches there are."""
        self.say(used, now, customer=customer, **more)
        await self.alerts.close()
        return len(self.outbox.list())

    def say(self, used: int, now: datetime = NOW, *, customer: str = "acme", **more: Any) -> None:
        """Say it."""
        values = {"credential": None, "scope": "customer", "measure": "recipients", "window": "hour", "cap": 1000}
        self.alerts.limit(customer, used=used, now=now, **{**values, **more})

    @property
    def levels(self) -> list[int]:
        """What was told, oldest first."""
        return [json.loads(each.body)["data"]["level"] for each in self.outbox.list()][::-1]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with sqlite(tmp_path) as made:
        yield made


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def test_at_90_and_at_100_per_cent_each_once(desk: Desk) -> None:
    counts = [await desk.limit(used) for used in (1, 899, 900, 950, 999, 1000, 1001, 950)]
    assert counts == [0, 0, 1, 1, 1, 2, 2, 2]
    assert sorted(desk.levels) == [90, 100]


async def test_again_when_the_window_is_over(desk: Desk) -> None:
    hour, second = timedelta(hours=1), timedelta(seconds=1)
    assert await desk.limit(950) == 1
    assert await desk.limit(950, NOW + hour - second) == 1
    assert await desk.limit(950, NOW + hour) == 2


async def test_who_is_told_of_100_is_not_told_of_90_behind_it(desk: Desk) -> None:
    assert await desk.limit(1000) == 1
    assert await desk.limit(950, NOW + timedelta(minutes=5)) == 1
    other = Desk(desk.outbox._database)
    assert await other.limit(950, NOW + timedelta(minutes=5)) == 1, "nor by another process"
    assert desk.levels == [100]


async def test_another_process_does_not_tell_it_again(desk: Desk) -> None:
    other = Desk(desk.outbox._database)
    assert await desk.limit(950) == 1
    assert await other.limit(951, NOW + timedelta(minutes=1)) == 1
    assert (len(desk.acts), len(other.acts)) == (1, 0)
    assert await other.limit(951, NOW + timedelta(hours=1)) == 2, "and tells it when the first one's window is over"


@pytest.mark.parametrize(
    "other",
    [{"customer": "mail"}, {"credential": "app"}, {"scope": "stream"}, {"measure": "bytes"}, {"window": "day"}],
)
async def test_each_limit_is_told_by_itself(desk: Desk, other: dict[str, Any]) -> None:
    assert await desk.limit(950) == 1
    assert await desk.limit(950, **other) == 2


async def test_a_cap_of_nothing_is_a_switch_and_not_told(desk: Desk) -> None:
    assert await desk.limit(0, cap=0) == 0
    assert await desk.limit(5, cap=0) == 0
    assert await desk.limit(1, cap=1) == 1


def test_a_window_that_is_none_is_a_fault_of_the_caller(desk: Desk) -> None:
    with pytest.raises(KeyError):
        desk.say(950, window="fortnight")


async def test_by_mail_at_most_once_an_hour(desk: Desk) -> None:
    def minute(minutes: float, customer: str) -> Any:
        return desk.limit(100, NOW + timedelta(minutes=minutes), customer=customer, window="minute", cap=100)

    assert [await minute(each, "mail") for each in (0, 1, 59, 60)] == [1, 1, 1, 2]
    assert timedelta(hours=1) == MAIL_PAUSE
    assert [await minute(each, "acme") for each in (0, 0.5, 1, 2)] == [3, 3, 4, 5], "a webhook is told each minute"


async def test_what_is_told_stands_in_the_audit_and_says_how(desk: Desk) -> None:
    for customer in ("acme", "mail", "mute", "unknown"):
        await desk.limit(950, customer=customer, credential="app")
    assert [(act.customer, act.target, act.act, act.details["told"]) for act in desk.acts] == [
        ("acme", "app", "limit reached", "webhook"),
        ("mail", "app", "limit reached", "mail"),
        ("mute", "app", "limit reached", "nobody"),
        ("unknown", "app", "limit reached", "nobody"),
    ]
    ids = {each.customer: each.id for each in desk.outbox.list()}
    assert ids.keys() == {"acme", "mail"}
    assert desk.acts[0].details == {
        "scope": "customer", "measure": "recipients", "window": "hour", "window_seconds": 3600, "level": 90,
        "used": 950, "cap": 1000, "told": "webhook", "dispatch": ids["acme"],
    }  # fmt: skip
    assert "dispatch" not in desk.acts[2].details
    await desk.limit(950, customer="mute", credential="app")
    assert len(desk.acts) == 4


async def test_what_was_told_costs_no_look_into_the_registry(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.limit(950)
    monkeypatch.setattr(Outbox, "add", None)
    for used in range(900, 1000):
        desk.say(used)
        await desk.alerts.close()


async def test_a_registry_that_is_down_delays_it_and_loses_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(self: Outbox, *arguments: object, **more: object) -> None:
        raise RegistryDown("registry: gone")

    with monkeypatch.context() as patched:
        patched.setattr(Outbox, "add", down)
        for used in (950, 960, 1000):
            assert await desk.limit(used) == 0
    assert desk.alarms == ["alerts: what customers are told waits for the registry: registry: gone"], "one a minute"
    await desk.alerts.close()
    assert sorted(desk.levels) == [90, 100]


async def test_a_full_outbox_and_a_closed_journal_are_no_fault_of_the_mail(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Outbox, *arguments: object, **more: object) -> None:
        raise OutboxFull("customer 'acme': 10000 dispatches wait already")

    with monkeypatch.context() as patched:
        patched.setattr(Outbox, "add", full)
        await desk.limit(950)
    assert desk.alarms == ["alerts: customer 'acme': 10000 dispatches wait already"]

    def closed(act: Act) -> None:
        raise JournalClosed("closed")

    desk.alerts._note = closed
    assert await desk.limit(950, customer="mail") == 1


async def test_what_is_remembered_and_what_waits_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 3)
    monkeypatch.setattr(module, "_PENDING", 2)
    for name in "abcd":
        desk.say(950, credential=name)
    assert desk.alarms == ["alerts: 2 alerts wait to be written: more are not told"]
    await desk.alerts.close()
    assert len(desk.outbox.list()) == 2
    for name in "abcd":
        await desk.limit(950, credential=name)
    assert len(desk.outbox.list()) == 4, "what was not told is told with the next message"
    assert len(desk.alerts._told) == 3
    assert await desk.limit(950, credential="a") == 4, "what memory forgets the registry knows"


async def test_it_is_written_in_the_background(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AGAIN_SECONDS", 0)
    add, failures = Outbox.add, [RegistryDown("registry: gone")]

    def once_down(self: Outbox, *arguments: Any, **more: Any) -> str | None:
        if failures:
            raise failures.pop()
        return add(self, *arguments, **more)

    monkeypatch.setattr(Outbox, "add", once_down)
    worker = asyncio.create_task(desk.alerts.run())
    desk.say(950)
    await until(lambda: len(desk.outbox.list()) == 1)
    desk.say(1000)
    await until(lambda: len(desk.outbox.list()) == 2)
    worker.cancel()


def test_no_two_limits_have_one_key() -> None:
    assert mark(("a", "b c", "d", "e", "f"), 90) != mark(("a", "b", "c d", "e", "f"), 90)
    assert mark(("a", "b", "c", "d", "e"), 90) != mark(("a", "b", "c", "d", "e"), 100)
