"""No message holds the event loop for long: every other session waits meanwhile."""

import asyncio
import time
from pathlib import Path

from tests.rig.gateway import running
from tests.rig.talk import Talk

OWN = b"From: ann@acme.example\r\n"


async def _seconds(folder: Path, wire: bytes) -> float:
    """From the first octet of a message to the reply; nearly all of it is held in the event loop."""
    async with running(folder) as (gateway, _, __):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        before = time.perf_counter()
        talk.writer.write(wire)
        await talk.writer.drain()
        async with asyncio.timeout(100):
            line = await talk.reader.readline()
        assert line[:1] in b"245", line
        talk.writer.close()
        talk.writer.close()
        return time.perf_counter() - before


async def test_comments_in_from_and_sender_do_not_stall_the_gateway(tmp_path: Path) -> None:
    # Two fields of 16 KB; fifteen such From fields fit into the header block and are all parsed, twice.
    comments = b"(a)" * 5200
    fields = b"From: " + comments + b" <ann@acme.example>\r\nSender: " + comments + b" <ann@acme.example>\r\n"
    assert await _seconds(tmp_path, fields + b"\r\nbody\r\n.\r\n") < 1


async def test_a_header_block_that_is_too_large_is_refused_without_being_split(tmp_path: Path) -> None:
    assert await _seconds(tmp_path, OWN + b"a:\r\n" * 1_500_000 + b"\r\nbody\r\n.\r\n") < 2
