"""Child processes for tests and measurements: free ports, waiting for a port, start and stop.

Everything a rig starts is a `Process`: its output goes to a file, and leaving its `with` block ends it, first with
SIGTERM, then with SIGKILL to its whole process group.
"""

import contextlib
import fcntl
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

POLL = 0.02
"""Seconds between two looks at something that comes up by itself."""
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_given: set[int] = set()
"""Ports that `free_port` has given: those of one installation must differ, and none of them is open yet."""
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS


class RigError(Exception):
    """A server of the rig did not start, or died; the text holds the end of its log."""


def has_ipv6() -> bool:
    """Whether this machine has ::1."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nothing listens on now.

    It is held by nobody after this call: the server it is meant for is to be started at once. It lies below those that
    the system gives to outgoing connections, so that none of these takes it while its server is down for a moment (and
    no client that keeps trying to reach that server gets connected to itself). Each process draws from a part of its
    own, and none twice, so that no two servers of the workers that share a run are given the same one.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.SystemRandom().randrange(min(10_000, lowest - 1000), lowest - _WORKERS, _WORKERS) + _WORKER
        if port in _given:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            _given.add(port)
            return port


@contextlib.contextmanager
def alone(what: str) -> Iterator[None]:
    """While this block runs no other process of this user is in one of the same name: for what a machine has once,
    such as the usual ports."""
    with (Path(tempfile.gettempdir()) / f"postern-tests-{os.getuid()}-{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def wait_until(done: Callable[[], bool], timeout: float, what: str) -> None:
    """Return once `done()` is true; raises RigError naming `what` after `timeout` seconds."""
    end = time.monotonic() + timeout
    while not done():
        if time.monotonic() > end:
            raise RigError(f"{what}: not within {timeout:g} s")
        time.sleep(POLL)


def is_open(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def wait_for_port(port: int, timeout: float = 60, host: str = "127.0.0.1") -> None:
    """Return once something accepts connections on the port; raises RigError after `timeout` seconds."""
    wait_until(lambda: is_open(port, host), timeout, f"port {port} opens")


class Process:
    """A child process with its output in a file.

    `command` is run as it stands (no shell) in a process group of its own; `environment` is added to ours.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.command = [str(part) for part in command]
        self.log = log
        self._environment = {**os.environ, **(environment or {})}
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id; raises RigError when it was never started."""
        if self._child is None:
            raise RigError(f"{self.command[0]}: not started")
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    def start(self, port: int | None = None, timeout: float = 60) -> Self:
        """Start it, and wait until `port` accepts connections; raises RigError when it ends before, or is too slow."""
        if self.running:
            raise RigError(f"{self.command[0]}: already running")
        with self.log.open("ab") as out:
            self._child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd=self._folder,
                start_new_session=True,
            )
        if port is not None:
            try:
                wait_until(lambda: is_open(port) or not self.running, timeout, f"{self.command[0]} opens port {port}")
            except RigError as error:
                self.kill()
                raise RigError(f"{error}\n{self.tail()}") from None
            if not self.running:
                raise RigError(f"{self.command[0]} ended with status {self._child.returncode}\n{self.tail()}")
        return self

    def stop(self, timeout: float = 60) -> int:
        """SIGTERM, and SIGKILL after `timeout` seconds; the exit status (negative: the signal's number)."""
        if self._child is None:
            raise RigError(f"{self.command[0]}: not started")
        if self.running:
            self._child.terminate()
            try:
                self._child.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._child.wait()

    def kill(self) -> int:
        """SIGKILL to the process and all it started in its group; the exit status."""
        if self._child is None:
            raise RigError(f"{self.command[0]}: not started")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        return self._child.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        os.kill(self.pid, number)

    def log_text(self) -> str:
        """All it has written so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self, lines: int = 30) -> str:
        """The last lines it wrote."""
        return "\n".join(self.log_text().splitlines()[-lines:])

    def __enter__(self) -> Self:
        return self if self.running else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            self.stop()
