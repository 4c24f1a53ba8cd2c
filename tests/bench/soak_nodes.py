"""What `make soak` runs: two nodes, their PostgreSQL and Redis, the next hop, the clients; and what is done to them."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import time
from typing import Any

import msgspec
import tomlkit

from tests.bench.soak_checks import Record
from tests.bench.soak_mail import BULK, LIST, SENDERS, write_consents
from tests.bench.soak_watch import Sample, look, octets_in, octets_of
from tests.rig import postgres
from tests.rig.postern import POSTERN, Postern
from tests.rig.processes import RigError, free_port, wait_for_port
from tests.rig.redis import RedisServer

_COMPLAINT = re.compile(r"[-0-9]+ [:,0-9]+ (?:WARNING|ERROR|CRITICAL) (.*)")
LONGEST_DRAIN = 400.0
"""Seconds until the clients must have ended."""
LONGEST_START = 300.0
"""Of a node: at a load of 30 on two cores it took more than a minute."""
LONGEST_COMMAND = 900.0


class Helper:
    """A program of this folder that is told lines on its input and writes a log of JSON lines."""

    def __init__(self, name: str, folder: Path, *arguments: str | Path) -> None:
        self.name, self.log = name, folder / f"{name}.jsonl"
        command = [sys.executable, "-m", f"tests.bench.soak_{name}", *map(str, arguments), str(self.log)]
        self._errors = folder / f"{name}.err"
        with self._errors.open("wb") as errors:
            self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=errors)

    def tell(self, line: str) -> None:
        """One line; raises RigError when it has ended."""
        assert self.child.stdin is not None
        try:
            self.child.stdin.write(line.encode() + b"\n")
            self.child.stdin.flush()
        except OSError:
            raise RigError(f"soak_{self.name} has ended: {self._errors.read_text()}") from None

    def check(self) -> None:
        """Raises RigError when it has ended."""
        if self.child.poll() is not None:
            raise RigError(f"soak_{self.name} has ended: {self._errors.read_text()}")

    def lines(self) -> Iterator[dict[str, Any]]:
        """What it has written so far."""
        decoder = msgspec.json.Decoder(dict[str, Any])
        with self.log.open("rb") as log:
            for line in log:
                if line.endswith(b"\n"):
                    yield decoder.decode(line)


class Installation:
    """All of it, running. The first node lives through the whole run, the second is killed and started again."""

    def __init__(
        self, nodes: list[Postern], redis: RedisServer, registry: tuple[postgres.Postgres, str], sink: Helper,
        client: Helper,
    ) -> None:  # fmt: skip
        self._nodes, self._redis, (self._server, self._url) = nodes, redis, registry
        self._sink, self._client = sink, client
        self._starter = ThreadPoolExecutor(1)
        self._starting: list[Future[None]] = []

    def tell(self, line: str) -> None:
        """The clients; see `soak_client`."""
        self._client.tell(line)

    def mood(self, name: str) -> None:
        """The next hop; see `soak_sink`."""
        self._sink.tell(name)

    def redis_kill(self) -> None:
        """SIGKILL."""
        self._redis.kill()

    def redis_up(self, *, forgets: bool) -> None:
        """On the same port, with what is on its disk or without."""
        if forgets:
            shutil.rmtree(self._redis.log.parent / "appendonlydir")
        self._redis.up()

    def kill(self) -> None:
        """The second node: SIGKILL to all of its processes."""
        self._nodes[1].kill()

    def start(self, done: Callable[[], None]) -> None:
        """The second node again, without waiting for it; `done` is called when it answers."""

        def work() -> None:
            self._nodes[1].process.start(self._nodes[1].port, LONGEST_START)
            done()

        self._starting.append(self._starter.submit(work))

    def check(self) -> None:
        """Raises RigError when something has ended that should not have."""
        for each in (self._sink, self._client):
            each.check()
        for future in self._starting:
            if future.done():
                future.result()
        if not self._nodes[0].process.running:
            raise RigError(f"the first node has ended: {self._nodes[0].process.tail()}")

    def limit(self, cap: int) -> None:
        """Of the customer that has one, so many messages a minute."""
        _apply(self._nodes[0], {"messages_per_minute": cap})

    def finish(self) -> None:
        """Let the clients come to an end, and stop the nodes as their operator would."""
        for future in self._starting:
            future.result()
        self.tell("stop")
        try:
            self._client.child.wait(LONGEST_DRAIN)
        except subprocess.TimeoutExpired:
            raise RigError("the clients have not ended") from None
        for node in self._nodes:
            if status := node.process.stop(60):
                raise RigError(f"a node ended with status {status}: {node.process.tail()}")
        assert self._sink.child.stdin is not None
        self._sink.child.stdin.close()
        self._sink.child.wait()

    def sample(self) -> Sample:
        """How everything stands."""
        roots = {
            "redis": self._redis.pid if self._redis.running else 0,
            "postgresql": self._server.pid,
            "clients": self._client.child.pid,
            "next hop": self._sink.child.pid,
        }
        roots |= {f"node {n}": node.process.pid for n, node in enumerate(self._nodes, 1) if node.process.running}
        disk = {"both audits": sum(octets_in(node.folder / "var" / "audit") for node in self._nodes)}
        disk |= {"registry": octets_of(self._url), "redis": octets_in(self._redis.log.parent)}
        with Path("/proc/loadavg").open() as file:
            load = float(file.read().split()[0])
        return Sample(time(), {name: look(pid) for name, pid in roots.items() if pid}, disk, load)

    def client_log(self) -> Iterator[dict[str, Any]]:
        """See `soak_client`."""
        return self._client.lines()

    def sink_log(self) -> Iterator[dict[str, Any]]:
        """See `soak_sink`."""
        return self._sink.lines()

    def audit(self) -> dict[str, Record]:
        """By reference, what both audits say of messages that were decided to be accepted."""
        found: dict[str, Record] = {}
        outcomes: dict[str, str] = {}
        decoder = msgspec.json.Decoder(_Line)
        for number, node in enumerate(self._nodes):
            for path in sorted((node.folder / "var" / "audit").glob("*/*.jsonl")):
                with path.open("rb") as file:
                    for raw in file:
                        line = decoder.decode(raw)
                        if line.kind == "decision" and line.verdict == "accept":
                            found[line.reference] = Record(number, _seconds(line.reference), "")
                        elif line.kind == "outcome":
                            outcomes[line.reference] = line.outcome
        return {
            reference: Record(record.node, record.at, outcomes.get(reference, "none"))
            for reference, record in found.items()
        }

    def complaints(self) -> Counter[str]:
        """What the nodes' logs warn of, numbers left out; `Traceback` for what was not foreseen."""
        found: Counter[str] = Counter()
        for number, node in enumerate(self._nodes, 1):
            for line in node.process.log_text().splitlines():
                if line.startswith("Traceback"):
                    found[f"node {number}: Traceback"] += 1
                elif complaint := _COMPLAINT.match(line):
                    found[f"node {number}: {re.sub('[0-9]+', 'N', complaint[1])[:110]}"] += 1
        return found

    def verify(self) -> list[tuple[int, str]]:
        """Status and text of `postern audit verify` on each node."""
        told = [_command(node, "audit", "verify") for node in self._nodes]
        return [(done.returncode, done.stdout + done.stderr) for done in told]

    def close(self) -> None:
        """End what still runs."""
        self._starter.shutdown()
        for each in (self._client, self._sink):
            if each.child.poll() is None:
                each.child.kill()
                each.child.wait()


class _Line(msgspec.Struct):
    """What is read of a line of the audit."""

    kind: str
    reference: str = ""
    verdict: str = ""
    outcome: str = ""


def _seconds(reference: str) -> float:
    """The time in a ULID."""
    number = 0
    for letter in reference[:10]:
        number = number * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(letter)
    return number / 1000


@contextmanager
def installed(folder: Path, workers: int, sessions: int) -> Iterator[Installation]:
    """All of it, ready; stopped and removed at the end. Raises RigError."""
    with ExitStack() as stack:
        (folder / "redis").mkdir()
        redis = RedisServer(folder / "redis", appendonly="yes", appendfsync="everysec")
        redis.up()
        stack.callback(redis.kill)
        server = stack.enter_context(postgres.running({"fsync": "on"}))
        url = stack.enter_context(server.database())
        next_hop = free_port()
        sink = Helper("sink", folder, str(next_hop))
        stack.callback(sink.child.kill)
        wait_for_port(next_hop)
        nodes = _nodes(folder, next_hop, url, redis.url, workers)
        for node in nodes:
            stack.enter_context(node.start())
        for node in nodes:
            node.wait_ready()
        config = folder / "client.json"
        config.write_text(
            json.dumps({
                "smtp": [node.port for node in nodes], "http": [node.http_port for node in nodes],
                "secrets": str(nodes[0].folder / "var" / "secrets.toml"), "sessions": sessions,
            })
        )  # fmt: skip
        client = Helper("client", folder, config)
        found = Installation(nodes, redis, (server, url), sink, client)
        stack.callback(found.close)
        yield found


def _nodes(folder: Path, next_hop: int, registry: str, ledger: str, workers: int) -> list[Postern]:
    """Two installations with one registry, one Redis and the same secrets."""
    arguments = ("--workers", str(workers)) if workers else ()
    settings = {"registry": {"url": registry}, "ledger": {"url": ledger, "nodes": 2}}
    nodes = [
        Postern(folder / name, next_hop, customers=(), settings=settings, arguments=arguments).prepare()
        for name in ("one", "two")
    ]
    first, second = nodes
    _apply(first, {})
    (second.folder / "var").mkdir()
    shutil.copy(first.folder / "var" / "secrets.toml", second.folder / "var" / "secrets.toml")
    for sender in SENDERS:
        if sender.signed:
            _command(first, "dkim", "create", "--customer", sender.name, "--domain", sender.domain, "--force")
    write_consents(folder / "consents.csv")
    for sender in BULK:
        path = str(folder / "consents.csv")
        _command(first, "consent", "import", path, "--customer", sender.name, "--list", LIST)
    return nodes


def _apply(node: Postern, limits: dict[str, int]) -> None:
    (node.folder / "customers.toml").write_text(
        tomlkit.dumps({"customers": [each.written(limits) for each in SENDERS]})
    )
    _command(node, "customers", "apply", "customers.toml")


def _command(node: Postern, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of a process of its own: the machine is busy, and some take long. Raises RigError when it fails."""
    command = [str(POSTERN), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=node.folder, timeout=LONGEST_COMMAND)
    if done.returncode and arguments[0] != "audit":
        raise RigError(f"postern {' '.join(arguments[:2])}: status {done.returncode}: {done.stdout}{done.stderr}")
    return done
