"""The audit holds no local-part in clear, also where the next hop's reply repeats the recipient (as Postfix does)."""

from pathlib import Path

from tests.rig.gateway import running
from tests.rig.talk import CLEAN, Talk

UNKNOWN = "550 5.1.1 <very.private@recipient.example>: Recipient address rejected: User unknown"


def _journal(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.glob("var/audit/*/*.jsonl"))


async def test_a_recipient_refused_by_the_next_hop_does_not_stand_in_clear(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        hop.on("RCPT", UNKNOWN)
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.ask("MAIL FROM:<ann@acme.example>")
        assert (await talk.ask("RCPT TO:<very.private@recipient.example>")).startswith("550 5.1.1 ")
        talk.writer.close()
    assert "very.private" not in _journal(tmp_path)


async def test_a_reply_to_the_dot_that_names_a_recipient_does_not_stand_in_clear(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        hop.on("DOT", "550 5.1.1 <bob@recipient.example>: User unknown")
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        assert (await talk.ask(CLEAN)).startswith("550 ")
        talk.writer.close()
    assert "bob@recipient.example" not in _journal(tmp_path)
