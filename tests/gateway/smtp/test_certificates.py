"""Client certificates: asked for and never required, any one taken, identity by fingerprint alone."""

import asyncio
import contextlib
import ssl
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from config.customers import CustomersFile
from config.files import ConfigError
from config.settings import Listener
from gateway.app import Gateway
from gateway.smtp import session
from gateway.smtp.certificates import AskingContext
from gateway.smtp.edge import server_context
from tests.rig import certificates
from tests.rig.certificates import Certificate
from tests.rig.gateway import CUSTOMERS, decisions, running
from tests.rig.loops import CalmLoop
from tests.rig.talk import CLEAN, Talk


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificates.make(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """That of customer acme's server. It is out of date, which changes nothing."""
    return certificates.make(tmp_path_factory.mktemp("ours"), "mail.acme.example", days=1)


@pytest.fixture(params=[CalmLoop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Any], None]:
    """Runs a coroutine on one event loop and on the other."""

    def runs(main: Any) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(main())

    return runs


def listener(server: Certificate, tls: str = "implicit", **more: Any) -> dict[str, Any]:
    one = {"address": "127.0.0.1:0", "tls": tls, "cert_file": str(server.cert), "key_file": str(server.key)}
    return {"smtp": {"listeners": [{**one, "client_certificates": True, **more}]}}


def customers(*shown: Certificate) -> list[dict[str, Any]]:
    """Customer acme with these certificates, and the others."""
    acme = {"id": "acme", "name": "Acme", "domains": ["acme.example"]}
    credentials = [{"certificates": [each.fingerprint for each in shown]}] if shown else []
    return [{**acme, "credentials": [*CUSTOMERS[0]["credentials"], *credentials]}, *CUSTOMERS[1:]]


async def connect(gateway: Gateway, context: ssl.SSLContext) -> Talk:
    talk = await Talk.to(gateway.smtp_addresses[0], ssl=context)
    await talk.ask("EHLO client.example")
    return talk


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_registered_certificate_is_its_credential_without_auth(
    tmp_path: Path, run: Callable[[Any], None], server: Certificate, ours: Certificate, version: ssl.TLSVersion
) -> None:
    async def main() -> None:
        async with running(tmp_path, settings=listener(server), customers=customers(ours)) as (gateway, hop, _):
            context = ours.client()
            context.minimum_version = context.maximum_version = version
            for _ in range(2):  # the second one would resume the first one's session
                talk = await connect(gateway, context)
                await talk.up_to_data()
                assert (await talk.ask(CLEAN)).startswith("250 2.0.0 Accepted; ref")
                assert (await talk.ask("QUIT")).startswith("221 ")
                assert await talk.closed()
                talk.writer.close()
            assert b"with ESMTPS id" in hop.accepted[0].content
            (first, _) = decisions(gateway)
            assert (first["customer"], first["credential"]) == ("acme", f"sha256:{ours.fingerprint}")
            assert first["tls"].startswith("TLSv1.")

    run(main)


def test_any_other_certificate_and_none_are_strangers_who_may_authenticate(
    tmp_path: Path, run: Callable[[Any], None], server: Certificate, ours: Certificate
) -> None:
    other = certificates.make(tmp_path, "mail.acme.example")

    async def main() -> None:
        async with running(tmp_path / "gw", settings=listener(server), customers=customers(ours)) as (gateway, _, __):
            for context in (other.client(), certificates.anybody()):
                talk = await connect(gateway, context)
                assert (await talk.ask("MAIL FROM:<ann@acme.example>")) == "530 5.7.0 Authentication required"
                assert (await talk.login()).startswith("235 ")
                await talk.up_to_data()
                assert (await talk.ask(CLEAN)).startswith("250 ")
                talk.writer.close()

    run(main)


def test_starttls_shows_a_certificate_too_and_only_from_then_on(
    tmp_path: Path, run: Callable[[Any], None], server: Certificate, ours: Certificate
) -> None:
    async def main() -> None:
        settings = listener(server, "starttls")
        async with running(tmp_path, settings=settings, customers=customers(ours)) as (gateway, _, __):
            talk = await Talk.to(gateway.smtp_addresses[0])
            await talk.ask("EHLO client.example")
            assert (await talk.ask("MAIL FROM:<ann@acme.example>")) == "530 5.7.0 Must issue a STARTTLS command first"
            assert (await talk.ask("STARTTLS")).startswith("220 ")
            await talk.writer.start_tls(ours.client())
            await talk.ask("EHLO client.example")
            assert (await talk.ask("MAIL FROM:<ann@acme.example>")) == "250 2.1.0 Sender ok"
            talk.writer.close()

    run(main)


def test_a_large_message_and_many_replies_pass(
    tmp_path: Path,
    run: Callable[[Any], None],
    server: Certificate,
    ours: Certificate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "_MOST_COMMANDS", 10_000)

    async def main() -> None:
        async with running(tmp_path, settings=listener(server), customers=customers(ours)) as (gateway, hop, _):
            talk = await connect(gateway, ours.client())
            talk.writer.write(b"NOOP\r\n" * 5000)
            for _ in range(5000):
                assert (await talk.reply()) == "250 2.0.0 Ok"
            await talk.up_to_data()
            body = b"x" * 70 + b"\r\n"
            assert (await talk.ask(CLEAN[:-3] + body * 40_000 + b".\r\n")).startswith("250 ")
            assert hop.accepted[0].content.count(body) == 40_000
            talk.writer.close()

    run(main)


async def test_a_certificate_taken_from_a_credential_ends_its_open_sessions_and_a_new_one_begins(
    tmp_path: Path, server: Certificate, ours: Certificate
) -> None:
    async with running(tmp_path, settings=listener(server), customers=customers(ours)) as (gateway, _, __):
        talk = await connect(gateway, ours.client())
        assert (await talk.ask("MAIL FROM:<ann@acme.example>")).startswith("250 ")
        await talk.ask("RSET")

        def apply(*shown: Certificate) -> None:
            file = CustomersFile.model_validate({"customers": customers(*shown)})
            gateway.stores.customers.apply(file.customers, gateway.clock())
            gateway.changes.load()

        apply()
        assert (await talk.ask("MAIL FROM:<ann@acme.example>")).startswith("450 4.7.0 Credential was changed")
        apply(ours)
        assert (await talk.ask("MAIL FROM:<ann@acme.example>")).startswith("250 ")
        talk.writer.close()


async def test_who_speaks_no_tls_or_an_old_one_is_gone(tmp_path: Path, server: Certificate) -> None:
    async with running(tmp_path, settings=listener(server)) as (gateway, _, __):
        host, _, port = gateway.smtp_addresses[0].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"EHLO client.example\r\n")
        assert not (await asyncio.wait_for(reader.read(), 60)).startswith(b"220")
        writer.close()
        old = certificates.anybody()
        old.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            old.minimum_version = ssl.TLSVersion.TLSv1
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection(host, int(port), ssl=old)
        talk = await connect(gateway, certificates.anybody())
        talk.writer.transport.abort()
        assert await gateway.edge.ended(60)


def test_a_certificate_of_our_own_that_cannot_be_read_stops_the_start(tmp_path: Path, server: Certificate) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    one = Listener(
        address="127.0.0.1:0", tls="implicit", client_certificates=True, cert_file=tmp_path / "no.pem", key_file=server.key
    )  # fmt: skip
    with pytest.raises(ConfigError, match="cert_file or key_file cannot be used"):
        server_context(one)


def test_what_is_written_takes_nothing_in(server: Certificate) -> None:
    # A loop stops reading from the network when much waits to be decrypted: it must stay where the loop counts it.
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = AskingContext(str(server.cert), str(server.key)).wrap_bio(incoming, outgoing, server_side=True)
    theirs_in, theirs_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = certificates.anybody().wrap_bio(theirs_in, theirs_out)
    for _ in range(3):
        for side in (theirs, ours):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
            incoming.write(theirs_out.read())
            theirs_in.write(outgoing.read())
    assert ours.version() == "TLSv1.3" and ours.pending() == 0
    theirs.write(b"NOOP\r\n")
    incoming.write(theirs_out.read())
    waiting = incoming.pending
    assert waiting
    ours.write(b"250 2.0.0 Ok\r\n")
    assert incoming.pending == waiting
    assert ours.pending() == 6
    assert ours.read(100) == b"NOOP\r\n"
    with pytest.raises(ssl.SSLWantReadError):
        ours.read(100)
    with contextlib.suppress(ssl.SSLWantReadError):
        theirs.unwrap()
    incoming.write(theirs_out.read())
    assert ours.pending(), "the end is yet to be read"
    assert ours.read(100) == b""
    incoming.write(b"no TLS")
    with pytest.raises(ssl.SSLError):
        AskingContext(str(server.cert), str(server.key)).wrap_bio(incoming, outgoing).do_handshake()


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_openssl_shows_a_certificate(tmp_path: Path, server: Certificate, ours: Certificate, tls: str) -> None:
    async with running(tmp_path, settings=listener(server, tls), customers=customers(ours)) as (gateway, _, __):
        client = await asyncio.create_subprocess_exec(
            "openssl", "s_client", "-connect", gateway.smtp_addresses[0], "-cert", str(ours.cert), "-key", str(ours.key),
            "-quiet", "-crlf", *(["-starttls", "smtp"] if tls == "starttls" else []),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        said, _ = await asyncio.wait_for(
            client.communicate(b"EHLO client.example\nMAIL FROM:<ann@acme.example>\nQUIT\n"), 120
        )
        assert b"\r\n250 2.1.0 Sender ok\r\n221 2.0.0 Bye\r\n" in said, said
