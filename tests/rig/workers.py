"""A gateway with workers, as its operator runs it, and its worker processes as the system sees them."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.rig.postern import Postern
from tests.rig.processes import wait_until
from tests.rig.redis import running


@contextmanager
def served(folder: Path, next_hop: int, *, workers: int = 2, **settings: Any) -> Iterator[Postern]:
    """`postern serve --workers N`, ready."""
    with running() as redis:
        own = {"ledger": {"url": redis.url}, **settings}
        with Postern(folder, next_hop, settings=own, arguments=["--workers", str(workers)]) as postern:
            postern.wait_ready()
            yield postern


def workers_of(pid: int) -> dict[str, int]:
    """The worker processes of a supervisor: name -> process id."""
    found = {}
    for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        try:
            # One that was forked has its name there; one that was started, among its arguments.
            told = Path(f"/proc/{child}/comm").read_bytes().split() + Path(f"/proc/{child}/cmdline").read_bytes().split(
                b"\0"
            )
        except OSError:
            continue
        names = [each.decode() for each in told if re.fullmatch(rb"worker-\d+", each)]
        if names:
            found[names[0]] = child
    return found


def gone(pid: int) -> bool:
    """Whether a process has ended, a zombie that nobody has asked after included."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def wait_gone(*pids: int, timeout: float = 60) -> None:
    """Return once they have ended."""
    wait_until(lambda: all(map(gone, pids)), timeout, f"{pids} end")


def kill(pid: int, number: int) -> None:
    """Send a signal."""
    os.kill(pid, number)
