"""Connections that wait to be looked at are bounded, and those of one address leave room for others.

They waited for their turn before anybody counted them: a flood faster than the turns of the loop took descriptors
without end.
"""

import asyncio
from pathlib import Path

import pytest

from gateway.rota import Rota
from tests.rig.gateway import running

ROOM = 8


async def test_a_flood_that_waits_for_its_turn_is_bounded_and_leaves_room_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = Rota._next
    async with running(tmp_path, settings={"limits": {"connections": ROOM}}) as (gateway, hop, _):
        host, port = gateway.smtp_addresses[0].rsplit(":", 1)
        clients: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

        async def connect(address: str) -> asyncio.StreamReader:
            clients.append(await asyncio.open_connection(host, int(port), local_addr=(address, 0)))
            return clients[-1][0]

        monkeypatch.setattr(Rota, "_next", lambda rota: None)  # from now on it is nobody's turn but the first one's
        assert (await (await connect("127.0.0.3")).readline()).startswith(b"220 ")
        newcomers = gateway.edge._newcomers
        for count in range(1, ROOM // 2 + 1):
            await connect("127.0.0.3")
            await hop.until(lambda count=count: newcomers.taken == count)  # type: ignore[misc]
        assert (await (await connect("127.0.0.3")).read()).startswith(b"421 ")
        other = await connect("127.0.0.4")
        await hop.until(lambda: newcomers.taken == ROOM // 2 + 1)
        monkeypatch.setattr(Rota, "_next", go_on)
        gateway._rota._next()
        assert (await other.readline()).startswith(b"220 ")
        await hop.until(lambda: newcomers.taken == 0)
        for _, writer in clients:
            writer.close()
