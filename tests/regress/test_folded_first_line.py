"""Nothing of a message continues a header line of ours, in observe mode either."""

from pathlib import Path

from filters.message import Message
from tests.rig.gateway import CUSTOMERS, running
from tests.rig.talk import Talk


async def test_a_folded_first_line_does_not_continue_our_own_header_line(tmp_path: Path) -> None:
    async with running(tmp_path, customers=[{**CUSTOMERS[0], "mode": "observe"}]) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        wire = b"\tforged\r\nFrom: ann@acme.example\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <a@b.c>\r\n\r\nx\r\n.\r\n"
        await talk.ask(wire)
        talk.writer.close()
        ours = [field for message in hop.accepted for field in Message(message.content).all("received")]
        assert all(b"forged" not in field.value for field in ours)
