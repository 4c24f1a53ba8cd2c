"""Other settings, another policy and renewed certificates in a running gateway: all or nothing, nobody disturbed."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from config.files import ConfigError
from config.policy import Action, Policy
from config.settings import Settings
from gateway.app import Gateway
from gateway.audit.errors import JournalFull
from gateway.reload import changeable, reload
from tests.rig.certificate import serial_at, write
from tests.rig.gateway import Clock, decisions, running, settings_for
from tests.rig.smtpd import Later, Smtpd
from tests.rig.talk import CLEAN, Talk

FOREIGN = b"From: ann@elsewhere.example\r\n\r\nx\r\n.\r\n"
"""ID-FROM."""
OFF = Policy(actions={"ID-FROM": Action.OFF})


def changed(gateway: Gateway, **changes: Any) -> Settings:
    return gateway.settings.model_copy(update=changes)


async def judged(gateway: Gateway) -> str:
    talk = await Talk.to(gateway.smtp_addresses[0])
    await talk.login()
    await talk.up_to_data()
    reply = await talk.ask(FOREIGN)
    talk.writer.close()
    return reply[:3]


async def test_another_policy_holds_for_new_transactions_and_open_ones_keep_theirs(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        assert await judged(gateway) == "550"
        under_way = await Talk.to(gateway.smtp_addresses[0])
        await under_way.login()
        await under_way.up_to_data()
        old = gateway.policy.digest
        assert await reload(gateway, gateway.settings, OFF) == []
        assert (await under_way.ask(FOREIGN)).startswith("550 "), "judged by the policy it began with"
        assert await judged(gateway) == "250"
        await under_way.up_to_data()
        assert (await under_way.ask(FOREIGN)).startswith("250 "), "the same session, the next transaction"
        under_way.writer.close()
        assert [each["policy"] for each in decisions(gateway)] == [old, old, OFF.digest, OFF.digest]
        (act,) = [each for each in decisions(gateway, kind="action") if each["act"] == "reload"]
        assert act["details"] == {"policy": OFF.digest, "policy_before": old, "settings": []}
        assert gateway.metrics.registry.get_sample_value("postern_rule_off", {"rule": "ID-FROM"}) == 1


async def test_a_renewed_certificate_is_shown_to_new_connections(tmp_path: Path) -> None:
    cert, key = write(tmp_path, 1)
    tls = {"address": "127.0.0.1:0", "tls": "starttls", "cert_file": str(cert), "key_file": str(key)}
    async with running(tmp_path, settings={"smtp": {"listeners": [tls]}}) as (gateway, _, _):
        port = int(gateway.smtp_addresses[0].rpartition(":")[2])
        assert await asyncio.to_thread(serial_at, port) == 1
        write(tmp_path, 2)
        assert await asyncio.to_thread(serial_at, port) == 1
        assert await reload(gateway, gateway.settings, gateway.policy) == []
        assert await asyncio.to_thread(serial_at, port) == 2
        cert.write_text("no certificate")
        with pytest.raises(ConfigError, match="cert_file or key_file cannot be used"):
            await reload(gateway, gateway.settings, OFF)
        assert await asyncio.to_thread(serial_at, port) == 2
        assert gateway.policy != OFF, "all or nothing"


async def test_mail_goes_to_another_next_hop_and_what_is_with_the_old_one_stays_there(tmp_path: Path) -> None:
    async with Smtpd() as other, running(tmp_path) as (gateway, hop, _):
        hop.on("DOT", Later(0.3))
        under_way = await Talk.to(gateway.smtp_addresses[0])
        await under_way.login()
        await under_way.up_to_data()
        hops = (gateway.settings.next_hops[0].model_copy(update={"addresses": (other.address,)}),)
        assert await reload(gateway, changed(gateway, next_hops=hops), gateway.policy) == ["next_hops[0].addresses"]
        assert (await under_way.ask(CLEAN)).startswith("250 ")
        await under_way.up_to_data()
        assert (await under_way.ask(CLEAN)).startswith("250 ")
        under_way.writer.close()
        assert (len(hop.accepted), len(other.accepted)) == (1, 1)
        await hop.until(lambda: not gateway.retiring)


async def test_bounds_change_for_what_comes_next(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        limits = gateway.settings.limits.model_copy(update={"connections": 1, "body_memory": 7})
        names = await reload(gateway, changed(gateway, limits=limits), gateway.policy)
        assert names == ["limits.body_memory", "limits.connections"]
        assert gateway.edge.pipeline.budget.memory == 7
        first = await Talk.to(gateway.smtp_addresses[0])
        reader, writer = await asyncio.open_connection(*gateway.smtp_addresses[0].split(":"))
        assert (await reader.readline()).startswith(b"421 ")
        writer.close()
        first.writer.close()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"hostname": "other.example"}, "hostname"),
        ({"http": {"address": "127.0.0.1:1"}}, "http.address"),
        ({"smtp": {"listeners": [{"address": "127.0.0.1:1", "auth_without_tls": True}]}}, "smtp.listeners[0].address"),
        ({"registry": {"url": "sqlite:////elsewhere.db"}}, "registry.url"),
        ({"ledger": {"url": "redis://elsewhere"}}, "ledger.url"),
        ({"dns": {"servers": ["192.0.2.53"]}}, "dns.servers"),
        ({"audit": {"segment_bytes": 65536}, "data_dir": "elsewhere"}, "audit.segment_bytes, data_dir"),
    ],
)
def test_what_cannot_change_meanwhile_is_named(tmp_path: Path, changes: dict[str, Any], name: str) -> None:
    old, new = settings_for(tmp_path, "127.0.0.1:1"), settings_for(tmp_path, "127.0.0.1:1", **changes)
    with pytest.raises(ConfigError) as caught:
        changeable(old, new)
    assert str(caught.value) == f"{name}: cannot change while the gateway runs: restart it"


async def test_what_the_audit_cannot_record_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(record: object) -> int:
        raise JournalFull("full")

    async with Smtpd() as other, running(tmp_path) as (gateway, _, _):
        hops = (gateway.settings.next_hops[0].model_copy(update={"addresses": (other.address,)}),)
        monkeypatch.setattr(gateway.journal, "append", full)
        with pytest.raises(JournalFull):
            await reload(gateway, changed(gateway, next_hops=hops), OFF)
        monkeypatch.undo()
        assert await judged(gateway) == "550"
        assert other.accepted == []


async def test_workers_change_all_or_not_at_all(tmp_path: Path) -> None:
    cert, key = write(tmp_path, 1)
    tls = {"address": "127.0.0.1:0", "tls": "starttls", "cert_file": str(cert), "key_file": str(key)}
    async with running(tmp_path, settings={"smtp": {"listeners": [tls]}}) as (gateway, hop, _):
        settings = gateway.settings
    async with Smtpd() as hop:
        settings = settings_for(tmp_path, hop.address, smtp={"listeners": [tls]})
        parent = Gateway(settings, Policy(), Clock(), workers=2)
        await parent.start()
        port = int(parent.smtp_addresses[0].rpartition(":")[2])
        write(tmp_path, 2)
        await reload(parent, settings, OFF)
        assert {await asyncio.to_thread(serial_at, port) for _ in range(12)} == {2}
        assert b'postern_rule_off{rule="ID-FROM"} 1.0' in await parent.exposition()
        key.write_text("no key")
        with pytest.raises(ConfigError, match="key_file cannot be used"):
            await reload(parent, settings, Policy())
        assert {await asyncio.to_thread(serial_at, port) for _ in range(12)} == {2}
        assert parent.policy == OFF
        write(tmp_path, 3)
        await reload(parent, settings, Policy())
        assert {await asyncio.to_thread(serial_at, port) for _ in range(12)} == {3}
        await parent.stop()
        assert [each["act"] for each in decisions(parent, kind="action")] == ["reload", "reload"]
        parent.stores.close()
