"""The transport's side of a session: whose silence counts, and what is read and said."""

import asyncio
from pathlib import Path

import pytest

from tests.rig.gateway import running
from tests.rig.loops import calm
from tests.rig.talk import Talk


async def test_reading_pauses_while_input_is_not_used_and_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.smtp.session._MOST_COMMANDS", 1 << 30)
    async with running(tmp_path) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        count = 60_000
        talk.writer.write(b"NOOP\r\n" * count + b"QUIT\r\n")
        said = await asyncio.wait_for(talk.reader.read(), 60)
        assert said.count(b"250 2.0.0 Ok\r\n") == count
        assert said.endswith(b"221 2.0.0 Bye\r\n")
        talk.writer.close()


async def test_each_line_restarts_the_time_a_client_may_be_silent(tmp_path: Path) -> None:
    async with running(tmp_path, settings={"limits": {"command_timeout": 300}}) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        for _ in range(3):
            calm().leap(200)
            assert (await talk.ask("NOOP")) == "250 2.0.0 Ok"
        calm().leap(301)
        assert (await talk.reply()) == "421 4.4.2 Timed out waiting for you"
        talk.writer.close()


async def test_a_pipelined_group_is_answered_in_order(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        talk.writer.write(b"NOOP\r\nFOO\r\nRSET\r\nVRFY x\r\nQUIT\r\n")
        said = (await talk.reader.read()).decode().splitlines()
        assert [line[:3] for line in said] == ["250", "500", "250", "252", "221"]
        talk.writer.close()
