"""Forked: the first workers, which are copies of the process that starts them.

A fresh interpreter takes longer to import what a worker needs than for all else until it answers, and a copy has that
already, in memory that both share. So the first workers are forked, at the one moment at which that is safe: this
process has imported everything, and has no thread, no event loop and no connection yet. A worker that is started later,
in the place of one that died, is a fresh interpreter (`gateway.child`), for then this process has all of them.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.systemd import KEPT_BACK

_COMM = 15
"""Octets of a name that the system keeps of a process."""


@dataclass
class Forked:
    """A worker that waits to be told to begin; it ends by itself when nobody holds the other end of its channel."""

    name: str
    pid: int
    channel: socket.socket
    """Our end."""
    _status: int | None = field(default=None, init=False)
    _ending: "asyncio.Task[int] | None" = field(default=None, init=False)

    async def wait(self) -> int:
        """Wait for its end; its exit status, or the number of the signal that ended it, below zero."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._reap(), name=f"{self.name} ends")
        return await asyncio.shield(self._ending)

    async def _reap(self) -> int:
        loop = asyncio.get_running_loop()
        over, handle = asyncio.Event(), os.pidfd_open(self.pid)
        loop.add_reader(handle, over.set)
        try:
            await over.wait()
        finally:
            loop.remove_reader(handle)
            os.close(handle)
        self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])  # noqa: ASYNC222 - it has ended
        return self._status

    def terminate(self) -> None:
        """SIGTERM; raises ProcessLookupError when it has ended."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL; raises ProcessLookupError when it has ended."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self._status is not None:
            raise ProcessLookupError  # its number may be another's by now
        os.kill(self.pid, number)


def fork(names: Sequence[str], work: Callable[[str, socket.socket], None]) -> list[Forked]:
    """Fork a worker of each name, in which `work(name, its end of the channel)` runs, and then this process ends.

    Raises OSError, and RuntimeError where it is too late for that.
    """
    if len(tasks := list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError(f"fork: this process has {len(tasks)} threads already")
    # What is there now is never looked at by the garbage collector, in any of them, and so it stays shared.
    gc.freeze()
    sys.stdout.flush()
    sys.stderr.flush()
    forked = list[Forked]()
    for name in names:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            for other in (ours, *(each.channel for each in forked)):
                other.close()
            _settle(name)
            work(name, theirs)
            sys.exit(0)
        theirs.close()
        forked.append(Forked(name, pid, ours))
    return forked


def _settle(name: str) -> None:
    """What is to be as in a process that was started anew: its log, environment, input, and its name in lists."""
    logging.getLogger().handlers.clear()
    for key in KEPT_BACK:
        os.environ.pop(key, None)
    with open(os.devnull) as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)
    Path("/proc/self/comm").write_bytes(name.encode()[:_COMM])
