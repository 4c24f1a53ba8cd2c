"""A real HTTPS server on 127.0.0.1 that takes webhooks, and does what a test wants: answers, hangs, never ends."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.rig.certificates import Certificate, make

NAME = "hooks.acme.example"


@dataclass(frozen=True)
class Received:
    """One request, whole."""

    target: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    def signed_by(self, text: str) -> bool:
        """Whether one of its signatures was made with a secret `whsec_...`: as a customer's own program checks it."""
        secret = base64.b64decode(text.removeprefix("whsec_"))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        digest = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        return f"v1,{digest}" in self.headers["webhook-signature"].split()


class Hooks:
    """The server, within its `async with` block; its certificate is for NAME and localhost, and is its own root.

    `acts` are what it does with each request, the last one from then on: a status, `hang` (say nothing), `cut` (close),
    `endless` (200, and a body without an end), `trickle` (a header that never ends), or octets, sent as they are.
    """

    def __init__(self, folder: Path, *acts: int | str | bytes, certificate: Certificate | None = None) -> None:
        self.acts: list[int | str | bytes] = list(acts) or [200]
        self.certificate = certificate or make(folder, NAME)
        self.received: list[Received] = []
        self.port = 0
        self.sent = 0
        """Octets of endless bodies that were taken."""
        self._arrived = asyncio.Condition()
        self._open: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """By its name, which only a resolver of the test's own knows."""
        return f"https://{NAME}:{self.port}/in"

    async def until(self, count: int, timeout: float = 60) -> list[Received]:
        """The requests, once there are so many."""
        async with asyncio.timeout(timeout), self._arrived:
            await self._arrived.wait_for(lambda: len(self.received) >= count)
        return self.received

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate.cert, self.certificate.key)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._answer(reader, writer)
        self._open.discard(task)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, *fields = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")[:-2]
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        act = self.acts[min(len(self.received), len(self.acts) - 1)]
        async with self._arrived:
            self.received.append(Received(line.split()[1], headers, body))
            self._arrived.notify_all()
        if act == "hang":
            await asyncio.Event().wait()
        elif act == "trickle":
            writer.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                writer.write(b"x: y\r\n")
                await writer.drain()
                await asyncio.sleep(0.05)
        elif act == "endless":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(bytes(65_536))
                await writer.drain()
                self.sent += 65_536
        elif isinstance(act, bytes):
            writer.write(act)
        elif isinstance(act, int):
            writer.write(f"HTTP/1.1 {act} X\r\ncontent-length: 2\r\n\r\nok".encode())
