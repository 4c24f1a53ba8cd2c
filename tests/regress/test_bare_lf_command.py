"""Only CRLF ends a command: what stands behind a bare LF belongs to the same, refused line."""

from pathlib import Path

from tests.rig.gateway import running
from tests.rig.talk import Talk


async def test_what_follows_a_bare_lf_is_not_a_second_command(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        assert (await talk.ask("MAIL FROM:<ann@acme.example>")).startswith("250 ")
        # One line, one reply. Today there are two, and each later reply is read as the answer to the command before.
        assert (await talk.ask(b"NOOP x\nRCPT TO:<bob@recipient.example>\r\n")).startswith("500 ")
        assert (await talk.ask("NOOP")) == "250 2.0.0 Ok"
        talk.writer.close()
        assert not any(command.startswith("RCPT") for command in hop.commands)
