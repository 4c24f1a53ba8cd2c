"""With `slow_start = 1` a letter that the next hop put off (greylisting) was paced at its second attempt, and again at
each, for an hour."""

from pathlib import Path
from typing import Any

from tests.rig.gateway import CUSTOMERS, running
from tests.rig.talk import Talk

SLOW: list[dict[str, Any]] = [{**CUSTOMERS[0], "bulk": {"slow_start": 1}}]
LETTER = b"From: ann@acme.example\r\n\r\nDear Bob, thank you for your letter about the garden and the two apple trees "
LETTER += b"behind it; we shall come on Tuesday in the afternoon and bring the long ladder.\r\n.\r\n"


async def test_an_attempt_that_was_put_off_does_not_pace_the_next(tmp_path: Path) -> None:
    async with running(tmp_path, customers=SLOW) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        hop.on("DOT", "451 4.7.1 Greylisted")
        for expected in ("451 ", "451 ", "250 "):
            if expected == "250 ":
                hop.on("DOT", None)
            await talk.up_to_data()
            assert (await talk.ask(LETTER)).startswith(expected)
        await talk.ask("MAIL FROM:<ann@acme.example>")
        await talk.ask("RCPT TO:<carol@recipient.example>")
        await talk.ask("DATA")
        assert (await talk.ask(LETTER)).startswith("450 4.7.28")
        talk.writer.close()
