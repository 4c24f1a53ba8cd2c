"""A cluster of some age may reach thousands in ten minutes; so a burst of messages, each of which would not make it bulk
mail by itself, together went to thousands before anything was observed."""

import asyncio
from datetime import timedelta
from pathlib import Path

from tests.rig.bulk import BULK_CUSTOMERS
from tests.rig.gateway import Clock, running
from tests.rig.smtpd import Once
from tests.rig.talk import Talk

LETTER = b"From: ann@acme.example\r\nMessage-ID: <letter@acme.example>\r\n\r\nDear all, the shop is open again from Monday on, "
LETTER += b"with new chairs of ash from the valley and coffee for everybody who comes before noon.\r\n.\r\n"


async def test_it_reaches_no_more_than_the_number_for_a_day(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, customers=BULK_CUSTOMERS, clock=clock) as (gateway, hop, _):

        async def send(first: int, count: int) -> str:
            talk = await Talk.to(gateway.smtp_addresses[0])
            await talk.login()
            await talk.ask("MAIL FROM:<ann@acme.example>")
            for number in range(first, first + count):
                assert (await talk.ask(f"RCPT TO:<r{number}@recipient.example>")).startswith("250 ")
            await talk.ask("DATA")
            try:
                return await talk.ask(LETTER)
            finally:
                talk.writer.close()

        assert (await send(0, 1)).startswith("250 ")
        clock.now += timedelta(hours=10)
        arrived = asyncio.Event()
        hop.on("DOT", Once(arrived))
        first = asyncio.create_task(send(1000, 60))
        await hop.until(lambda: hop.commands.count("DATA") == 2)
        assert "paced: 100 recipients per 10 minutes" in await send(2000, 60)
        second = asyncio.create_task(send(3000, 40))
        await hop.until(lambda: hop.commands.count("DATA") == 3)
        arrived.set()
        assert [reply[:3] for reply in (await first, await second)] == ["250", "250"]
