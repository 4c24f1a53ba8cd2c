"""A process was killed while its message to twenty people was with the next hop. The room that it held in the pace stayed
taken, so that the same message was put off at each attempt for ten minutes."""

import asyncio
from datetime import timedelta
from pathlib import Path

from tests.rig import redis
from tests.rig.bulk import BULK_CUSTOMERS
from tests.rig.gateway import Clock, running
from tests.rig.smtpd import Once
from tests.rig.talk import Talk

LETTER = b"From: ann@acme.example\r\nMessage-ID: <letter@acme.example>\r\n\r\nDear all, the club meets on Tuesday at eight in the "
LETTER += (
    b"old school house; please bring the accounts of last year, and a chair for everybody of your family.\r\n.\r\n"
)


async def test_it_needs_no_second_room(tmp_path: Path) -> None:
    async def sent(talk: Talk) -> None:
        assert (await talk.login()).startswith("235 ")
        await talk.ask("MAIL FROM:<ann@acme.example>")
        for number in range(20):
            assert (await talk.ask(f"RCPT TO:<r{number}@recipient.example>")).startswith("250 ")
        await talk.ask("DATA")
        talk.writer.write(LETTER)

    clock = Clock()
    with redis.running() as server:
        settings = {"ledger": {"url": server.url}}
        (tmp_path / "one").mkdir()
        (tmp_path / "two").mkdir()
        async with (
            running(tmp_path / "one", customers=BULK_CUSTOMERS, settings=settings, clock=clock) as (one, hop, _),
            running(tmp_path / "two", customers=BULK_CUSTOMERS, settings=settings, clock=clock) as (two, other, _),
        ):
            # Nodes with one registry have its keys.
            here, there = one.edge.pipeline, two.edge.pipeline
            there.fingerprint_key, there.address_key = here.fingerprint_key, here.address_key
            # As of a process that is gone, nothing more is heard of what it held.
            dead = asyncio.Event()
            hop.on("DOT", Once(dead))
            first = await Talk.to(one.smtp_addresses[0])
            await sent(first)
            await hop.until(lambda: "DATA" in hop.commands)
            clock.now += timedelta(minutes=1)
            again = await Talk.to(two.smtp_addresses[0])
            await sent(again)
            assert (await again.reply()).startswith("250 ")
            again.writer.close()
            dead.set()
            assert (await first.reply()).startswith("250 ")
            first.writer.close()
            assert len(other.accepted) == 1
