"""A sandbox next hop: takes all mail and keeps each message in a file. For demonstrations and trials, not for work."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session


class Sink:
    """Keeps messages as `00001.eml`, `00002.eml` … in a folder, as received."""

    def __init__(self, folder: Path, on_message: Callable[[Path, Envelope], None] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._on_message = folder, on_message
        self._next = 1 + max((int(path.stem) for path in folder.glob("*.eml") if path.stem.isdigit()), default=0)
        self._server: asyncio.Server | None = None

    async def open(self, host: str, port: int) -> int:
        """Listen; returns the port. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(
                self, hostname="sink.example", ident="Postern sink", enable_SMTPUTF8=True,
                data_size_limit=100 * 1024 * 1024, loop=loop,
            ),
            host,
            port,
        )  # fmt: skip
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep one message (aiosmtpd's hook)."""
        path = self._folder / f"{self._next:05}.eml"
        self._next += 1
        content = envelope.original_content or b""
        path.write_bytes(content)
        if self._on_message is not None:
            self._on_message(path, envelope)
        return f"250 2.0.0 Ok: kept as {path.name}"
