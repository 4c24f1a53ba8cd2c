"""What another process changes acts here within five seconds, and a registry that is down changes nothing."""

import time
from pathlib import Path

import pytest
from sqlalchemy import text

from config.customers import CustomersFile
from consent.database import RegistryDown
from gateway.changes import INTERVAL_SECONDS
from gateway.stores import Stores
from tests.rig.gateway import CUSTOMERS, running
from tests.rig.talk import Talk


async def test_a_suspension_by_another_process_acts_within_five_seconds_on_an_open_session(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        other = Stores.open(gateway.settings)
        other.customers.suspend("acme", "complaints", gateway.clock())
        started = time.monotonic()
        await talk.ask("MAIL FROM:<ann@acme.example>")
        while (await talk.ask("RCPT TO:<bob@recipient.example>")).startswith("250 "):
            await talk.ask("RSET")
            await talk.ask("MAIL FROM:<ann@acme.example>")
            assert time.monotonic() - started < 5
        other.close()
        talk.writer.close()


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


async def test_cleaning_forgets_old_repeats(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        gateway.repeats.remember("acme", b"d" * 32, "REF")
        await gateway.repeats.close()
        await gateway.changes.clean()
        assert gateway.repeats.find("acme", b"d" * 32) == "REF"
