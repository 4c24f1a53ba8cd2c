"""A decision ran out of time while it asked for room in the pace: what it was given was let go by nobody, and others were
put off for ten minutes."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.rig.bulk import BULK_CUSTOMERS
from tests.rig.gateway import Clock, running
from tests.rig.talk import Talk

LETTER = b"From: ann@acme.example\r\nMessage-ID: <letter@acme.example>\r\n\r\nDear all, the club meets on Tuesday at eight in the "
LETTER += (
    b"old school house; please bring the accounts of last year, and a chair for everybody of your family.\r\n.\r\n"
)


async def test_its_room_is_there_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"limits": {"decision_timeout": 0.5}}
    async with running(tmp_path, customers=BULK_CUSTOMERS, settings=settings, clock=Clock()) as (gateway, hop, _):
        hold = gateway.clusters.hold

        async def slow(customer: str, cluster: str, holder: str, recipients: Sequence[str], most: int) -> int | None:
            await hold(customer, cluster, holder, recipients, most)
            await asyncio.Event().wait()
            return None

        async def send(first: int) -> str:
            talk = await Talk.to(gateway.smtp_addresses[0])
            await talk.login()
            await talk.ask("MAIL FROM:<ann@acme.example>")
            for number in range(first, first + 20):
                await talk.ask(f"RCPT TO:<r{number}@recipient.example>")
            await talk.ask("DATA")
            try:
                return await talk.ask(LETTER)
            finally:
                talk.writer.close()

        with monkeypatch.context() as late:
            late.setattr(gateway.clusters, "hold", slow)
            assert (await send(0)).startswith("451 ")
        assert (await send(100)).startswith("250 ")
        assert len(hop.accepted) == 1
