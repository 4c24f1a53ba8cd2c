"""Whatever fails on our side while DATA comes in: what is left of the message is never read as commands."""

from pathlib import Path

import pytest

from tests.rig.disk import small_disk
from tests.rig.gateway import running
from tests.rig.talk import Talk


async def test_the_rest_of_a_message_is_not_taken_for_commands_when_the_spool_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(tmp_path / "spool", "512k") as disk:
        async with running(tmp_path) as (gateway, hop, linter):
            monkeypatch.setattr(gateway.edge, "_body_folder", disk)
            talk = await Talk.to(gateway.smtp_addresses[0])
            await talk.login()
            await talk.up_to_data()
            smuggled = b"RSET\r\nMAIL FROM:<ann@acme.example>\r\nRCPT TO:<smuggled@recipient.example>\r\n" * 2000
            talk.writer.write(
                b"From: ann@acme.example\r\n\r\n" + b"x" * 70 + b"\r\n" + b"y" * 900_000 + b"\r\n" + smuggled
            )
            talk.writer.write(b"\r\n.\r\n")
            reply = await talk.reply()
            talk.writer.close()
            assert not any("smuggled" in command for command in hop.commands)
            assert reply.startswith("452 4.3.1"), reply
