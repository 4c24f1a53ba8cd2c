"""No message holds the event loop for long: every other session waits meanwhile."""

import asyncio
import encodings
import time
from pathlib import Path

from filters import words
from filters.engine import bind, evaluate
from filters.message import Message
from tests.rig.full import POLICY, full_facts
from tests.rig.gateway import running
from tests.rig.talk import Talk

OWN = b"From: ann@acme.example\r\n"


async def _seconds(folder: Path, wire: bytes) -> float:
    """From the first octet of a message to the reply; nearly all of it is held in the event loop."""
    async with running(folder) as (gateway, _, __):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        before = time.process_time()
        talk.writer.write(wire)
        await talk.writer.drain()
        async with asyncio.timeout(100):
            line = await talk.reader.readline()
        assert line[:1] in b"245", line
        talk.writer.close()
        talk.writer.close()
        return time.process_time() - before


async def test_comments_in_from_and_sender_do_not_stall_the_gateway(tmp_path: Path) -> None:
    # Two fields of 16 KB; fifteen such From fields fit into the header block and are all parsed, twice.
    comments = b"(a)" * 5200
    fields = b"From: " + comments + b" <ann@acme.example>\r\nSender: " + comments + b" <ann@acme.example>\r\n"
    assert await _seconds(tmp_path, fields + b"\r\nbody\r\n.\r\n") < 1


async def test_a_header_block_that_is_too_large_is_refused_without_being_split(tmp_path: Path) -> None:
    assert await _seconds(tmp_path, OWN + b"a:\r\n" * 1_500_000 + b"\r\nbody\r\n.\r\n") < 2


async def test_a_long_line_without_a_colon_does_not_stall_the_gateway(tmp_path: Path) -> None:
    # It was looked at from each of its octets to its end: half a second for 16 KB, minutes for 250.
    assert await _seconds(tmp_path, OWN + b"a" * 250_000 + b"\r\n\r\nbody\r\n.\r\n") < 2


def test_marks_in_one_name_are_put_in_order_piece_by_piece() -> None:
    # Each field was bounded, but not all together, and putting marks in order takes time that grows with the square.
    marks = b"Sender: " + "\u0301\u0327".encode() * 4000 + b" <ann@acme.example>\r\n"
    message = Message(OWN + marks * 15 + b"\r\n")
    begun = time.process_time()
    evaluate(bind(POLICY), message, full_facts(), POLICY)
    assert time.process_time() - begun < 1


def test_names_of_character_sets_are_not_remembered() -> None:
    # Python keeps for ever what it looked up, found or not: who sends made-up names filled the memory.
    known = len(encodings._cache)
    for number in range(50):
        words.decoded(b"=?x-made-up-%d?q?a?=" % number)
    assert len(encodings._cache) == known
