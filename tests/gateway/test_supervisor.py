"""Workers are kept alive, share what bounds the node, and are not given what they could not keep."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from config.files import ConfigError
from config.policy import Policy
from gateway import supervisor
from gateway.app import Gateway
from gateway.supervisor import check, pause, share
from tests.rig.gateway import Clock, running, settings_for
from tests.rig.smtpd import Smtpd
from tests.rig.talk import Talk


@pytest.fixture
async def parent(tmp_path: Path) -> AsyncIterator[Gateway]:
    """A parent of one worker."""
    async with Smtpd() as hop:
        async with running(tmp_path, hop=hop):
            pass
        gateway = Gateway(settings_for(tmp_path, hop.address), Policy(), Clock(), workers=1)
        await gateway.start()
        yield gateway
        await gateway.stop()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while True:
            if done():
                return
            await asyncio.sleep(0.01)


async def until_ready(gateway: Gateway) -> None:
    await until(lambda: not gateway.trouble())


def pid(gateway: Gateway) -> int:
    assert gateway.supervisor is not None
    child = gateway.supervisor._places[0].child
    assert child is not None
    return child.pid


def test_several_workers_need_counters_that_they_share(tmp_path: Path) -> None:
    memory = settings_for(tmp_path, "127.0.0.1:1")
    for workers in (0, 1):
        check(memory, workers)
    with pytest.raises(ConfigError, match=r"^ledger\.url: --workers 2 needs .*redis://"):
        check(memory, 2)
    check(settings_for(tmp_path, "127.0.0.1:1", ledger={"url": "redis://localhost"}), 2)


def test_what_bounds_the_node_is_shared_out(tmp_path: Path) -> None:
    whole = settings_for(tmp_path, "127.0.0.1:1", limits={"connections": 1000, "body_memory": 3})
    part = share(whole, 4)
    assert part.limits.connections == 250
    assert part.limits.body_memory == 1
    assert part.next_hops[0].sessions == 25
    assert part.ledger.nodes == 4
    assert part.limits.connections_per_address == whole.limits.connections_per_address
    assert share(whole, 1) == whole


def test_a_worker_that_goes_on_dying_is_started_later_and_later() -> None:
    pauses = [pause(deaths) for deaths in range(1, 20)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 0
    assert pauses[-1] == 30


async def test_a_worker_that_died_is_replaced_and_readyz_was_red_meanwhile(parent: Gateway) -> None:
    await until_ready(parent)
    first = pid(parent)
    os.kill(first, signal.SIGKILL)
    await until(lambda: parent.trouble() != [])
    assert parent.trouble()[0].startswith("worker-1: ")
    await until_ready(parent)
    assert pid(parent) != first
    assert parent.metrics.registry.get_sample_value("postern_worker_ends_total", {"worker": "worker-1"}) == 1
    talk = await Talk.to(parent.smtp_addresses[0])
    assert (await talk.login()).startswith("235 ")
    talk.writer.close()
    assert b"postern_connections_total 1.0" in await parent.exposition()


async def test_a_worker_that_does_not_answer_is_killed_and_replaced(
    parent: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    await until_ready(parent)
    for name, value in (("_LOOK_SECONDS", 0.05), ("_ANSWER_SECONDS", 0.3), ("_SILENT", 2)):
        monkeypatch.setattr(supervisor, name, value)
    first = pid(parent)
    os.kill(first, signal.SIGSTOP)
    await until(lambda: parent.trouble() == ["worker-1: does not answer"])
    monkeypatch.setattr(supervisor, "_ANSWER_SECONDS", 5.0)
    ended = partial(parent.metrics.registry.get_sample_value, "postern_worker_ends_total", {"worker": "worker-1"})
    await until(lambda: ended() == 1)
    await until_ready(parent)
    assert pid(parent) != first
