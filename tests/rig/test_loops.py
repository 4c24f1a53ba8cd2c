"""The event loop of asynchronous tests."""

import asyncio
import socket

import pytest

from tests.rig.loops import SLICE, TURN, CalmClock, CalmLoop, calm


class Machine:
    """A machine's clock; `stall` lets it leap."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The time, a thousandth of a second later each time."""
        self.now += 0.001
        return self.now

    def stall(self) -> None:
        """Stand still for a minute."""
        self.now += 60


def test_a_clock_goes_as_the_machine_does_but_for_its_stalls() -> None:
    machine = Machine()
    clock = CalmClock(machine)
    begun = clock()
    clock.tick(SLICE)
    assert clock() - begun == pytest.approx(0.003, abs=0.002)
    machine.stall()
    assert clock() - begun == pytest.approx(TURN, abs=0.01)
    clock.tick(TURN)
    machine.stall()
    clock.tick(SLICE)
    assert clock() - begun == pytest.approx(TURN + SLICE, abs=0.01)


def test_what_has_come_is_read_before_a_stall_makes_it_too_late() -> None:
    machine = Machine()

    async def run() -> None:
        near, far = socket.socketpair()
        with near, far:
            reader, writer = await asyncio.open_connection(sock=near)
            async with asyncio.timeout(1):
                far.send(b"hello")
                machine.stall()
                assert await reader.readexactly(5) == b"hello"
                machine.stall()
            writer.close()

    with asyncio.Runner(loop_factory=lambda: CalmLoop(machine)) as runner:
        runner.run(run())


async def test_asynchronous_tests_run_on_it_and_a_time_out_fires_when_nothing_comes() -> None:
    for seconds, leap in ((0.1, 0.0), (1000, 1001)):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                calm().leap(leap)
                await asyncio.Event().wait()
