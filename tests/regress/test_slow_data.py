"""DATA as a whole is bounded in time (R-045): a client that sends one octet now and then does not hold a place."""

import asyncio
from pathlib import Path

from tests.rig.gateway import running
from tests.rig.talk import Talk


async def test_a_message_that_trickles_in_is_given_up(tmp_path: Path) -> None:
    async with running(tmp_path, settings={"limits": {"command_timeout": 0.3}}) as (gateway, _, __):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        for _ in range(40):  # 4 s: more than ten times the time a client may be silent
            talk.writer.write(b"x")
            await asyncio.sleep(0.1)
        talk.writer.close()
        assert talk.reader.at_eof() or b"421" in bytes(talk.reader._buffer)  # type: ignore[attr-defined]
