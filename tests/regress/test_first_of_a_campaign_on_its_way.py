"""The first message of a campaign was with the next hop while others arrived: it counted neither as on its way nor as
reached, and slow start let one more pass than it says."""

import asyncio
from pathlib import Path

from tests.bulk.campaigns import merged, templates
from tests.rig.bulk import BULK_CUSTOMERS
from tests.rig.gateway import Clock, running
from tests.rig.smtpd import Once
from tests.rig.talk import Talk


async def test_it_counts_from_the_start(tmp_path: Path) -> None:
    async with running(tmp_path, customers=BULK_CUSTOMERS, clock=Clock()) as (gateway, hop, _):

        async def send(number: int) -> str:
            talk = await Talk.to(gateway.smtp_addresses[0])
            await talk.login()
            for command in ("MAIL FROM:<news@acme.example>", f"RCPT TO:<r{number}@recipient.example>", "DATA"):
                assert (await talk.ask(command))[0] in "23"
            try:
                return await talk.ask(merged(templates()[0], "merge", "Acme Ltd", number, 1) + b"\r\n.\r\n")
            finally:
                talk.writer.close()

        arrived = asyncio.Event()
        hop.on("DOT", Once(arrived), None)
        first = asyncio.create_task(send(0))
        await hop.until(lambda: "DATA" in hop.commands)
        others = [(await send(number))[:3] for number in range(1, 25)]
        assert others == ["250"] * 19 + ["450"] * 5
        arrived.set()
        assert (await first).startswith("250 ")
