"""Opening a session: addresses in order, TLS as asked for, AUTH, and faults that name their stage."""

import asyncio
import logging
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from config.files import ConfigError
from gateway.nexthop import NextHop
from tests.gateway.nexthop.conftest import Certificate, Clock, Kit, MakeHop
from tests.rig.smtpd import CUT, STALL, Close, Later, Raw, Smtpd


async def told(hop: NextHop) -> str:
    """What a client is told at RCPT."""
    transaction = hop.transaction("acme", "a@acme.example")
    reply = await transaction.rcpt("b@example.org")
    await transaction.abandon()
    return str(reply)[:9]


async def test_the_offer_is_what_ehlo_said(make_hop: MakeHop) -> None:
    async with Smtpd(keywords=["pipelining", "SIZE 1000", "8BITMIME"]) as server:
        hop = await make_hop(server)
        assert hop.offer.extensions == {"PIPELINING", "SIZE", "8BITMIME"}
        assert hop.offer.size == 1000 and hop.healthy


@pytest.mark.parametrize("size", ["SIZE", "SIZE 0", "SIZE many", "SIZE " + "9" * 50])
async def test_a_size_without_a_limit_is_none(make_hop: MakeHop, size: str) -> None:
    async with Smtpd(keywords=[size]) as server:
        assert (await make_hop(server)).offer.size is None


@pytest.mark.parametrize(
    ("script", "stage"),
    [
        ({"GREETING": "554 5.3.2 Not today"}, "greeting"),
        ({"GREETING": "421 4.7.0 Too many connections"}, "greeting"),
        ({"GREETING": CUT}, "greeting"),
        ({"GREETING": STALL}, "greeting"),
        ({"GREETING": Raw(b"\x00\x01\x02\r\n")}, "greeting"),
        ({"GREETING": "250 Not a greeting"}, "greeting"),
        ({"EHLO": "502 5.5.1 What"}, "ehlo"),
        ({"EHLO": "550 5.7.1 Go away"}, "ehlo"),
        ({"EHLO": CUT}, "ehlo"),
        ({"EHLO": STALL}, "ehlo"),
    ],
)
async def test_a_refusal_before_mail_is_our_fault(
    make_hop: MakeHop, kit: Kit, script: dict[str, Close], stage: str
) -> None:
    kit.bounds = replace(kit.bounds, greeting=0.1)
    async with Smtpd(script=script) as server:
        hop = await make_hop(server)
        assert await told(hop) == "451 4.4.0"
        assert f"test, {stage}: {server.address}" in hop.trouble
        assert kit.alarms and hop.sessions == (0, 0, 0)
        server.on("GREETING", None)
        server.on("EHLO", None)
        assert await told(hop) == "250 2.1.5"
        assert hop.healthy


async def test_a_refused_connection_is_451(make_hop: MakeHop) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        hop = await make_hop(f"127.0.0.1:{free.getsockname()[1]}")
        assert await told(hop) == "451 4.4.1"
        assert "test, connect" in hop.trouble


async def test_the_first_address_that_gives_a_session_is_taken(make_hop: MakeHop, kit: Kit) -> None:
    async with Smtpd(script={"GREETING": "554 No"}) as bad, Smtpd() as good, Smtpd() as unused:
        hop = await make_hop(bad, good, unused)
        assert await told(hop) == "250 2.1.5"
        assert hop.healthy and unused.sessions == []
        assert kit.alarms == [("next_hop_address", f"next hop test: {bad.address}, greeting: the next hop said 554 No")]


async def test_an_address_that_failed_comes_last_for_a_while(make_hop: MakeHop, kit: Kit) -> None:
    clock = Clock()
    kit.clock = clock
    kit.bounds = replace(kit.bounds, messages=1)
    async with Smtpd(script={"GREETING": ["554 No", None]}) as first, Smtpd(script={"DOT": "250 Ok"}) as second:
        hop = await make_hop(first, second)
        for server, wait in ((second, 0.0), (second, 1.0), (first, 60.0)):
            clock.now += wait
            transaction = hop.transaction("acme", "")
            await transaction.rcpt("b@example.org")
            assert (await transaction.send(b"A: b\r\n", [], dot_timeout=20)).address == server.address
        assert len(first.sessions) == 2
        await second.stop()
        await first.stop()
        await first.start()
        assert await told(hop) == "250 2.1.5"


async def test_a_host_name_is_resolved_and_named(make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(f"localhost:{server.port}")
        transaction = hop.transaction("acme", "")
        await transaction.rcpt("b@example.org")
        delivery = await transaction.send(b"A: b\r\n", [], dot_timeout=20)
        assert delivery.address == f"localhost[127.0.0.1]:{server.port}"


async def test_a_name_that_does_not_exist_is_a_fault(make_hop: MakeHop) -> None:
    hop = await make_hop("nowhere.invalid:25")
    assert await told(hop) == "451 4.4.1"
    assert "nowhere.invalid" in hop.trouble


class TestTls:
    """TLS as the setting says."""

    async def test_opportunistic_takes_any_certificate(
        self, make_hop: MakeHop, foreign_certificate: Certificate
    ) -> None:
        async with Smtpd(tls=foreign_certificate.context) as server:
            hop = await make_hop(server, tls="opportunistic")
            assert await told(hop) == "250 2.1.5"
            assert server.sessions[0].tls
            assert server.commands[:3] == ["EHLO gw.example", "STARTTLS", "EHLO gw.example"]

    async def test_opportunistic_goes_on_in_clear_where_it_is_not_offered(self, make_hop: MakeHop, kit: Kit) -> None:
        async with Smtpd() as server:
            hop = await make_hop(server, tls="opportunistic")
            assert await told(hop) == "250 2.1.5"
            assert not server.sessions[0].tls and kit.alarms == []

    @pytest.mark.parametrize("answer", ["220 Go\r\nrubbish", "454 4.7.0 No TLS today", "500 What", CUT])
    async def test_opportunistic_reconnects_in_clear_when_it_fails_and_says_so(
        self, make_hop: MakeHop, kit: Kit, certificate: Certificate, answer: str
    ) -> None:
        async with Smtpd(tls=certificate.context, script={"STARTTLS": answer}) as server:
            hop = await make_hop(server, tls="opportunistic")
            assert await told(hop) == "250 2.1.5"
            assert [session.tls for session in server.sessions][-1] is False
            assert [name for name, _ in kit.alarms] == ["next_hop_clear"]
            assert hop.healthy and len(server.sessions) == 2

    async def test_none_does_not_ask_for_it(self, make_hop: MakeHop, certificate: Certificate) -> None:
        async with Smtpd(tls=certificate.context) as server:
            await make_hop(server, tls="none")
            assert server.commands == ["EHLO gw.example"]

    @pytest.mark.parametrize("tls", ["starttls", "implicit"])
    async def test_a_certificate_that_fits_is_accepted(
        self, make_hop: MakeHop, certificate: Certificate, tls: str
    ) -> None:
        async with Smtpd(tls=certificate.context, implicit=tls == "implicit") as server:
            for address in (server.address, f"localhost:{server.port}"):
                hop = await make_hop(address, tls=tls, ca_file=certificate.path)
                assert hop.healthy, hop.trouble
                transaction = hop.transaction("acme", "")
                await transaction.rcpt("b@example.org")
                body = [b"x" * 998 + b"\r\n"] * 2000
                assert (await transaction.send(b"A: b\r\n", body, dot_timeout=20)).outcome == "accepted"
            assert all(session.tls for session in server.sessions)

    @pytest.mark.parametrize("tls", ["starttls", "implicit"])
    async def test_a_certificate_of_another_host_is_refused(
        self, make_hop: MakeHop, foreign_certificate: Certificate, tls: str
    ) -> None:
        async with Smtpd(tls=foreign_certificate.context, implicit=tls == "implicit") as server:
            hop = await make_hop(server, tls=tls, ca_file=foreign_certificate.path)
            assert await told(hop) == "451 4.4.0"
            assert "test, tls" in hop.trouble and "certificate" in hop.trouble
            assert "MAIL" not in " ".join(server.commands)

    @pytest.mark.parametrize("tls", ["starttls", "implicit"])
    async def test_a_certificate_that_nobody_vouches_for_is_refused(
        self, make_hop: MakeHop, certificate: Certificate, tls: str
    ) -> None:
        async with Smtpd(tls=certificate.context, implicit=tls == "implicit") as server:
            hop = await make_hop(server, tls=tls)
            assert await told(hop) == "451 4.4.0"
            assert "certificate verify failed" in hop.trouble

    async def test_starttls_without_the_offer_is_our_fault(self, make_hop: MakeHop, certificate: Certificate) -> None:
        async with Smtpd() as server:
            hop = await make_hop(server, tls="starttls", ca_file=certificate.path)
            assert await told(hop) == "451 4.4.0"
            assert "STARTTLS is not offered" in hop.trouble
            assert "MAIL" not in " ".join(server.commands)

    @pytest.mark.parametrize("octets", [b"220 Go\r\n250 injected\r\n", b"220 Go\r\n250-inj"])
    async def test_plain_text_behind_the_answer_to_starttls_is_a_fault(
        self, make_hop: MakeHop, certificate: Certificate, octets: bytes
    ) -> None:
        async with Smtpd(tls=certificate.context, script={"STARTTLS": Raw(octets)}) as server:
            hop = await make_hop(server, tls="starttls", ca_file=certificate.path)
            assert "test, tls" in hop.trouble
            assert not any(session.commands.count("EHLO gw.example") > 1 for session in server.sessions)

    async def test_a_handshake_that_never_ends_is_given_up(
        self, make_hop: MakeHop, kit: Kit, certificate: Certificate
    ) -> None:
        kit.bounds = replace(kit.bounds, connect=0.2, first_probe=5)
        async with Smtpd(tls=certificate.context, script={"STARTTLS": [Raw(b"220 Go\r\n"), None]}) as server:
            server.on("STARTTLS", Later(0, "220 Go"), None)
            server._tls = None
            server.keywords = ("STARTTLS",)
            hop = await make_hop(server, tls="starttls", ca_file=certificate.path)
            assert "test, tls" in hop.trouble and hop.sessions == (0, 0, 0)

    async def test_roots_that_cannot_be_read_stop_the_start(self, make_hop: MakeHop, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="ca_file"):
            await make_hop("127.0.0.1:1", tls="starttls", ca_file=tmp_path / "none.pem")


class TestAuth:
    """AUTH with the password in a file."""

    @pytest.mark.parametrize("mechanisms", ["PLAIN LOGIN", "PLAIN", "LOGIN", "CRAM-MD5 login"])
    async def test_plain_or_login_is_used(self, make_hop: MakeHop, tmp_path: Path, mechanisms: str) -> None:
        path = tmp_path / "password"
        path.write_text("s\u00e9cret word\n", encoding="utf-8")
        async with Smtpd(users={"gw": "s\u00e9cret word"}, mechanisms=mechanisms, require_auth=True) as server:
            hop = await make_hop(server, username="gw", password_file=path)
            assert await told(hop) == "250 2.1.5"
            assert server.sessions[0].user == "gw"

    async def test_it_comes_after_tls(self, make_hop: MakeHop, tmp_path: Path, certificate: Certificate) -> None:
        path = tmp_path / "password"
        path.write_text("secret")
        async with Smtpd(tls=certificate.context, users={"gw": "secret"}, auth_after_tls=True) as server:
            hop = await make_hop(server, tls="starttls", ca_file=certificate.path, username="gw", password_file=path)
            assert hop.healthy and server.sessions[0].user == "gw"

    @pytest.mark.parametrize("answer", [None, "454 4.7.0 Later", "504 5.5.4 Mechanism", CUT, "535 5.7.8 You said {}"])
    async def test_a_refused_login_is_our_fault_and_shows_no_secret(
        self,
        make_hop: MakeHop,
        kit: Kit,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        answer: str | None,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        path = tmp_path / "password"
        path.write_text("hunter2\n")
        async with Smtpd(users={"gw": "other"}) as server:
            server.on("AUTH", answer.format("AGd3AGh1bnRlcjI=") if isinstance(answer, str) else answer)
            hop = await make_hop(server, username="gw", password_file=path)
            assert await told(hop) == "451 4.4.0"
            assert "test, auth" in hop.trouble
            shown = f"{hop.trouble} {kit.alarms} {caplog.text} {hop.__dict__} {hop._dialler._credential!r}"
            assert "hunter2" not in shown and "AGd3AGh1bnRlcjI" not in shown

    async def test_no_mechanism_of_ours_is_our_fault(self, make_hop: MakeHop, tmp_path: Path) -> None:
        path = tmp_path / "password"
        path.write_text("hunter2\n")
        async with Smtpd(users={"gw": "other"}, mechanisms="GSSAPI") as server:
            hop = await make_hop(server, username="gw", password_file=path)
            assert "neither PLAIN nor LOGIN is offered, but GSSAPI" in hop.trouble

    @pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe", b"a\0b"])
    async def test_a_password_that_cannot_be_read_stops_the_start(
        self, make_hop: MakeHop, tmp_path: Path, content: bytes | None
    ) -> None:
        path = tmp_path / "password"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigError, match="password_file"):
            await make_hop("127.0.0.1:1", username="gw", password_file=path)


async def test_a_cancelled_dial_leaves_no_connection(make_hop: MakeHop, kit: Kit) -> None:
    kit.bounds = replace(kit.bounds, first_probe=0.05)
    async with Smtpd(script={"GREETING": STALL}) as server:
        hop = await make_hop(server)
        assert "no session within 0.05 s" in hop.trouble
        task = asyncio.create_task(hop.transaction("acme", "").rcpt("b@example.org"))
        await server.until(lambda: len(server.sessions) == 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        server.on("GREETING", None)
        assert await told(hop) == "250 2.1.5"
