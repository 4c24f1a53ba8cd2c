"""The sandbox next hop keeps what it is sent."""

import asyncio
import smtplib
from pathlib import Path

from gateway.smtp.sink import Sink


def send(port: int, text: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example") as client:
        client.sendmail("a@b.example", ["c@d.example"], text)


async def test_messages_are_kept_in_files_and_numbering_goes_on(tmp_path: Path) -> None:
    seen: list[tuple[str, str | None, list[str]]] = []
    for _ in range(2):
        sink = Sink(tmp_path, lambda path, envelope: seen.append((path.name, envelope.mail_from, envelope.rcpt_tos)))
        port = await sink.open("127.0.0.1", 0)
        await asyncio.to_thread(send, port, b"Subject: x\r\n\r\n.dot\r\n")
        await sink.close()
    assert (tmp_path / "00001.eml").read_bytes() == b"Subject: x\r\n\r\n.dot\r\n"
    assert seen == [(f"0000{n}.eml", "a@b.example", ["c@d.example"]) for n in (1, 2)]
