"""Closing under TLS: asyncio's transport forgets itself when it is closed again, and asking it anything then raises; and
there is none where the connection was closed while the handshake ended."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.rig import certificates
from tests.rig.gateway import running
from tests.rig.talk import Talk


@pytest.mark.parametrize("greeted", [True, False])
async def test_a_session_that_is_closed_twice_or_within_the_handshake_leaves_no_error(
    tmp_path: Path, greeted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    made = certificates.make(tmp_path)
    listener = {"address": "127.0.0.1:0", "tls": "starttls", "cert_file": str(made.cert), "key_file": str(made.key)}
    raised: list[dict[str, Any]] = []
    async with running(tmp_path, settings={"smtp": {"listeners": [listener]}}) as (gateway, _, __):
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: raised.append(context))
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.ask("EHLO client.example")
        await talk.ask("STARTTLS")
        await talk.upgrade()
        if greeted:
            await talk.ask("EHLO client.example")
        (session,) = gateway.edge._sessions
        session.hang_up()
        session.hang_up()
        talk.writer.close()
        assert await gateway.edge.ended(60)
    assert raised == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
