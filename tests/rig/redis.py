"""A Redis of the tests' own: temporary folder, free port, nothing kept, no system server touched."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.rig.processes import Process, free_port


class RedisServer(Process):
    """A server that `start` starts, `stop` and `kill` end, and `send` stops (SIGSTOP) and lets go on (SIGCONT)."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        options = {"port": self.port, "bind": "127.0.0.1", "dir": folder, "save": "", "appendonly": "no"}
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        super().__init__(["redis-server", *arguments], folder / "log")

    @property
    def url(self) -> str:
        """Its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def up(self) -> None:
        """Start it and wait until it answers; after `kill`, it has forgotten everything."""
        self.start(self.port)


@contextlib.contextmanager
def running() -> Iterator[RedisServer]:
    """A started server, stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="postern-redis-"))
    server = RedisServer(folder)
    try:
        server.up()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
