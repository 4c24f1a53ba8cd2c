"""A worker process as its supervisor has it: it answers, it ends, and how it ended is told."""

import asyncio
import os
import signal

import pytest

from gateway.child import Child, ChildFailed, ChildGone
from tests.rig.workers import wait_gone


async def test_a_child_that_has_not_begun_answers_and_ends_when_told_to() -> None:
    child = await Child.spawn("worker-1")
    with pytest.raises(ChildFailed, match="worker-1 has not begun"):
        await child.ask("report", seconds=30)
    await child.ask("stop", seconds=30)
    assert await child.ended() == "status 0"
    with pytest.raises(ChildGone, match="has ended"):
        await child.ask("report", seconds=1)


async def test_the_signal_that_ended_it_is_named_and_whoever_waits_is_told() -> None:
    child = await Child.spawn("worker-1")
    asked = asyncio.create_task(child.ask("report", seconds=30))
    await asyncio.sleep(0)
    child.kill()
    with pytest.raises(ChildGone):
        await asked
    assert await child.ended() == "signal SIGKILL"


async def test_one_that_does_not_answer_is_told_and_one_that_does_not_end_is_killed() -> None:
    child = await Child.spawn("worker-1")
    os.kill(child.pid, signal.SIGSTOP)
    with pytest.raises(ChildGone, match="no answer to report within"):
        await child.ask("report", seconds=0.05)
    await child.end(0.05)
    assert await child.ended() == "signal SIGKILL"


async def test_a_child_ends_by_itself_when_nobody_asks_it_any_more() -> None:
    child = await Child.spawn("worker-1")
    with pytest.raises(ChildFailed):
        await child.ask("report", seconds=30)
    child._writer.close()
    await asyncio.to_thread(wait_gone, child.pid)
    await child.ended()


async def test_it_is_told_nothing_of_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere")
    child = await Child.spawn("worker-1")
    with pytest.raises(ChildFailed):
        await child.ask("report", seconds=30)
    with open(f"/proc/{child.pid}/environ", "rb") as file:  # noqa: PTH123
        assert b"NOTIFY_SOCKET" not in file.read()
    await child.end(0)
