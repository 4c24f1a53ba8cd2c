"""What a session does beyond single dialogues: TLS, time, hanging up, changes that act on open sessions."""

import asyncio
import datetime as dt
import ssl
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from config.customers import CustomersFile
from config.policy import Policy
from gateway.smtp import connection, session
from gateway.smtp.session import _COMMANDS
from tests.rig.gateway import CUSTOMERS, decisions, running
from tests.rig.loops import calm
from tests.rig.smtpd import STALL, Later, Smtpd
from tests.rig.talk import CLEAN, Talk


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A self-signed certificate and its key, as files."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gw.example")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(start).not_valid_after(start + dt.timedelta(days=9999))
    cert = built.sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(folder / "cert.pem"), str(folder / "key.pem")


def listener(tls: str, certificate: tuple[str, str]) -> dict[str, Any]:
    cert, key = certificate
    return {"smtp": {"listeners": [{"address": "127.0.0.1:0", "tls": tls, "cert_file": cert, "key_file": key}]}}


async def test_starttls_offers_auth_only_under_tls_and_starttls_only_once(
    tmp_path: Path, certificate: tuple[str, str]
) -> None:
    async with running(tmp_path, settings=listener("starttls", certificate)) as (gateway, hop, linter):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.ask("EHLO client.example")
        assert (await talk.ask("AUTH PLAIN AAAA")) == "530 5.7.0 Must issue a STARTTLS command first"
        assert (await talk.ask("STARTTLS now")).startswith("501 ")
        assert {"250-STARTTLS"} <= linter.seen
        assert not any("AUTH" in line for line in linter.seen if line.startswith("250"))
        linter.seen.clear()
        assert (await talk.ask("STARTTLS")).startswith("220 2.0.0 ")
        await talk.upgrade()
        assert (await talk.ask("MAIL FROM:<ann@acme.example>")) == "503 5.5.1 Send EHLO first"
        assert (await talk.login()).startswith("235 ")
        assert "250-AUTH PLAIN LOGIN" in linter.seen
        assert "250-STARTTLS" not in linter.seen
        assert (await talk.ask("STARTTLS")).startswith("503 ")
        await talk.up_to_data()
        assert (await talk.ask(CLEAN)).startswith("250 2.0.0 Accepted")
        assert b"with ESMTPSA id" in hop.accepted[0].content
        assert decisions(gateway)[-1]["tls"].startswith("TLSv1.3 ")
        talk.writer.close()


async def test_plaintext_behind_starttls_is_dropped(tmp_path: Path, certificate: tuple[str, str]) -> None:
    async with running(tmp_path, settings=listener("starttls", certificate)) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.ask("EHLO client.example")
        assert (await talk.ask(b"STARTTLS\r\nEHLO injected.example\r\nNOOP\r\n")).startswith("220 ")
        await talk.upgrade()
        assert (await talk.ask("NOOP")) == "250 2.0.0 Ok"
        assert (await talk.ask("MAIL FROM:<ann@acme.example>")) == "503 5.5.1 Send EHLO first"
        talk.writer.close()


async def test_a_failed_handshake_ends_only_its_own_session(tmp_path: Path, certificate: tuple[str, str]) -> None:
    async with running(tmp_path, settings=listener("starttls", certificate)) as (gateway, _, _):
        talk, other = await Talk.to(gateway.smtp_addresses[0]), await Talk.to(gateway.smtp_addresses[0])
        await talk.ask("EHLO client.example")
        assert (await talk.ask("STARTTLS")).startswith("220 ")
        talk.writer.write(b"this is no TLS\r\n" * 20)
        async with asyncio.timeout(60):
            await talk.reader.read()
        assert (await other.ask("NOOP")).startswith("250 ")
        talk.writer.close()
        other.writer.close()


async def test_implicit_tls(tmp_path: Path, certificate: tuple[str, str]) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with running(tmp_path, settings=listener("implicit", certificate)) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0], ssl=context)
        assert (await talk.login()).startswith("235 ")
        await talk.up_to_data()
        assert (await talk.ask(CLEAN)).startswith("250 ")
        assert b"with ESMTPSA id" in hop.accepted[0].content
        talk.writer.close()


async def test_tls_below_1_2_is_refused(tmp_path: Path, certificate: tuple[str, str]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with running(tmp_path, settings=listener("implicit", certificate)) as (gateway, _, _):
        host, _, port = gateway.smtp_addresses[0].rpartition(":")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection(host, int(port), ssl=context)


async def test_a_suspension_acts_on_an_open_session_at_its_next_recipient(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        assert (await talk.ask(CLEAN)).startswith("250 ")
        gateway.stores.customers.suspend("acme", "complaints", gateway.clock())
        gateway.changes.load()
        assert (await talk.ask("MAIL FROM:<ann@acme.example>")).startswith("250 ")
        assert (await talk.ask("RCPT TO:<bob@recipient.example>")).startswith("550 5.7.1 Sending is suspended")
        gateway.stores.customers.resume("acme", "settled", gateway.clock())
        gateway.changes.load()
        await talk.ask("RSET")
        assert (await talk.ask("MAIL FROM:<ann@acme.example>")).startswith("250 ")
        talk.writer.close()


async def test_a_suspension_during_the_data_refuses_the_message(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        gateway.stores.customers.suspend("acme", "complaints", gateway.clock())
        gateway.changes.load()
        assert (await talk.ask(CLEAN)).startswith("550 5.7.1 Sending is suspended")
        assert hop.accepted == []
        talk.writer.close()


async def test_a_changed_password_acts_on_an_open_session_at_mail(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        assert (await talk.login()).startswith("235 ")
        new = {**CUSTOMERS[0], "credentials": [{"username": "acme-app", "password": "another password"}]}
        gateway.stores.customers.apply(CustomersFile.model_validate({"customers": [new]}).customers, gateway.clock())
        gateway.changes.load()
        assert (await talk.ask("MAIL FROM:<ann@acme.example>")).startswith("450 4.7.0 Credential was changed")
        assert (await talk.ask("MAIL FROM:<ann@acme.example>")).startswith("450 4.7.0 Credential was changed")
        assert (await talk.login()).startswith("535 ")
        assert (await talk.login(password="another password")).startswith("235 ")
        assert (await talk.ask("MAIL FROM:<ann@acme.example>")).startswith("250 ")
        talk.writer.close()


async def test_a_removed_network_acts_on_an_open_session(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0], local_addr=("127.0.0.2", 0))
        await talk.ask("EHLO client.example")
        assert (await talk.ask("MAIL FROM:<ann@nets.example>")).startswith("250 ")
        await talk.ask("RSET")
        new = {**CUSTOMERS[1], "credentials": [{"networks": ["127.0.0.3/32"]}]}
        gateway.stores.customers.apply(CustomersFile.model_validate({"customers": [new]}).customers, gateway.clock())
        gateway.changes.load()
        assert (await talk.ask("MAIL FROM:<ann@nets.example>")).startswith("450 4.7.0 ")
        talk.writer.close()


async def test_a_client_that_hangs_up_after_the_dot_makes_no_duplicate(tmp_path: Path) -> None:
    message = b"From: ann@acme.example\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@acme.example>\r\n\r\nbody\r\n.\r\n"
    async with running(tmp_path, hop=None) as (gateway, hop, _):
        hop.on("DOT", Later(0.3))
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        talk.writer.write(message)
        await hop.until(lambda: "DATA" in hop.commands)
        talk.writer.close()
        await hop.until(lambda: len(hop.accepted) == 1)
        await hop.until(lambda: bool(decisions(gateway)[-1].get("outcome")))
        first = decisions(gateway)[-1]
        assert (first["outcome"]["outcome"], first["outcome"]["told"]) == ("accepted", False)

        hop.forget()
        again = await Talk.to(gateway.smtp_addresses[0])
        await again.login()
        await again.up_to_data()
        assert (await again.ask(message)) == f"250 2.0.0 Accepted already; ref {first['reference']}"
        assert len(hop.accepted) == 1
        await hop.until(lambda: bool(decisions(gateway)[-1].get("outcome")))
        outcome = decisions(gateway)[-1]["outcome"]
        assert (outcome["outcome"], outcome["repeat_of"]) == ("repeat", first["reference"])

        await again.up_to_data()
        assert (await again.ask(message)).startswith("250 2.0.0 Accepted; ref")
        assert len(hop.accepted) == 2
        again.writer.close()


async def test_another_recipient_or_another_byte_is_no_repeat(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        hop.on("DOT", Later(0.3))
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        talk.writer.write(CLEAN)
        await hop.until(lambda: "DATA" in hop.commands)
        talk.writer.close()
        await hop.until(lambda: len(hop.accepted) == 1)
        hop.forget()
        again = await Talk.to(gateway.smtp_addresses[0])
        await again.login()
        await again.up_to_data()
        assert (await again.ask(CLEAN.replace(b"body", b"bodY"))).startswith("250 2.0.0 Accepted; ref")
        await again.ask("MAIL FROM:<ann@acme.example>")
        await again.ask("RCPT TO:<carol@recipient.example>")
        await again.ask("DATA")
        assert (await again.ask(CLEAN)).startswith("250 2.0.0 Accepted; ref")
        assert len(hop.accepted) == 3
        again.writer.close()


async def test_a_silent_client_is_sent_away(tmp_path: Path) -> None:
    async with running(tmp_path, settings={"limits": {"command_timeout": 300}}) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        calm().leap(301)
        assert (await talk.reply()) == "421 4.4.2 Timed out waiting for you"
        assert await talk.closed()
        talk.writer.close()


async def test_a_slow_next_hop_is_no_silence_of_the_client(tmp_path: Path) -> None:
    async with running(tmp_path, settings={"limits": {"command_timeout": 1.5}}) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        hop.on("DOT", Later(2.0))
        assert (await talk.ask(CLEAN)).startswith("250 ")
        talk.writer.close()


async def test_an_endless_line_is_thrown_away_and_answered_once(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        for _ in range(20):
            talk.writer.write(b"x" * 100_000)
            await talk.writer.drain()
        assert (await talk.ask(b"\r\n")) == "500 5.5.2 Line too long"
        assert (await talk.ask("NOOP")) == "250 2.0.0 Ok"
        talk.writer.close()


async def test_a_client_that_ends_its_side_still_gets_its_reply(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        talk.writer.write(CLEAN)
        talk.writer.write_eof()
        await hop.until(lambda: len(hop.accepted) == 1)
        talk.writer.close()


async def test_a_fault_in_a_command_is_451_and_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as (gateway, _, _):

        def broken(address: str) -> None:
            raise RuntimeError("secret detail")

        talk = await Talk.to(gateway.smtp_addresses[0])
        monkeypatch.setattr(gateway.directory, "by_address", broken)
        await talk.ask("EHLO client.example")
        assert (await talk.ask("MAIL FROM:<ann@acme.example>")) == "451 4.3.0 Internal fault; try again later"
        assert (await talk.ask("NOOP")) == "250 2.0.0 Ok"
        talk.writer.close()


async def test_connections_over_the_bound_of_an_address_get_421(tmp_path: Path) -> None:
    async with running(tmp_path, settings={"limits": {"connections_per_address": 2}}) as (gateway, _, linter):
        first, second = await Talk.to(gateway.smtp_addresses[0]), await Talk.to(gateway.smtp_addresses[0])
        host, _, port = gateway.smtp_addresses[0].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        assert (await reader.readline()) == b"421 4.7.0 Too many connections; try again later\r\n"
        assert await reader.read() == b""
        other = await Talk.to(gateway.smtp_addresses[0], local_addr=("127.0.0.2", 0))
        first.writer.close()
        await hop_until(lambda: gateway.metrics.registry.get_sample_value("postern_sessions") == 2)
        third = await Talk.to(gateway.smtp_addresses[0])
        for each in (writer, second.writer, other.writer, third.writer):
            each.close()


async def hop_until(condition: Any) -> None:
    await Smtpd().until(condition)


async def test_stopping_answers_the_open_transaction_and_sends_the_idle_away(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        idle, busy = await Talk.to(gateway.smtp_addresses[0]), await Talk.to(gateway.smtp_addresses[0])
        await busy.login()
        await busy.up_to_data()
        stopping = asyncio.create_task(gateway.stop())
        assert (await idle.reply()) == "421 4.3.2 Shutting down; try again"
        assert await idle.closed()
        assert (await busy.ask(CLEAN)).startswith("250 2.0.0 Accepted")
        assert (await busy.reply()) == "421 4.3.2 Shutting down; try again"
        await stopping
        assert len(hop.accepted) == 1
        idle.writer.close()
        busy.writer.close()


async def test_a_message_still_being_forwarded_when_the_drain_ends_is_unknown_and_the_client_keeps_it(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, settings={"limits": {"drain_timeout": 0.1}}) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        hop.on("DOT", STALL)
        talk.writer.write(CLEAN)
        await hop.until(lambda: "DATA" in hop.commands)
        await gateway.stop()
        outcome = decisions(gateway)[-1]["outcome"]
        assert (outcome["outcome"], outcome["told"]) == ("unknown", False)
        assert (await talk.reply()).startswith("4")
        talk.writer.close()


async def test_a_client_that_never_reads_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_LAST_WORDS_SECONDS", 0.1)
    monkeypatch.setattr(session, "_MOST_COMMANDS", 1 << 30)
    async with running(tmp_path, settings={"limits": {"command_timeout": 1.0}}) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        cast(asyncio.Transport, talk.writer.transport).pause_reading()
        talk.writer.write(b"NOOP\r\n" * 2_000_000)
        await hop.until(lambda: gateway.metrics.registry.get_sample_value("postern_sessions") == 0, 30)
        talk.writer.transport.abort()


def test_only_commands_of_our_own_are_offered() -> None:
    assert set(_COMMANDS) == {
        "EHLO", "HELO", "NOOP", "HELP", "VRFY", "EXPN", "RSET", "QUIT", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BDAT",
    }  # fmt: skip


async def test_a_message_too_large_in_chunks_is_refused_at_the_chunk_where_that_shows(tmp_path: Path) -> None:
    policy = Policy.model_validate({"message": {"max_bytes": 65536}})
    async with running(tmp_path, policy=policy) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.ask("MAIL FROM:<ann@acme.example>")
        await talk.ask("RCPT TO:<bob@recipient.example>")
        assert (await talk.ask(b"BDAT 60000\r\n" + b"x" * 60_000)).startswith("250 2.0.0 60000 ")
        assert (await talk.ask(b"BDAT 60000\r\n" + b"x" * 60_000)).startswith("552 5.3.4 Message is larger ")
        assert decisions(gateway)[-1]["findings"][0]["code"] == "SIZE"
        assert (await talk.ask(b"BDAT 6 LAST\r\nQUIT\r\n")) == "503 5.5.1 Send MAIL first"
        await talk.up_to_data()
        assert (await talk.ask(CLEAN)).startswith("250 ")
        assert gateway.edge.pipeline.budget.memory_used == 0
        talk.writer.close()


async def test_a_client_that_hangs_up_within_a_chunk_leaves_nothing_behind(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.ask("MAIL FROM:<ann@acme.example>")
        await talk.ask("RCPT TO:<bob@recipient.example>")
        assert (await talk.ask(b"BDAT 100000\r\n" + b"x" * 100_000)).startswith("250 ")
        assert gateway.edge.pipeline.budget.memory_used == 100_000
        talk.writer.write(b"BDAT 100000 LAST\r\n" + b"x" * 99_999)
        talk.writer.close()
        await hop.until(lambda: gateway.metrics.registry.get_sample_value("postern_sessions") == 0)
        assert gateway.edge.pipeline.budget.memory_used == 0
        assert hop.accepted == []
        assert decisions(gateway) == []


async def test_trying_out_recipients_ends_the_session_and_policy_refusals_never_do(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        for _ in range(100):
            assert (await talk.ask("MAIL FROM:<ann@evil.example>")).startswith("550 5.7.1 ")
            assert (await talk.ask("RCPT TO:<bob@recipient.example>")).startswith("503 ")
        await talk.ask("MAIL FROM:<ann@acme.example>")
        hop.on("RCPT", "550 5.1.1 No such user")
        for number in range(25):
            assert (await talk.ask(f"RCPT TO:<user{number}@recipient.example>")).startswith("550 5.1.1 ")
        assert (await talk.ask("RCPT TO:<bob@recipient.example>")).startswith("421 4.7.0 Too many errors ")
        assert await talk.closed()
        talk.writer.close()


async def test_a_list_of_which_half_are_unknown_passes(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.ask("MAIL FROM:<ann@acme.example>")
        hop.on("RCPT", *(["550 5.1.1 No such user", None] * 100))
        for number in range(200):
            reply = await talk.ask(f"RCPT TO:<user{number}@recipient.example>")
            assert reply.startswith("250 " if number % 2 else "550 ")
        await talk.ask("DATA")
        assert (await talk.ask(CLEAN)).startswith("250 ")
        talk.writer.close()


async def test_malformed_commands_end_the_session_and_unknown_ones_do_not_by_themselves(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        for _ in range(60):
            assert (await talk.ask("FOO")).startswith("500 5.5.1 ")
        for _ in range(12):
            assert (await talk.ask(b"NOOP\nNOOP\r\n")).startswith("500 5.5.2 ")
            assert (await talk.ask("EHLO two words")).startswith("501 ")
        assert (await talk.ask("VRFY")).startswith("501 ")
        assert (await talk.ask("NOOP")).startswith("421 4.7.0 Too many errors ")
        assert await talk.closed()
        talk.writer.close()


async def test_commands_without_a_message_are_bounded_and_a_customers_mail_starts_anew(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        for _ in range(3):
            for _ in range(98):
                assert (await talk.ask("NOOP")).startswith("250 ")
            await talk.up_to_data()
            assert (await talk.ask(CLEAN)).startswith("250 ")
        for _ in range(101):
            assert (await talk.ask("RSET")).startswith("250 ")
        assert (await talk.ask("MAIL FROM:<ann@acme.example>")).startswith("421 4.7.0 Too many commands ")
        stranger = await Talk.to(gateway.smtp_addresses[0])
        await stranger.ask("EHLO client.example")
        for _ in range(100):
            assert (await stranger.ask("MAIL FROM:<ann@acme.example>")).startswith("530 ")
        assert (await stranger.ask("MAIL FROM:<ann@acme.example>")).startswith("421 ")
        talk.writer.close()
        stranger.writer.close()


async def test_a_session_ends_after_an_hour_and_an_open_transaction_gets_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        idle, busy = await Talk.to(gateway.smtp_addresses[0]), await Talk.to(gateway.smtp_addresses[0])
        await busy.login()
        await busy.ask("MAIL FROM:<ann@acme.example>")
        (first, second) = sorted(gateway.edge._sessions, key=lambda each: each.transaction is None, reverse=True)
        for each in (first, second):
            each._since -= 3601
        assert (await idle.ask("NOOP")).startswith("421 4.4.2 ")
        assert await idle.closed()
        assert (await busy.ask("RCPT TO:<bob@recipient.example>")).startswith("250 ")
        await busy.ask("DATA")
        assert (await busy.ask(CLEAN)).startswith("250 ")
        assert (await busy.ask("MAIL FROM:<ann@acme.example>")).startswith("421 4.4.2 ")
        idle.writer.close()
        busy.writer.close()
