"""A session that has ended is free at once, and not left to the garbage collector.

Each was part of a cycle. A flood of connections piled up thousands until a full collection freed them, which stopped
every session for a tenth of a second.
"""

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from gateway.smtp.connection import Connection
from tests.rig.gateway import running
from tests.rig.loops import CalmLoop
from tests.rig.talk import CLEAN, Talk


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("loop", [CalmLoop, uvloop.new_event_loop])
@pytest.mark.parametrize("turned_away", [False, True])
def test_a_session_that_has_ended_is_free_at_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    no_collection: None,
    loop: Callable[[], Any],
    turned_away: bool,
) -> None:
    async def run() -> None:
        limits = {"limits": {"connections": 1}} if turned_away else {}
        async with running(tmp_path, settings=limits) as (gateway, hop, _):
            address = gateway.smtp_addresses[0]
            first = await Talk.to(address) if turned_away else None
            made: list[weakref.ref[Connection]] = []
            admit = gateway.edge.admit

            async def seen(session: Any, *more: Any) -> Any:
                made.append(weakref.ref(session))
                return await admit(session, *more)

            monkeypatch.setattr(gateway.edge, "admit", seen)
            if first is not None:
                host, _, port = address.rpartition(":")
                reader, writer = await asyncio.open_connection(host, int(port))
                assert (await reader.read()).startswith(b"421 ")
                writer.close()
                first.writer.close()
            else:
                talk = await Talk.to(address)
                await talk.login()
                await talk.up_to_data()
                assert (await talk.ask(CLEAN)).startswith("250 ")
                await talk.ask("QUIT")
                talk.writer.close()
            await hop.until(lambda: not gateway.edge._sessions)
            await hop.until(lambda: made[0]() is None)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(run())
