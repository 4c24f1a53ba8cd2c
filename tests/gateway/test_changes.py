"""What another process changes acts here within five seconds, and a registry that is down changes nothing."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from config.customers import CustomersFile
from consent.credentials import Which
from consent.database import RegistryDown
from gateway.app import Gateway
from gateway.changes import INTERVAL_SECONDS
from gateway.stores import Stores
from tests.rig.gateway import CUSTOMERS, Clock, decisions, running
from tests.rig.talk import Talk


async def test_a_suspension_by_another_process_acts_within_five_seconds_on_an_open_session(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        other = Stores.open(gateway.settings)
        other.customers.suspend("acme", "complaints", gateway.clock())
        started = asyncio.get_running_loop().time()
        await talk.ask("MAIL FROM:<ann@acme.example>")
        while (await talk.ask("RCPT TO:<bob@recipient.example>")).startswith("250 "):
            await talk.ask("RSET")
            await talk.ask("MAIL FROM:<ann@acme.example>")
            assert asyncio.get_running_loop().time() - started < 5
        other.close()
        talk.writer.close()


MESSAGE = b"Message-ID: <a@acme.example>\r\nFrom: ann@acme.example\r\n\r\nx\r\n.\r\n"
MAIL = "MAIL FROM:<ann@acme.example>"
RCPT = "RCPT TO:<bob@recipient.example>"


async def followed(gateway: Gateway, act: Callable[[Stores], object]) -> None:
    """Do it as another process does, and return once this one has heard of it, within five seconds."""
    other, entry, started = (
        Stores.open(gateway.settings),
        gateway.directory.get("acme"),
        asyncio.get_running_loop().time(),
    )
    act(other)
    other.close()
    while gateway.directory.get("acme") is entry:
        assert asyncio.get_running_loop().time() - started < 5
        await asyncio.sleep(0.02)


async def test_a_lock_by_another_process_is_answered_at_mail_on_an_open_session_until_it_is_lifted(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        assert (await talk.ask(MAIL)).startswith("250 ")
        await talk.ask("RSET")
        which, now = Which("acme", "acme-app"), gateway.clock()
        await followed(gateway, lambda stores: stores.credentials.lock(which, "stolen", now, "THEFT-A, THEFT-B"))
        refused = await talk.ask(MAIL)
        assert refused.startswith("450 4.7.1 This credential is locked") and "THEFT" not in refused
        newcomer = await Talk.to(gateway.smtp_addresses[0])
        assert (await newcomer.login()).startswith("235 "), "what concerns one customer is answered at MAIL"
        assert (await newcomer.ask(MAIL)).startswith("450 4.7.1 ")
        other = await Talk.to(gateway.smtp_addresses[0])
        assert (await other.login("acme-old")).startswith("235 ")
        assert (await other.ask(MAIL)).startswith("250 "), "the customer's others are not touched"
        await followed(gateway, lambda stores: stores.credentials.unlock(which, "cleaned"))
        assert (await talk.ask(MAIL)).startswith("250 ")
        for each in (talk, newcomer, other):
            each.writer.close()
        found = decisions(gateway, rule="CREDENTIAL-LOCKED")
        assert {(each["phase"], each["verdict"], each["credential"]) for each in found} == {
            ("mail", "defer", "acme-app")
        }
        assert "by THEFT-A, THEFT-B" in found[0]["findings"][0]["evidence"]


async def test_a_message_under_way_when_its_credential_is_locked_is_deferred_at_the_dot(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        for line in (MAIL, RCPT, "DATA"):
            await talk.ask(line)
        which, now = Which("acme"), gateway.clock()
        await followed(gateway, lambda stores: stores.credentials.lock(which, "stolen", now))
        talk.writer.write(MESSAGE)
        assert (await talk.reply()).startswith("450 4.7.1 This credential is locked")
        talk.writer.close()
        assert hop.accepted == []
        assert [each["phase"] for each in decisions(gateway, rule="CREDENTIAL-LOCKED")] == ["data"]


async def test_an_old_password_holds_on_open_sessions_until_its_overlap_is_over(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, clock=clock) as (gateway, _, _):
        talk, late = await Talk.to(gateway.smtp_addresses[0]), await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        which, week = Which("acme", "acme-app"), timedelta(days=7)
        await followed(gateway, lambda stores: stores.credentials.rotate(which, week, clock()))
        clock.now += week - timedelta(seconds=1)
        assert (await talk.ask(MAIL)).startswith("250 ")
        await talk.ask("RSET")
        assert (await late.login()).startswith("235 ")
        clock.now += timedelta(seconds=1)
        for each in (talk, late):
            assert (await each.ask(MAIL)).startswith("450 4.7.0 Credential was changed")
            each.writer.close()


async def test_an_exemption_by_another_process_acts_and_ends_by_itself_and_stands_with_the_finding(
    tmp_path: Path,
) -> None:
    clock = Clock()
    async with running(tmp_path, clock=clock) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()

        async def send() -> str:
            for line in (MAIL, RCPT, "DATA"):
                await talk.ask(line)
            talk.writer.write(MESSAGE.replace(b"From: ann@acme", b"From: ann@elsewhere"))
            return await talk.reply()

        until = clock() + timedelta(days=1)
        assert (await send()).startswith("550 5.7.1 ")
        await followed(gateway, lambda stores: stores.exemptions.add("acme", "ID-FROM", until, "migration", clock()))
        clock.now = until - timedelta(seconds=1)
        assert (await send()).startswith("250 ")
        clock.now = until
        assert (await send()).startswith("550 5.7.1 ")
        talk.writer.close()
        (made,) = gateway.stores.exemptions.all()
        found = [each["findings"][0] for each in decisions(gateway, rule="ID-FROM")]
        assert [(each["action"], each.get("exemption")) for each in found] == [
            ("reject", None), ("observe", made.id), ("reject", None),
        ]  # fmt: skip


async def test_a_registry_that_is_down_leaves_what_is_known_in_force_and_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        await hop.until(lambda: gateway.changes.current)

        def down(change: int) -> None:
            raise RegistryDown("connection refused")

        with monkeypatch.context() as patch:
            patch.setattr(gateway.stores.customers, "changed_since", down)
            await hop.until(lambda: not gateway.changes.current, INTERVAL_SECONDS + 4)
            assert "registry: not reached" in gateway.trouble()
            talk = await Talk.to(gateway.smtp_addresses[0])
            assert (await talk.login()).startswith("235 ")
            talk.writer.close()
        await hop.until(lambda: gateway.changes.current, INTERVAL_SECONDS + 4)
        assert gateway.trouble() == []


async def test_a_customer_of_another_version_keeps_what_was_known(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        strange = {**CUSTOMERS[0], "actions": {"NEW-RULE": "reject"}}
        gateway.stores.customers.apply(
            CustomersFile.model_validate({"customers": [strange]}).customers, gateway.clock()
        )
        gateway.changes.load()
        entry = gateway.directory.get("acme")
        assert entry is not None
        assert entry.customer.actions == {}
        assert gateway.metrics.registry.get_sample_value("postern_alarms_total", {"part": "registry"}) == 1


async def test_a_counter_that_has_gone_back_is_counted_and_all_customers_are_read_anew(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        changes, database = gateway.changes, gateway.stores.database
        with database.writing() as connection:
            connection.execute(text("CREATE TABLE kept AS SELECT number FROM changes"))
        for _ in range(3):
            gateway.stores.customers.suspend("acme", "complaints", gateway.clock())
            gateway.stores.customers.resume("acme", "answered", gateway.clock())
        changes.load()
        gateway.stores.customers.suspend("nets", "complaints", gateway.clock())
        with database.writing() as connection:
            connection.execute(text("UPDATE changes SET number = (SELECT number FROM kept)"))
        assert changes.went_back == 0
        changes.load()
        assert changes.went_back == 1
        entry = gateway.directory.get("nets")
        assert entry is not None
        assert entry.standing.status == "suspended"
        changes.load()
        assert changes.went_back == 1


async def test_sessions_have_their_turn_while_many_customers_are_replaced(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        many = [{"id": f"c{number}", "name": "C", "domains": [f"c{number}.example"]} for number in range(120)]
        before, seen = len(gateway.directory), set[int]()

        async def session() -> None:
            while True:
                seen.add(len(gateway.directory) - before)
                await asyncio.sleep(0)

        gateway.stores.customers.apply(CustomersFile.model_validate({"customers": many}).customers, gateway.clock())
        task = asyncio.create_task(session())
        await gateway.changes.refresh()
        task.cancel()
        assert seen >= {0, 50, 100}
        assert len(gateway.directory) == before + 120


async def test_cleaning_forgets_old_repeats(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        gateway.repeats.remember("acme", b"d" * 32, "REF")
        await gateway.repeats.close()
        await gateway.changes.clean()
        assert gateway.repeats.find("acme", b"d" * 32) == "REF"
