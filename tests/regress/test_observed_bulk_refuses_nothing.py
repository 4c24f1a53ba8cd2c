"""Where all is only observed, slow start left no trace, and bulk mail was put off while the registry was away."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from consent.database import RegistryDown
from tests.rig import bulk
from tests.rig.gateway import decisions, running
from tests.rig.talk import Talk

OBSERVED: list[dict[str, Any]] = [{**bulk.CUSTOMER, "mode": "observe"}]


async def _send(talk: Talk, to: str, data: bytes) -> list[str]:
    assert (await talk.ask("MAIL FROM:<news@acme.example>")).startswith("250 ")
    told = [await talk.ask(f"RCPT TO:<{to}>")]
    assert (await talk.ask("DATA")).startswith("354 ")
    return [*told, await talk.ask(data)]


async def test_what_would_have_been_paced_is_on_record(tmp_path: Path) -> None:
    text = (
        b"From: ann@acme.example\r\n\r\nWe have wonderful watches for you, of steel and glass, with straps of leather "
    )
    text += b"in nine colours, and they are brought to your door within three days.\r\n.\r\n"
    async with running(tmp_path, customers=OBSERVED) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        for number in range(22):
            assert (await _send(talk, f"r{number}@recipient.example", text))[1].startswith("250 ")
        talk.writer.close()
        codes = [[found["code"] for found in each["findings"]] for each in decisions(gateway)]
    assert len(hop.accepted) == 22
    assert "SLOW-START" not in codes[19]
    assert "SLOW-START" in codes[20]


async def test_a_registry_that_is_away_puts_nothing_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> Sequence[object]:
        raise RegistryDown("registry: gone")

    async with running(tmp_path, customers=OBSERVED) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login("acme-bulk")
        for where in (gateway.consents.lists, gateway.consents.store):
            monkeypatch.setattr(where, "all" if where is gateway.consents.lists else "known", down)
            gateway.registry._away_until = None
            for _ in range(2):
                told = await _send(talk, "bob@recipient.example", bulk.campaign())
                assert [each[:3] for each in told] == ["250", "250"]
            monkeypatch.undo()
        talk.writer.close()
    assert len(hop.accepted) == 4
