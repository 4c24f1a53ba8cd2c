"""gateway/fingerprints.py."""

import asyncio
import threading

import pytest

from filters.fingerprint import Fingerprint, fingerprint
from filters.message import Message
from gateway import fingerprints
from gateway.aside import SMALL
from gateway.fingerprints import fingerprinted
from tests.bench.clusters import as_html
from tests.bench.rules import personal

KEY = b"of sixteen bytes"


@pytest.mark.parametrize("octets", [2_000, 4 * SMALL])
async def test_it_is_the_fingerprint_whatever_the_size(octets: int) -> None:
    raw = personal(1, octets)
    assert await fingerprinted(Message(raw), KEY) == fingerprint(Message(raw), KEY)


@pytest.mark.parametrize(
    "raw",
    [
        as_html(personal(1, 4 * SMALL)),
        personal(1, 2_000) + b"it is\r\n" * 20_000,
        b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\n"
        + personal(1, 2_000)
        + b"\r\n--o\r\nContent-Type: image/png\r\n\r\n"
        + b"x" * 3_000_000,
    ],
    ids=["HTML", "short lines", "very large"],
)
async def test_a_large_message_does_not_hold_the_loop(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()

    async def served() -> int:
        return threading.get_ident()

    def slow(message: Message, key: bytes) -> Fingerprint:
        assert asyncio.run_coroutine_threadsafe(served(), loop).result(60) != threading.get_ident()
        return fingerprint(message, key)

    monkeypatch.setattr(fingerprints, "fingerprint", slow)
    assert (await fingerprinted(Message(raw), KEY)).features


@pytest.mark.parametrize("raw", [personal(1, 2_000), as_html(personal(1, 2_000)), personal(1, 200_000)])
async def test_one_that_takes_little_takes_no_thread(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def noting(message: Message, key: bytes) -> Fingerprint:
        threads.append(threading.get_ident())
        return fingerprint(message, key)

    monkeypatch.setattr(fingerprints, "fingerprint", noting)
    await fingerprinted(Message(raw), KEY)
    assert threads == [threading.get_ident()]
