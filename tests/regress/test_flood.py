"""What a stranger sends without reading the replies costs bounded memory."""

import asyncio
from pathlib import Path
from typing import cast

from tests.rig.gateway import running


async def test_replies_that_nobody_reads_are_bounded(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, __):
        gateway.edge.on_reply = None
        host, port = gateway.smtp_addresses[0].rsplit(":", 1)
        reader, writer = await asyncio.open_connection(host, int(port), limit=4096)
        await reader.readline()
        cast(asyncio.ReadTransport, writer.transport).pause_reading()
        writer.write(b"EHLO a\r\n" * 80_000)
        held = 0
        for _ in range(60):
            await asyncio.sleep(0.05)
            for session in gateway.edge._sessions:
                transport = cast(asyncio.WriteTransport, session.transport)
                held = max(held, transport.get_write_buffer_size() + sum(map(len, session._out)))
        writer.transport.abort()
        assert held < 512 * 1024, held
