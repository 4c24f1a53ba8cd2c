"""A next hop that clears the eighth bit reads 8D 8A as CR LF: a message with 8-bit content could hold a second one."""

from pathlib import Path

import pytest

from tests.rig.gateway import decisions, running
from tests.rig.lenient import Lenient
from tests.rig.talk import Talk

HIDDEN = (
    b"MAIL FROM:<eve@evil.example>\x8d\x8aRCPT TO:<victim@recipient.example>\x8d\x8aDATA\x8d\x8asecond\x8d\x8a.\x8d\x8a"
)


@pytest.mark.parametrize("seven_bit", [True, False])
async def test_eight_bit_content_goes_only_where_8bitmime_is_offered(tmp_path: Path, seven_bit: bool) -> None:
    async with Lenient(seven_bit=seven_bit) as hop, running(tmp_path, hop=hop) as (gateway, _, linter):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        reply = await talk.ask(b"From: ann@acme.example\r\n\r\nfirst\x8d\x8a.\x8d\x8a" + HIDDEN + b"\r\n.\r\n")
        assert ("250-8BITMIME" in linter.seen) is not seven_bit
        if seven_bit:
            assert reply.startswith("554 5.6.3 8-bit content is not taken here")
            assert decisions(gateway)[-1]["findings"][0]["code"] == "EIGHT-BIT"
        else:
            assert reply.startswith("250 ")
        assert len(hop.messages) == (0 if seven_bit else 1)
        talk.writer.close()
