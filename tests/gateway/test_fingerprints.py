"""gateway/fingerprints.py."""

import asyncio
import threading

import pytest

from filters.fingerprint import Fingerprint, fingerprint
from filters.message import Message
from gateway import fingerprints
from gateway.aside import SMALL
from gateway.fingerprints import fingerprinted
from tests.bench.rules import personal

KEY = b"of sixteen bytes"


@pytest.mark.parametrize("octets", [2_000, 4 * SMALL])
async def test_it_is_the_fingerprint_whatever_the_size(octets: int) -> None:
    raw = personal(1, octets)
    assert await fingerprinted(Message(raw), KEY) == fingerprint(Message(raw), KEY)


async def test_a_large_message_does_not_hold_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()

    async def served() -> int:
        return threading.get_ident()

    def slow(message: Message, key: bytes) -> Fingerprint:
        assert asyncio.run_coroutine_threadsafe(served(), loop).result(60) != threading.get_ident()
        return fingerprint(message, key)

    monkeypatch.setattr(fingerprints, "fingerprint", slow)
    assert (await fingerprinted(Message(personal(1, 4 * SMALL)), KEY)).features


async def test_a_small_one_takes_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def noting(message: Message, key: bytes) -> Fingerprint:
        threads.append(threading.get_ident())
        return fingerprint(message, key)

    monkeypatch.setattr(fingerprints, "fingerprint", noting)
    await fingerprinted(Message(personal(1, 2_000)), KEY)
    assert threads == [threading.get_ident()]
