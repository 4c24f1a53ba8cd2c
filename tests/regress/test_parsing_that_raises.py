"""Whatever stands in a header field, it is read or refused: no exception and no 451 for ever."""

from pathlib import Path

from tests.rig.gateway import running
from tests.rig.talk import Talk


async def test_a_date_whose_zone_is_too_large_is_refused_and_not_deferred(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, __):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        date = b"Date: Fri, 20 Nov 2026 10:00:00 +" + b"9" * 30 + b"\r\n"
        reply = await talk.ask(date + b"From: ann@acme.example\r\n\r\nbody\r\n.\r\n")
        talk.writer.close()
        talk.writer.close()
        assert reply.startswith("554 5.6.0 "), reply
