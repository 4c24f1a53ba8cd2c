"""What supervisor and worker say to each other arrives whole, bounded, and ends when one of them is gone."""

import asyncio
import socket
from pathlib import Path

import pytest

from config.policy import Action, Policy
from gateway import channel
from gateway.channel import Answer, ChannelError, Question, Task, receive, send
from tests.rig.gateway import settings_for

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def pair() -> tuple[Streams, Streams]:
    one, other = socket.socketpair()
    return await asyncio.open_connection(sock=one), await asyncio.open_connection(sock=other)


async def test_messages_come_in_order_and_an_end_is_no_message() -> None:
    (_, ours), (theirs, back) = await pair()
    for number in range(3):
        await send(ours, Question(number, "report", bytes(number)))
    assert [await receive(theirs, Question) for _ in range(3)] == [Question(n, "report", bytes(n)) for n in range(3)]
    ours.write(b"\0\0\0\x09cut")
    ours.close()
    assert await receive(theirs, Question) is None
    back.close()


@pytest.mark.parametrize("octets", [b"\xff\xff\xff\xff", b"\0\0\0\x02{}", b"\0\0\0\x01\xc1"])
async def test_what_is_no_message_is_refused(octets: bytes) -> None:
    (_, ours), (theirs, back) = await pair()
    ours.write(octets)
    with pytest.raises(ChannelError):
        await receive(theirs, Answer)
    ours.close()
    back.close()


async def test_a_message_may_be_so_long_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "MOST", 1000)
    (_, ours), (theirs, back) = await pair()
    await send(ours, Answer(1, body=bytes(900)))
    assert await receive(theirs, Answer) is not None
    await send(ours, Answer(1, body=bytes(1000)))
    with pytest.raises(ChannelError, match="octets"):
        await receive(theirs, Answer)
    ours.close()
    back.close()


def test_a_task_is_the_same_on_the_other_side(tmp_path: Path) -> None:
    task = Task(settings_for(tmp_path, "127.0.0.1:1"), Policy(actions={"HDR-DATE": Action.OFF}))
    assert Task.unpacked(task.packed()) == task
