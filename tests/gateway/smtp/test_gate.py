"""The gate: a balancer's header before anything else, TLS in the same segment, bounds, both event loops."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from gateway.app import Gateway
from gateway.smtp import gate
from tests.rig import certificates
from tests.rig.gateway import decisions, running
from tests.rig.loops import CalmLoop
from tests.rig.talk import CLEAN, Talk

V1 = b"PROXY TCP4 127.0.0.2 192.0.2.9 40000 25\r\n"
V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x02\xc0\0\x02\x09\x9c\x40\0\x19"
V2_SIX = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24" + bytes(15) + b"\x05" + bytes(15) + b"\x06" + b"\x9c\x40\0\x19"
NETS = CLEAN.replace(b"acme", b"nets")


def listener(**more: Any) -> dict[str, Any]:
    return {"smtp": {"listeners": [{"address": "127.0.0.1:0", "proxy_from": ["127.0.0.1"], **more}]}}


async def through(gateway: Gateway, *pieces: bytes) -> Talk:
    """Connect as the balancer, send the pieces one by one, read the greeting."""
    host, _, port = gateway.smtp_addresses[0].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0)
    talk = Talk(reader, writer)
    assert (await talk.reply()).startswith("220 ")
    return talk


async def deliver(talk: Talk) -> None:
    """A message of customer nets."""
    await talk.ask("EHLO client.example")
    assert (await talk.ask("MAIL FROM:<ann@nets.example>")) == "250 2.1.0 Sender ok"
    assert (await talk.ask("RCPT TO:<bob@recipient.example>")).startswith("250 ")
    assert (await talk.ask("DATA")).startswith("354 ")
    assert (await talk.ask(NETS)).startswith("250 2.0.0 Accepted")


@pytest.fixture(params=[CalmLoop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Any], None]:
    """Runs a coroutine on one event loop and on the other."""

    def runs(main: Any) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(main)

    return runs


def counted(gateway: Gateway) -> list[str]:
    """As which addresses the open sessions are counted."""
    return [session._place.address for session in gateway.edge._sessions if session._place]


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
def test_the_client_is_who_the_balancer_names_in_everything_after(
    tmp_path: Path, run: Callable[[Any], None], header: bytes
) -> None:
    async def main() -> None:
        async with running(tmp_path, settings=listener()) as (gateway, hop, _):
            for pieces in ([header], [header[:9], header[9:]], [bytes((octet,)) for octet in header]):
                talk = await through(gateway, *pieces)
                await deliver(talk)
                assert counted(gateway) == ["127.0.0.2"]
                talk.writer.close()
                assert await gateway.edge.ended(60)
            assert b"from client.example ([127.0.0.2])" in hop.accepted[0].content
            assert {(each["client"]["address"], each["client"]["port"]) for each in decisions(gateway)} == {
                ("127.0.0.2", 40000)
            }
            assert not gateway.edge._gates

    run(main())


def test_tls_begins_behind_the_header_and_may_come_in_its_segment(tmp_path: Path, run: Callable[[Any], None]) -> None:
    certificate = certificates.make(tmp_path)

    async def main() -> None:
        tls = listener(tls="implicit", cert_file=str(certificate.cert), key_file=str(certificate.key))
        async with running(tmp_path / "gw", settings=tls) as (gateway, hop, _):
            address = gateway.smtp_addresses[0].rpartition(":")
            for header in (V1, V2):
                # A client's first flight is made by hand, so that it comes in one segment with the header.
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                client = certificates.anybody().wrap_bio(incoming, outgoing)
                reader, writer = await asyncio.open_connection(address[0], int(address[2]))
                first = header
                while True:
                    try:
                        client.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        writer.write(first + outgoing.read())
                        first = b""
                        incoming.write(await asyncio.wait_for(reader.read(65536), 60))
                writer.write(outgoing.read())
                said = b""
                while not said.endswith(b"\r\n"):
                    try:
                        said += client.read(4096)
                    except ssl.SSLWantReadError:
                        incoming.write(await asyncio.wait_for(reader.read(65536), 60))
                assert said.startswith(b"220 gw.example")
                writer.close()
            reader, writer = await asyncio.open_connection(address[0], int(address[2]))
            writer.write(V2)
            await writer.start_tls(certificates.anybody())
            talk = Talk(reader, writer)
            assert (await talk.reply()).startswith("220 ")
            await deliver(talk)
            assert b"with ESMTPS id" in hop.accepted[0].content
            talk.writer.close()
            # Who is no balancer starts with TLS at once.
            other = await Talk.to(gateway.smtp_addresses[0], ssl=certificates.anybody(), local_addr=("127.0.0.9", 0))
            assert (await other.ask("NOOP")) == "250 2.0.0 Ok"
            other.writer.close()

    run(main())


def test_an_ipv6_client_of_an_ipv4_balancer_stands_in_received_as_a_literal(
    tmp_path: Path, run: Callable[[Any], None]
) -> None:
    async def main() -> None:
        six = [{"id": "nets", "name": "Nets", "domains": ["nets.example"], "credentials": [{"networks": ["::5/128"]}]}]
        async with running(tmp_path, settings=listener(), customers=six) as (gateway, hop, _):
            talk = await through(gateway, V2_SIX)
            await deliver(talk)
            assert b"from client.example ([IPv6:::5])" in hop.accepted[0].content
            assert counted(gateway) == ["::/64"]
            talk.writer.close()

    run(main())


@pytest.mark.parametrize(
    "said",
    [
        b"EHLO client.example\r\n",
        b"PROXY TCP4 1.2.3.4\r\n",
        b"\x16\x03\x01\x02\0\x01\0",
        V2[:12] + b"\x31" + V2[13:],
        b"PROXY UNKNOWN " + b"f" * 200,
    ],
)
def test_what_is_no_header_closes_the_connection_and_is_counted(
    tmp_path: Path, run: Callable[[Any], None], said: bytes
) -> None:
    async def main() -> None:
        async with running(tmp_path, settings=listener()) as (gateway, _, _):
            host, _, port = gateway.smtp_addresses[0].rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(said)
            with contextlib.suppress(ConnectionResetError):  # what was not read is answered with a reset
                assert await asyncio.wait_for(reader.read(), 60) == b""
            writer.close()
            assert gateway.metrics.strangers.labels("PROXY")._value.get() == 1
            assert not gateway.edge._gates

    run(main())


async def test_a_header_must_come_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "HEADER_SECONDS", 0.05)
    async with running(tmp_path, settings=listener()) as (gateway, _, _):
        host, _, port = gateway.smtp_addresses[0].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(V1[:20])
        assert await asyncio.wait_for(reader.read(), 60) == b""
        assert gateway.metrics.strangers.labels("PROXY")._value.get() == 1
        writer.close()
        closing = await asyncio.open_connection(host, int(port))
        closing[1].write_eof()
        assert await asyncio.wait_for(closing[0].read(), 60) == b""
        closing[1].close()


async def test_connections_that_wait_for_their_header_are_bounded_and_end_with_the_gateway(tmp_path: Path) -> None:
    settings = {**listener(), "limits": {"connections": 2}}
    async with running(tmp_path, settings=settings) as (gateway, _, _):
        host, _, port = gateway.smtp_addresses[0].rpartition(":")
        waiting = [await asyncio.open_connection(host, int(port)) for _ in range(2)]
        async with asyncio.timeout(60):
            while len(gateway.edge._gates) < 2:  # noqa: ASYNC110 - the gateway runs in this loop
                await asyncio.sleep(0)
        reader, writer = await asyncio.open_connection(host, int(port))
        assert await asyncio.wait_for(reader.read(), 60) == b""
        writer.close()
        await gateway.stop()
        for reader, writer in waiting:
            assert await asyncio.wait_for(reader.read(), 60) == b""
            writer.close()


async def test_a_balancer_that_names_nobody_is_nobody_itself(tmp_path: Path) -> None:
    # Its address lies in the network of customer nets.
    settings = {"smtp": {"listeners": [{"address": "127.0.0.1:0", "proxy_from": ["127.0.0.2"]}]}}
    async with running(tmp_path, settings=settings) as (gateway, _, _):
        host, _, port = gateway.smtp_addresses[0].rpartition(":")
        for header in (b"PROXY UNKNOWN\r\n", V2[:12] + b"\x20\0\0\0"):
            reader, writer = await asyncio.open_connection(host, int(port), local_addr=("127.0.0.2", 0))
            writer.write(header)
            talk = Talk(reader, writer)
            await talk.reply()
            await talk.ask("EHLO client.example")
            assert (await talk.ask("MAIL FROM:<ann@nets.example>")).startswith("530 ")
            writer.close()


@pytest.mark.parametrize("version", ["1", "2"])
async def test_swaks_speaks_for_a_client(tmp_path: Path, version: str) -> None:
    async with running(tmp_path, settings=listener()) as (gateway, hop, _):
        arguments = ["--proxy-version", version, "--proxy-family", "TCP4" if version == "1" else "AF_INET"]
        arguments += ["--proxy-source", "127.0.0.2", "--proxy-source-port", "40000"]
        arguments += ["--proxy-dest", "192.0.2.9", "--proxy-dest-port", "25"]
        if version == "2":
            arguments += ["--proxy-protocol", "STREAM", "--proxy-command", "PROXY"]
        swaks = await asyncio.create_subprocess_exec(
            "swaks", "--server", gateway.smtp_addresses[0], "--from", "ann@nets.example", "--to", "bob@recipient.example",
            *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await asyncio.wait_for(swaks.communicate(), 120)
        assert swaks.returncode == 0, said.decode()
        assert b"([127.0.0.2])" in hop.accepted[0].content
