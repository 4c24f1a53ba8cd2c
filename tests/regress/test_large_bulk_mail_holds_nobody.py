"""A newsletter of 200 KB held the event loop for up to half a second while its texts were read and its styles weighed;
of a receipt of 2 KB it took twenty milliseconds to find out whether it sells."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filters.engine import evaluate
from filters.promotion import promotion
from gateway import classing, pipeline
from gateway.app import Gateway
from tests.rig import bulk
from tests.rig.gateway import running
from tests.rig.talk import Talk


def watched(threads: list[int], work: Callable[..., Any]) -> Callable[..., Any]:
    def noting(*given: Any, **more: Any) -> Any:
        threads.append(threading.get_ident())
        return work(*given, **more)

    return noting


async def _sent(gateway: Gateway, user: str, data: bytes) -> str:
    talk = await Talk.to(gateway.smtp_addresses[0])
    await talk.login(user)
    for command in ("MAIL FROM:<news@acme.example>", "RCPT TO:<bob@recipient.example>"):
        assert (await talk.ask(command)).startswith("250 ")
    await talk.ask("DATA")
    told = await talk.ask(data)
    talk.writer.close()
    return told


async def test_it_is_judged_in_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, links, rules = threading.get_ident(), list[int](), list[int]()
    async with running(tmp_path, customers=bulk.BULK_CUSTOMERS) as (gateway, _, _):
        await bulk.consents(gateway, "bob@recipient.example")
        monkeypatch.setattr(
            gateway.edge.pipeline.links, "complete", watched(links, gateway.edge.pipeline.links.complete)
        )
        monkeypatch.setattr(pipeline, "evaluate", watched(rules, evaluate))
        large = bulk.campaign(text="All the news of the spring, and our offers.\r\n" * 5000)
        assert (await _sent(gateway, "acme-bulk", large)).startswith("250 ")
    assert len(links) == 1
    assert loop not in links
    assert [each == loop for each in rules] == [True, False]  # at MAIL there is no message to read


async def test_what_sells_is_found_in_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(classing, "promotion", watched(threads, promotion))
    async with running(tmp_path, customers=bulk.BULK_CUSTOMERS) as (gateway, _, _):
        receipt = b"From: news@acme.example\r\n\r\nThank you for your order 4711.\r\n.\r\n"
        assert (await _sent(gateway, "acme-receipts", receipt)).startswith("250 ")
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()
