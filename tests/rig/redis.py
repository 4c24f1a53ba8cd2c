"""A Redis of the tests' own, or a cluster: temporary folder, free ports, nothing kept, no system server touched."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.rig.processes import Process, RigError, free_port, wait_until


class RedisServer(Process):
    """A server that `start` starts, `stop` and `kill` end, and `send` stops (SIGSTOP) and lets go on (SIGCONT)."""

    def __init__(self, folder: Path, **more: object) -> None:
        self.port = free_port()
        options = {"port": self.port, "bind": "127.0.0.1", "dir": folder, "save": "", "appendonly": "no", **more}
        arguments = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
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


class Cluster:
    """Three masters without replicas."""

    def __init__(self, folder: Path) -> None:
        self.servers: list[RedisServer] = []
        for number in range(3):
            (folder / str(number)).mkdir()
            self.servers.append(
                RedisServer(
                    folder / str(number),
                    cluster_enabled="yes",
                    cluster_port=free_port(),
                    cluster_config_file="nodes.conf",
                    cluster_node_timeout=2000,
                )
            )

    @property
    def url(self) -> str:
        """Two of them; the third is found."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in self.servers[:2])

    def up(self) -> None:
        """Start them and wait until all agree on who has which slots."""
        for server in self.servers:
            server.up()
        places = [f"127.0.0.1:{server.port}" for server in self.servers]
        self._ask(0, "--cluster", "create", *places, "--cluster-yes")
        wait_until(self._agreed, 60, "the cluster agrees")

    def _agreed(self) -> bool:
        return all("cluster_state:ok" in self._ask(number, "cluster", "info") for number in range(3))

    def kill(self) -> None:
        """End them."""
        for server in self.servers:
            if server.running:
                server.kill()

    def _ask(self, number: int, *command: str) -> str:
        port = [] if command[0] == "--cluster" else ["-p", str(self.servers[number].port)]
        ran = subprocess.run(["redis-cli", *port, *command], capture_output=True, text=True, timeout=120)
        if ran.returncode:
            raise RigError(f"redis-cli {' '.join(command)}: {ran.stdout}{ran.stderr}")
        return ran.stdout


@contextlib.contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A started cluster, stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="postern-cluster-"))
    cluster = Cluster(folder)
    try:
        cluster.up()
        yield cluster
    finally:
        cluster.kill()
        shutil.rmtree(folder, ignore_errors=True)
