"""Customers are looked up while the registry's changes come in: nobody vanishes meanwhile."""

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from consent.customers import StoredCustomer
from gateway.directory import Directory
from tests.rig.gateway import running


async def test_the_directory_is_changed_on_the_event_loop_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # In another thread a customer is gone for as long as its entry is being replaced (9 ms for 1,000 networks), and
    # gets 530 5.7.0 or 535 5.7.8 for nothing: its server bounces the message.
    threads = []
    update = Directory.update

    def watched(directory: Directory, stored: Iterable[StoredCustomer]) -> None:
        threads.append(threading.current_thread())
        update(directory, stored)

    async with running(tmp_path) as (gateway, _, __):
        monkeypatch.setattr(Directory, "update", watched)
        gateway.stores.customers.suspend("acme", "complaints", gateway.clock())
        async with asyncio.timeout(60):
            while not threads:  # noqa: ASYNC110 - set by code that signals nobody
                await asyncio.sleep(0.05)
    assert set(threads) == {threading.main_thread()}
