"""What transactions ask the registry: together, in time, and not at all while it is away."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from config.customers import Customer
from consent.address import Address
from consent.database import RegistryDown, RegistryError
from consent.lists import MailingList
from consent.model import Known
from gateway import registry as module
from gateway.app import Gateway
from gateway.registry import FRESH, PAUSE, Registry, RegistryAway
from tests.rig import postgres
from tests.rig.bulk import BULK_CUSTOMERS, consents
from tests.rig.gateway import running

BOB, ANN, EVE = (Address.parse(f"{name}@recipient.example") for name in ("bob", "ann", "eve"))


class World:
    """A registry of which BOB and ANN are on file for list `spring`, and the alarms that were raised."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway, self.time, self.alarms = gateway, 1000.0, list[str]()
        entry = gateway.directory.get("acme")
        assert entry is not None
        self.acme: Customer = entry.customer
        self.registry = Registry(gateway.consents, lambda part, text: self.alarms.append(text), lambda: self.time)

    async def has(self, *addresses: Address) -> list[bool]:
        return [bool(each.own.grants) for each in await self.registry.known(self.acme, addresses)]

    async def until_idle(self) -> None:
        """All that was asked is answered, whoever waits for it."""
        async with asyncio.timeout(60):
            while self.registry._under_way or self.registry._reading:  # noqa: ASYNC110 - nobody signals it
                await asyncio.sleep(0.005)


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running(tmp_path, customers=BULK_CUSTOMERS) as (gateway, _, _):
        await consents(gateway, BOB.text, ANN.text)
        made = World(gateway)
        yield made
        made.registry.close()


class Gate:
    """The registry's answers, held back until `open`."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open, self.begun, self.asked = threading.Event(), threading.Event(), list[Sequence[Address]]()
        known = world.gateway.consents.store.known

        def held(customer: str, addresses: Sequence[Address]) -> list[Known]:
            self.asked.append(addresses)
            self.begun.set()
            assert self.open.wait(60)
            return known(customer, addresses)

        monkeypatch.setattr(world.gateway.consents.store, "known", held)


async def test_it_tells_what_is_on_file_in_order(world: World) -> None:
    assert await world.has(EVE, BOB, ANN, EVE) == [False, True, True, False]
    assert await asyncio.gather(*(world.has(each) for each in (BOB, EVE, ANN))) == [[True], [False], [True]]


async def test_those_that_come_meanwhile_are_asked_in_one_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, turns, answers = Gate(world, monkeypatch), list[int](), world.registry._answers

    def counted(questions: Sequence[Any]) -> list[Any]:
        turns.append(len(questions))
        return answers(questions)

    monkeypatch.setattr(world.registry, "_answers", counted)
    first = asyncio.create_task(world.has(BOB))
    assert await asyncio.to_thread(gate.begun.wait, 60)
    more = [asyncio.create_task(world.has(each)) for each in (ANN, EVE) * 20]
    await asyncio.sleep(0)
    gate.open.set()
    assert await first == [True]
    assert await asyncio.gather(*more) == [[True], [False]] * 20
    assert turns == [1, 40]


async def test_who_is_gone_is_not_asked_for_and_takes_nobody_along(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(world, monkeypatch)
    first = asyncio.create_task(world.has(BOB))
    assert await asyncio.to_thread(gate.begun.wait, 60)
    gone, stays = asyncio.create_task(world.has(EVE)), asyncio.create_task(world.has(ANN))
    await asyncio.sleep(0)
    for each in (first, gone):
        each.cancel()
    await asyncio.wait((first, gone))
    gate.open.set()
    assert await stays == [True]
    await world.until_idle()
    assert gate.asked == [(BOB,), (ANN,)]
    assert world.registry._waiting == []
    assert await world.has(BOB) == [True]


async def test_what_it_cannot_tell_of_one_is_no_matter_of_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = world.gateway.consents.store.known

    def damaged(customer: str, addresses: Sequence[Address]) -> list[Known]:
        if EVE in addresses:
            raise RegistryError("the standing cannot be read")
        return known(customer, addresses)

    monkeypatch.setattr(world.gateway.consents.store, "known", damaged)
    found = await asyncio.gather(*(world.has(each) for each in (EVE, BOB)), return_exceptions=True)
    assert isinstance(found[0], RegistryAway)
    assert found[1] == [True]
    assert await world.has(ANN) == [True]
    assert world.alarms == ["bulk mail is put off: the standing cannot be read"]


async def test_while_it_is_away_one_asks_each_pause_and_an_alarm_a_minute(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def down(customer: str, addresses: Sequence[Address]) -> list[Known]:
        nonlocal asked
        asked += 1
        raise RegistryDown("gone")

    with monkeypatch.context() as patch:
        patch.setattr(world.gateway.consents.store, "known", down)
        for pause in range(70):
            for _ in range(3):
                with pytest.raises(RegistryAway):
                    await world.has(BOB)
            assert asked == pause + 1
            world.time += PAUSE
    assert len(world.alarms) == 2
    assert await world.has(BOB) == [True]
    assert await world.has(BOB) == [True]


async def test_lists_are_read_once_for_all_who_ask_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    reads, every = list[str](), world.gateway.consents.lists.all

    def counted(customer: Customer) -> Sequence[MailingList]:
        reads.append(customer.id)
        return every(customer)

    monkeypatch.setattr(world.gateway.consents.lists, "all", counted)
    rolls = await asyncio.gather(*(world.registry.roll(world.acme) for _ in range(50)))
    assert reads == ["acme"]
    assert all(each is rolls[0] for each in rolls)
    world.time += FRESH - 0.1
    assert await world.registry.roll(world.acme) is rolls[0]
    world.time += 0.1
    assert await world.registry.roll(world.acme) is not rolls[0]
    changed = world.acme.model_copy(update={"name": "Acme and Sons"})
    assert (await world.registry.roll(changed)).customer is changed
    assert reads == ["acme"] * 3


async def test_who_asks_and_goes_ends_nobodys_reading(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    free, begun, every = threading.Event(), threading.Event(), world.gateway.consents.lists.all

    def held(customer: Customer) -> Sequence[MailingList]:
        begun.set()
        assert free.wait(60)
        return every(customer)

    monkeypatch.setattr(world.gateway.consents.lists, "all", held)
    gone = asyncio.create_task(world.registry.roll(world.acme))
    assert await asyncio.to_thread(begun.wait, 60)
    stays = asyncio.create_task(world.registry.roll(world.acme))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait((gone,))
    free.set()
    assert "spring" in (await stays).lists


async def test_a_confirmation_mail_is_counted_once_however_often_it_is_tried(world: World) -> None:
    now = world.gateway.clock()

    async def may(once: str) -> bool:
        return await world.registry.may_confirm(BOB, now, customer="acme", request=7, once=once)

    assert [await may(once) for once in ("one", "one", "two", "one", "three")] == [True, True, True, True, False]
    later = now + timedelta(days=8)
    assert await world.registry.may_confirm(BOB, later, customer="acme", request=8, once="four")


async def test_a_registry_that_stands_still_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.5)
    with postgres.running() as server, server.database() as url:
        settings = {"registry": {"url": url}}
        async with running(tmp_path, customers=BULK_CUSTOMERS, settings=settings) as (gateway, _, _):
            await consents(gateway, BOB.text)
            world = World(gateway)
            monkeypatch.setattr(module, "SECONDS", 60)
            assert await world.has(BOB) == [True]
            roll = await world.registry.roll(world.acme)
            monkeypatch.setattr(module, "SECONDS", 0.5)
            server.send(signal.SIGSTOP)
            try:
                waiting = [asyncio.create_task(world.has(BOB)) for _ in range(20)]
                found = await asyncio.gather(*waiting, return_exceptions=True)
                assert {type(each) for each in found} == {RegistryAway}
                # Nobody waits any more, however long it lasts, and what was read before still serves.
                world.time += 1000 * PAUSE
                monkeypatch.setattr(module, "SECONDS", 3600)
                for ask in (world.has(BOB), world.registry.roll(world.acme)):
                    with pytest.raises(RegistryAway):
                        await ask
                assert len(world.registry._waiting) <= 20
                world.time -= 1000 * PAUSE
                assert await world.registry.roll(world.acme) is roll
            finally:
                server.send(signal.SIGCONT)
            await world.until_idle()
            world.time += PAUSE
            assert await world.has(BOB, EVE) == [True, False]
            assert world.registry._waiting == []
            world.registry.close()
    assert world.alarms == ["bulk mail is put off: no answer in time"]


async def test_closed_it_asks_nothing_any_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(world, monkeypatch)
    asking = asyncio.create_task(world.has(BOB))
    assert await asyncio.to_thread(gate.begun.wait, 60)
    world.registry.close()
    gate.open.set()
    assert await asking == [True]
    with pytest.raises(RuntimeError, match="after shutdown"):
        await world.registry.roll(world.acme)
