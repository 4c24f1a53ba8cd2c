"""What sessions share: the offer in EHLO, the bounds on connections, listeners."""

import asyncio
import ssl
from pathlib import Path

import pytest
import uvloop

from config.files import ConfigError
from config.policy import Policy
from config.settings import Listener
from gateway.ledger.model import Operation
from gateway.smtp.edge import server_context
from tests.gateway.smtp.test_session import certificate as certificate
from tests.gateway.smtp.test_session import listener
from tests.rig.gateway import decisions, running
from tests.rig.loops import CalmLoop
from tests.rig.processes import has_ipv6
from tests.rig.smtpd import Smtpd
from tests.rig.talk import Talk


async def test_the_smaller_size_is_offered_and_a_next_hop_never_reached_is_presumed_able(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        assert gateway.edge.pipeline.size_limit == 10485760 - 4096
        assert {"8BITMIME", "SMTPUTF8"} <= gateway.edge.pipeline.extensions
    nobody = Smtpd(port=1)
    policy = Policy.model_validate({"message": {"max_bytes": 65536}})
    async with running(tmp_path / "b", hop=nobody, policy=policy) as (gateway, _, linter):
        assert gateway.edge.pipeline.size_limit == 65536
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.ask("EHLO client.example")
        # A client bounces mail that needs SMTPUTF8 where that is not offered: being away is no reason for a bounce.
        assert {
            "250-PIPELINING",
            "250-SIZE 65536",
            "250-8BITMIME",
            "250-SMTPUTF8",
            "250-DSN",
            "250-CHUNKING",
            "250-PRDR",
            "250-AUTH PLAIN LOGIN",
            "250 ENHANCEDSTATUSCODES",
        } == {line for line in linter.seen if line.startswith("250") and line != "250-gw.example"}
        talk.writer.close()


async def test_connections_over_the_total_get_421(tmp_path: Path) -> None:
    async with running(tmp_path, settings={"limits": {"connections": 1}}) as (gateway, _, _):
        first = await Talk.to(gateway.smtp_addresses[0])
        host, _, port = gateway.smtp_addresses[0].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        assert (await reader.readline()).startswith(b"421 4.7.0 ")
        writer.close()
        first.writer.close()


async def test_a_customer_is_not_sent_away_for_its_own_connections(tmp_path: Path) -> None:
    limits = {"limits": {"connections_per_address": 2, "connections_per_customer": 1}}
    async with running(tmp_path, settings=limits) as (gateway, _, _):
        talks = [await Talk.to(gateway.smtp_addresses[0]) for _ in range(2)]
        for talk in talks:
            assert (await talk.login()).startswith("235 ")
        assert (await talks[0].ask("MAIL FROM:<ann@acme.example>")).startswith("250 ")
        too_many = "450 4.7.0 Too many connections of this account; close some and try again"
        assert await talks[1].ask("MAIL FROM:<ann@acme.example>") == too_many
        # A third from an address that a customer uses is let in too.
        third = await Talk.to(gateway.smtp_addresses[0])
        assert (await third.login()).startswith("235 ")
        assert await third.ask("MAIL FROM:<ann@acme.example>") == too_many
        assert await talks[0].ask("QUIT") == "221 2.0.0 Bye"
        assert await talks[0].closed()
        assert (await third.ask("MAIL FROM:<ann@acme.example>")).startswith("250 ")
        for talk in (*talks, third):
            talk.writer.close()


async def test_overload_is_421_for_strangers_and_451_at_mail_for_customers(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        gateway.overload.delay, gateway.overload.on = 60.0, True
        host, _, port = gateway.smtp_addresses[0].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), local_addr=("127.0.0.9", 0))
        assert (await reader.readline()).startswith(b"421 4.3.2 ")
        writer.close()
        assert await talk.ask("MAIL FROM:<ann@acme.example>") == "451 4.3.2 System overloaded; try again later"
        known = await Talk.to(gateway.smtp_addresses[0])
        known.writer.close()
        gateway.overload.delay, gateway.overload.on = 0.0, False
        assert (await talk.ask("MAIL FROM:<ann@acme.example>")).startswith("250 ")
        talk.writer.close()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_slow_ledger_loses_no_octet_of_a_handshake(tmp_path: Path, certificate: tuple[str, str], loop: str) -> None:
    async def whole() -> None:
        async with running(tmp_path, settings=listener("implicit", certificate)) as (gateway, _, _):
            ask = gateway.ledger.ask

            async def slow(*operations: Operation) -> list[float]:
                await asyncio.sleep(0.1)
                return await ask(*operations)

            setattr(gateway.ledger, "ask", slow)  # noqa: B010
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            talk = await Talk.to(gateway.smtp_addresses[0], ssl=context)
            assert (await talk.login()).startswith("235 ")
            talk.writer.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else CalmLoop) as runner:
        runner.run(whole())


async def test_a_port_in_use_stops_the_start_and_leaves_nothing_open(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        taken = {"smtp": {"listeners": [{"address": gateway.smtp_addresses[0]}]}}
        with pytest.raises(ConfigError, match=r"smtp\.listeners: cannot listen on 127\.0\.0\.1:\d+: "):
            async with running(tmp_path / "b", hop=hop, settings=taken):
                pass
        async with running(tmp_path / "b", hop=hop):
            pass


@pytest.mark.parametrize("missing", ["cert", "key"])
def test_a_certificate_that_cannot_be_read_stops_the_start(tmp_path: Path, missing: str) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    listener = Listener(
        address="127.0.0.1:0", tls="starttls", cert_file=tmp_path / ("none" if missing == "cert" else "cert.pem"),
        key_file=tmp_path / "none",
    )  # fmt: skip
    with pytest.raises(ConfigError, match="cert_file or key_file cannot be used"):
        server_context(listener)


async def test_refused_strangers_are_counted_and_recorded_once(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.ask("EHLO client.example")
        for _ in range(5):
            assert (await talk.ask("MAIL FROM:<ann@acme.example>")).startswith("530 ")
        assert decisions(gateway) == []
        talk.writer.close()
        await gateway.stop()
        records = decisions(gateway, kind="refused")
        assert [(record["total"], record["counts"]) for record in records] == [
            (5, [{"client": "127.0.0.1", "reason": "AUTH-REQ", "count": 5}])
        ]


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")
async def test_over_ipv6_a_network_is_an_identity_and_limits_hold(tmp_path: Path) -> None:
    six = [{"id": "six", "name": "Six", "domains": ["six.example"], "credentials": [{"networks": ["::1/128"]}]}]
    settings = {"smtp": {"listeners": [{"address": "[::1]:0"}]}, "limits": {"connections_per_address": 2}}
    async with running(tmp_path, customers=six, settings=settings) as (gateway, hop, _):
        (address,) = gateway.smtp_addresses
        assert address.startswith("[::1]:")
        port = int(address.rpartition(":")[2])
        talks = []
        for _ in range(2):
            reader, writer = await asyncio.open_connection("::1", port)
            talks.append(Talk(reader, writer))
            assert (await talks[-1].reply()).startswith("220 ")
        third = Talk(*await asyncio.open_connection("::1", port))
        await third.reply()
        await third.ask("EHLO client.example")
        assert (await third.ask("MAIL FROM:<ann@six.example>")).startswith("450 4.7.0 ")
        third.writer.close()
        await talks[0].ask("EHLO client.example")
        for command in ("MAIL FROM:<ann@six.example>", "RCPT TO:<bob@recipient.example>"):
            assert (await talks[0].ask(command)).startswith("250 ")
        assert (await talks[0].ask("DATA")).startswith("354 ")
        assert (await talks[0].ask(b"From: ann@six.example\r\n\r\nx\r\n.\r\n")).startswith("250 ")
        assert hop.accepted[0].content.startswith(b"Received: from client.example ([IPv6:::1])\r\n")
        (decision,) = decisions(gateway)
        assert (decision["client"]["address"], decision["credential"]) == ("::1", "::1/128")
        for talk in talks:
            talk.writer.close()


@pytest.mark.parametrize(("listener", "line"), [("[::]:0", "[::]:"), ("0.0.0.0:0", "0.0.0.0:")])
async def test_a_listener_on_every_address_is_of_one_version(tmp_path: Path, listener: str, line: str) -> None:
    if "[" in listener and not has_ipv6():
        pytest.skip("this machine has no ::1")
    async with running(tmp_path, settings={"smtp": {"listeners": [{"address": listener}]}}) as (gateway, _, __):
        assert [each.startswith(line) for each in gateway.smtp_addresses] == [True]
        port = int(gateway.smtp_addresses[0].rpartition(":")[2])
        other = "127.0.0.1" if "[" in listener else "::1"
        with pytest.raises(OSError):
            await asyncio.open_connection(other, port)
