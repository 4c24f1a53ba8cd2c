"""Connections that are still in the TLS handshake count against the bounds of the edge too."""

import asyncio
from pathlib import Path

from tests.gateway.smtp.test_session import certificate as certificate
from tests.gateway.smtp.test_session import listener
from tests.rig.gateway import running


async def test_handshakes_on_an_implicit_listener_are_bounded_per_address(
    tmp_path: Path, certificate: tuple[str, str]
) -> None:
    settings = listener("implicit", certificate) | {"limits": {"connections_per_address": 3}}
    async with running(tmp_path, settings=settings) as (gateway, _, __):
        host, port = gateway.smtp_addresses[0].rsplit(":", 1)
        opened = [await asyncio.open_connection(host, int(port)) for _ in range(10)]
        await asyncio.sleep(0.5)
        alive = sum(not reader.at_eof() for reader, _ in opened)
        for _, writer in opened:
            writer.transport.abort()
        assert alive <= 3, f"{alive} connections in the handshake from one address"
