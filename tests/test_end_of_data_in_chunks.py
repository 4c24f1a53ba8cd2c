"""Every end of data that some server takes for one, within BDAT, with a chunk's end at every octet: one message or none."""

from pathlib import Path

import pytest

from tests.rig.gateway import running
from tests.rig.talk import Talk

HEAD = b"From: ann@acme.example\r\n\r\nbody"
REST = b"MAIL FROM:<eve@evil.example>\r\nRCPT TO:<x@y.example>\r\nDATA\r\n"
ENDS = [
    first + b"." + second
    for first in (b"\n", b"\r", b"\r\n", b"\r\r\n", b"\r\n\0")
    for second in (b"\n", b"\r", b"\r\n", b"\0\r\n")
]


@pytest.mark.parametrize("user", ["acme-app", "acme-old"])
async def test_one_message_or_none(tmp_path: Path, user: str) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login(user)
        for end in ENDS:
            message = HEAD + end + REST
            for cut in range(len(HEAD) - 1, len(HEAD) + len(end) + 1):
                before = len(hop.accepted)
                await talk.ask("MAIL FROM:<ann@acme.example>")
                await talk.ask("RCPT TO:<dan@acme.example>")
                first, last = message[:cut], message[cut:]
                talk.writer.write(b"BDAT %d\r\n%sBDAT %d LAST\r\n%s" % (len(first), first, len(last), last))
                assert (await talk.reply()).startswith("250 2.0.0 ")
                reply = await talk.reply()
                plain = message.replace(b"\r\n", b"")
                bad = b"\0" in message or (user == "acme-app" and not {10, 13}.isdisjoint(plain))
                assert reply.startswith("554 5.6.0 " if bad else "250 2.0.0 "), (end, cut, reply)
                assert len(hop.accepted) - before == (not bad)
                if not bad:
                    assert hop.accepted[-1].recipients == ("dan@acme.example",)
                    assert hop.accepted[-1].content.endswith(REST)
        assert not any("evil" in command for command in hop.commands)
        assert (await talk.ask("NOOP")) == "250 2.0.0 Ok"
        talk.writer.close()
