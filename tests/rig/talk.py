"""A client's side of one SMTP connection, step by step."""

import asyncio
import base64
import ssl
from typing import Any

from tests.rig.gateway import PASSWORD

CLEAN = b"From: ann@acme.example\r\n\r\nbody\r\n.\r\n"
"""A message of customer acme as wire data, end-of-data mark included."""


class Talk:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, address: str, **kwargs: Any) -> "Talk":
        """Connect and read the greeting."""
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), **kwargs)
        talk = cls(reader, writer)
        assert (await talk.reply()).startswith("220 ")
        return talk

    async def reply(self) -> str:
        """The last line of the next reply."""
        line = b""
        async with asyncio.timeout(60):
            while not line or line[3:4] == b"-":
                line = await self.reader.readline()
                assert line, "connection closed"
        return line.decode().strip()

    async def ask(self, data: str | bytes) -> str:
        """Send a command (or raw octets) and read the reply."""
        self.writer.write(data if isinstance(data, bytes) else data.encode() + b"\r\n")
        return await self.reply()

    async def login(self, user: str = "acme-app", password: str = PASSWORD) -> str:
        """EHLO and AUTH PLAIN; the reply to AUTH."""
        await self.ask("EHLO client.example")
        return await self.ask("AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode())

    async def up_to_data(self) -> None:
        """MAIL, RCPT and DATA of a clean message, up to 354."""
        for command in ("MAIL FROM:<ann@acme.example>", "RCPT TO:<bob@recipient.example>"):
            assert (await self.ask(command)).startswith("250 ")
        assert (await self.ask("DATA")).startswith("354 ")

    async def closed(self) -> bool:
        """Whether the server has closed."""
        async with asyncio.timeout(60):
            return await self.reader.read() == b""

    async def upgrade(self) -> None:
        """Start TLS, trusting any certificate."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        await self.writer.start_tls(context)
