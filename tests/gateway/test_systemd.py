"""What systemd is told, over a socket as it makes them."""

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.systemd import Notify


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as found:
        found.bind(str(tmp_path / "notify"))
        found.settimeout(5)
        yield found


def told(manager: socket.socket) -> dict[str, str]:
    return dict(line.split("=", 1) for line in manager.recv(4096).decode().splitlines())


def test_start_reload_and_end_are_told_in_order(manager: socket.socket) -> None:
    notify = Notify({"NOTIFY_SOCKET": manager.getsockname()})
    before = time.monotonic_ns() // 1000
    notify.reloading()
    notify.ready("policy 0123")
    notify.stopping()
    reloading = told(manager)
    assert reloading["RELOADING"] == "1"
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert told(manager) == {"READY": "1", "STATUS": "ready: policy 0123"}
    assert told(manager)["STOPPING"] == "1"


def test_an_abstract_socket_is_one_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0postern-test-{os.getpid()}")
        Notify({"NOTIFY_SOCKET": f"@postern-test-{os.getpid()}"}).ready("x")
        assert b"READY=1" in manager.recv(100)


async def test_the_watchdog_is_fed_where_it_is_asked_for(manager: socket.socket) -> None:
    notify = Notify(
        {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "40000", "WATCHDOG_PID": str(os.getpid())}
    )
    assert notify.watchdog_seconds == 0.04
    feeding = asyncio.create_task(notify.watchdog())
    for _ in range(3):
        assert (await asyncio.to_thread(told, manager)) == {"WATCHDOG": "1"}
    feeding.cancel()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"NOTIFY_SOCKET": "/nowhere/at/all"},
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"},
    ],
)
async def test_where_nobody_listens_nothing_is_said_and_nothing_fails(environment: dict[str, str]) -> None:
    notify = Notify(environment)
    notify.ready("x")
    async with asyncio.timeout(60):
        await notify.watchdog()
