"""A crowd that begins TLS and goes no further keeps neither memory nor customers' handshakes."""

import asyncio
from pathlib import Path

import pytest

from gateway.smtp import admission
from tests.gateway.smtp.test_session import certificate as certificate
from tests.gateway.smtp.test_session import listener
from tests.rig.gateway import running
from tests.rig.talk import Talk


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_HANDSHAKES", 8)


async def test_on_starttls_the_reply_is_454_and_a_customer_still_gets_in(
    tmp_path: Path, certificate: tuple[str, str]
) -> None:
    async with running(tmp_path, settings=listener("starttls", certificate)) as (gateway, _, __):
        crowd = [await Talk.to(gateway.smtp_addresses[0], local_addr=(f"127.0.1.{n}", 0)) for n in range(10)]
        said = []
        for talk in crowd:
            await talk.ask("EHLO slow.example")
            said.append((await talk.ask("STARTTLS"))[:9])
        assert said == ["220 2.0.0"] * 6 + ["454 4.7.0"] * 4
        customer = await Talk.to(gateway.smtp_addresses[0], local_addr=("127.0.0.2", 0))
        await customer.ask("EHLO client.example")
        assert (await customer.ask("STARTTLS")).startswith("220 ")
        await customer.upgrade()
        assert (await customer.ask("EHLO client.example")).startswith("250 ")
        for talk in (*crowd, customer):
            talk.writer.transport.abort()


async def test_on_an_implicit_listener_what_is_too_many_is_closed(tmp_path: Path, certificate: tuple[str, str]) -> None:
    async with running(tmp_path, settings=listener("implicit", certificate)) as (gateway, _, __):
        host, _, port = gateway.smtp_addresses[0].rpartition(":")
        crowd = [await asyncio.open_connection(host, int(port), local_addr=(f"127.0.1.{n}", 0)) for n in range(10)]
        async with asyncio.timeout(20):
            while sum(reader.at_eof() for reader, _ in crowd) < 4:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        for _, writer in crowd:
            writer.transport.abort()
