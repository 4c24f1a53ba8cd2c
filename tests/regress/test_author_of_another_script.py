"""An author's address that is not ASCII passes with SMTPUTF8, and only with it (RFC 6531 section 3.2)."""

from pathlib import Path

import pytest

from tests.rig.gateway import running
from tests.rig.talk import Talk


@pytest.mark.parametrize(("parameter", "reply"), [(" SMTPUTF8", "250 "), ("", "550 5.6.7 Non-ASCII address in header")])
async def test_a_non_ascii_author_needs_smtputf8(tmp_path: Path, parameter: str, reply: str) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        for command in (f"MAIL FROM:<ann@acme.example>{parameter}", "RCPT TO:<bob@recipient.example>", "DATA"):
            assert (await talk.ask(command))[:3] in ("250", "354")
        answer = await talk.ask("From: Jürgen <jürgen@acme.example>\r\n\r\nbody\r\n.".encode() + b"\r\n")
        assert answer.startswith(reply)
        assert len(hop.accepted) == (1 if parameter else 0)
        talk.writer.close()


async def test_a_message_out_of_an_mbox_file_arrives_with_its_from(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        line = b"From ann@acme.example Fri Nov 20 10:00:00 2026\r\n"
        assert (await talk.ask(line + b"From: ann@acme.example\r\n\r\nbody\r\n.\r\n")).startswith("250 ")
        header = hop.accepted[0].content.partition(b"\r\n\r\n")[0]
        assert b"\r\nFrom: ann@acme.example" in header
        assert b"From ann@" not in header
        talk.writer.close()
