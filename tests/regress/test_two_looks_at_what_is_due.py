"""Who looked at what is due while another look had just claimed it found nothing under way, and took all for done."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.rig.confirming import asked, confirming, letter, requested, sent


async def test_the_second_waits_for_what_the_first_has_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed, told = threading.Event(), threading.Event()
    async with confirming(tmp_path) as api:
        store = api.gateway.stores.confirmations
        claim = store.claim

        def slow(*asked: Any) -> Any:
            found = claim(*asked)
            if found:
                claimed.set()
                told.wait(60)
            return found

        monkeypatch.setattr(store, "claim", slow)
        await requested(api)
        await asked(api)
        assert await asyncio.to_thread(claimed.wait, 60)
        waiting = asyncio.create_task(sent(api))
        await asyncio.wait({waiting}, timeout=0.5)
        assert not waiting.done()
        told.set()
        await waiting
        assert letter(api)["To"] is not None
