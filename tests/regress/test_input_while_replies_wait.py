"""A client that reads late, and sends more before it has read: what it sent must not wait for what it sends next.

Input that came while the session waited for its replies to be read woke nobody up, and the session then waited for input
that was there.
"""

import asyncio
import socket
from pathlib import Path
from typing import cast

import pytest

from tests.rig.gateway import running

_SMALL = 4096
"""Octets that the sockets hold: what nobody reads stays in the session's transport."""


async def test_input_that_comes_while_replies_wait_to_be_read_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.smtp.session._MOST_COMMANDS", 1 << 30)
    async with running(tmp_path) as (gateway, hop, _):
        host, port = gateway.smtp_addresses[0].rsplit(":", 1)
        plug = socket.socket()
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
        plug.connect((host, int(port)))
        reader, writer = await asyncio.open_connection(sock=plug, limit=_SMALL)
        assert (await reader.readline()).startswith(b"220 ")
        (session,) = gateway.edge._sessions
        assert session.transport is not None
        session.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SMALL)
        asked = 0

        def quiet() -> bool:
            """Everything that was sent is used up, and the session waits."""
            return session._octets_in == asked and not len(session._inbox) and session._client_owes

        async def ask(lines: bytes) -> None:
            nonlocal asked
            asked += len(lines)
            writer.write(lines)
            await hop.until(lambda: session._octets_in == asked)

        cast(asyncio.ReadTransport, writer.transport).pause_reading()
        while session._more is not None or not quiet():
            # Until it waits for the client to read, and not to send.
            await ask(b"EHLO client.example\r\n" * 10)
            await hop.until(quiet)
        await ask(b"NOOP\r\n")
        cast(asyncio.ReadTransport, writer.transport).resume_reading()
        async with asyncio.timeout(60):
            while not (await reader.readline()).startswith(b"250 2.0.0 Ok"):
                pass
        writer.close()
