"""Header lines that begin with a dot and stand above a removed field must reach the next hop with their dot."""

from pathlib import Path

from tests.rig.gateway import CUSTOMERS, running
from tests.rig.talk import Talk

OBSERVED = [{**CUSTOMERS[0], "mode": "observe"}]


async def test_a_header_line_that_begins_with_a_dot_above_a_bcc_is_forwarded_unchanged(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        wire = b"From: ann@acme.example\r\n..X-Dot: kept\r\nBcc: eve@acme.example\r\nSubject: x\r\n\r\nbody\r\n.\r\n"
        assert (await talk.ask(wire)).startswith("250 ")
        talk.writer.close()
        assert b"\r\n.X-Dot: kept\r\n" in hop.accepted[0].content


async def test_a_lone_dot_in_the_header_block_cannot_end_the_message_at_the_next_hop(tmp_path: Path) -> None:
    async with running(tmp_path, customers=OBSERVED) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        smuggled = (
            b"MAIL FROM:<ceo@bank.example>\r\nRCPT TO:<victim@recipient.example>\r\nDATA\r\nFrom: ceo@bank.example\r\n"
        )
        wire = b"From: ann@acme.example\r\n..\r\n" + smuggled + b"Return-Path: <x@acme.example>\r\n\r\nbody\r\n.\r\n"
        await talk.ask(wire)
        talk.writer.close()
        assert all("bank.example" not in command for command in hop.commands), hop.commands
        assert len(hop.messages) <= 1
