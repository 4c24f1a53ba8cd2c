"""A body in a file: what it costs in memory, and a disk that fills up under it."""

import asyncio
import contextlib
import re
from pathlib import Path

import pytest

from gateway.smtp import replies
from gateway.smtp.body import IN_MEMORY, Body, Budget, Wire
from tests.rig.disk import small_disk
from tests.rig.gateway import running
from tests.rig.talk import Talk

PLENTY = 1 << 40


def _mapped() -> int:
    """Octets of files that stand in our memory."""
    found = re.search(r"^RssFile:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def test_sending_a_large_body_does_not_keep_its_pages_in_our_memory(tmp_path: Path) -> None:
    # A 50 MB message once grew the process by 50 MB while it was sent.
    body, size = Body(Budget(PLENTY, PLENTY), PLENTY, tmp_path), 40 << 20
    for _ in range(size // 100_000):
        body.add(b"x" * 99_998 + b"\r\n")
    body.end()
    wire, before, most, sent = Wire(body.view(), 0), _mapped(), 0, 0
    for piece in wire:
        sent += len(piece)
        most = max(most, _mapped())
    assert sent == body.size
    assert most - before < size // 10
    assert sum(map(len, wire)) == sent, "it can be sent again"
    body.close()


def test_a_disk_that_fills_up_gives_all_room_back_and_nothing_is_raised(tmp_path: Path) -> None:
    # A buffered file raised when it was closed on a full disk, and the rest of the message was read as commands.
    budget = Budget(PLENTY, PLENTY)
    with small_disk(tmp_path / "disk") as disk:
        body = Body(budget, PLENTY, disk)
        for _ in range(40):
            body.add(b"x" * 65_533 + b"\r\n")
            body.add(b"\r")
            body.add(b"\n")
        body.end()
        assert body.fault == "room"
        assert (budget.memory_used, budget.disk_used) == (0, 0)
        again = Body(budget, PLENTY, disk)
        again.add(b"x" * IN_MEMORY + b"\r\n")
        again.end()
        assert again.fault == ""
        again.close()
    assert (budget.memory_used, budget.disk_used) == (0, 0)


async def test_a_session_whose_data_could_not_be_received_does_not_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is left of the message would be read as commands.
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()

        def broken(body: Body, chunk: bytes) -> None:
            raise OSError("no")

        monkeypatch.setattr(Body, "add", broken)
        talk.writer.write(b"x" * 200_000 + b"\r\nRSET\r\nHELP\r\n")
        said = b""
        with contextlib.suppress(ConnectionResetError):  # it closes with octets of ours unread
            async with asyncio.timeout(60):
                while more := await talk.reader.read(1000):
                    said += more
        assert said in (b"", f"{replies.INTERNAL}\r\n".encode())
        talk.writer.close()
        assert hop.accepted == []
