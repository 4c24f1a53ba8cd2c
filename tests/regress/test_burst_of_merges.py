"""A burst of near-identical mail reached more than slow start lets: between the look at what was reached and the hold on
what is on its way, others had arrived, and were in neither; and one that had arrived was let go before it was counted."""

import asyncio
from pathlib import Path

import pytest

from tests.bulk.campaigns import merged, templates
from tests.rig import redis
from tests.rig.bulk import BULK_CUSTOMERS
from tests.rig.gateway import Clock, running
from tests.rig.talk import Talk

COUNT = 90
AT_ONCE = 30


async def test_a_burst_reaches_no_more_than_slow_start_lets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.ledger.server.TIMEOUT", 60.0)
    codes: list[str] = []
    left = list(range(COUNT))
    with redis.running() as server:
        settings = {"ledger": {"url": server.url}}
        async with running(tmp_path, customers=BULK_CUSTOMERS, settings=settings, clock=Clock()) as (gateway, hop, _):

            async def client() -> None:
                talk = await Talk.to(gateway.smtp_addresses[0])
                assert (await talk.login()).startswith("235 ")
                while left:
                    number = left.pop()
                    content = merged(templates()[0], "merge", "Acme Ltd", number, 1)
                    for command in ("MAIL FROM:<news@acme.example>", f"RCPT TO:<r{number}@recipient.example>", "DATA"):
                        assert (await talk.ask(command))[0] in "23"
                    codes.append((await talk.ask(content + b"\r\n.\r\n"))[:3])
                talk.writer.close()

            await asyncio.gather(*(client() for _ in range(AT_ONCE)))
            assert set(codes) == {"250", "450"}
            assert len(hop.accepted) == codes.count("250")
    assert 15 <= codes.count("250") <= 20
