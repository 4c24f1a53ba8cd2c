"""What is measured, and what it stands between: the programs in C, the sink, Postfix, Postern."""

import shlex
import shutil
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.rig import redis
from tests.rig.postfix import PostfixInstance, relay_to
from tests.rig.processes import Process, RigError, free_port

SOURCES = Path(__file__).parent
USERNAME, PASSWORD = "bench-app", "bench-password-of-no-worth"

SETTINGS = """\
hostname = "gw.example"
data_dir = "data"

[[smtp.listeners]]
address = "127.0.0.1:{port}"
role = "submission"
auth_without_tls = true

[[next_hops]]
name = "default"
addresses = ["127.0.0.1:{next_hop}"]
share = 1.0

[registry]
url = "sqlite:///data/postern.db"

[ledger]
url = "{ledger}"

[http]
address = "127.0.0.1:{http}"

[limits]
connections_per_address = 1000
"""

CUSTOMERS = """\
[[customers]]
id = "bench"
name = "Bench Ltd"
postal_address = "1 High Street, Exampletown"
contact = "postmaster@example.com"
domains = ["example.com"]
unsubscribe_hosts = ["www.example.com"]

[[customers.credentials]]
networks = ["127.0.0.0/8"]

[[customers.credentials]]
username = "{username}"
password = "{password}"
"""


class Relay(Protocol):
    """Something to be measured."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""

    @property
    def auth(self) -> str | None:
        """`user:password` for cases with AUTH; None where it knows the client by its address only."""

    def pids(self) -> list[int]:
        """The roots of its process trees."""


def build(folder: Path) -> tuple[Path, Path]:
    """Compile smtpload and smtpsink into `folder`; raises RigError when that is not possible."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise RigError("no C compiler: install the Debian packages gcc and libc6-dev")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("smtpload", "smtpsink"):
        source, program = SOURCES / f"{name}.c", folder / name
        if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
            continue
        command = [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(program), str(source)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RigError(f"{name}.c: {done.stderr.strip()}")
    return folder / "smtpload", folder / "smtpsink"


@dataclass(frozen=True, slots=True)
class PostfixProxy:
    """Postfix as a before-queue proxy and nothing else: its smtpd passes the session on to the sink."""

    instance: PostfixInstance
    name: str = "postfix"
    auth: None = None

    @property
    def port(self) -> int:
        """Where its proxying smtpd listens."""
        return self.instance.port

    def pids(self) -> list[int]:
        """master(8)."""
        return [self.instance.master_pid]


def start_postfix(stack: ExitStack, next_hop: int) -> PostfixProxy:
    """Start it for as long as the stack lasts; raises RigError."""
    settings = relay_to(next_hop) | {"smtpd_proxy_filter": f"127.0.0.1:{next_hop}"}
    return PostfixProxy(stack.enter_context(PostfixInstance("bench", free_port(), settings)))


@dataclass(frozen=True, slots=True)
class Command:
    """A relay run as a command: `postern serve`, or another one in its place."""

    name: str
    port: int
    auth: str | None
    process: Process

    def pids(self) -> list[int]:
        """The command's own process."""
        return [self.process.pid]


def start_postern(stack: ExitStack, program: Path, folder: Path, next_hop: int, workers: int) -> Command:
    """Configure Postern in `folder` with one customer and start it for as long as the stack lasts; raises RigError."""
    if not program.exists():
        raise RigError(f"{program} does not exist: make run sets it up")
    port, http, ledger = free_port(), free_port(), "memory://"
    if workers > 1:
        ledger = stack.enter_context(redis.running()).url  # they share counters
    config = folder / "postern.toml"
    config.write_text(SETTINGS.format(port=port, http=http, next_hop=next_hop, ledger=ledger))
    customers = folder / "customers.toml"
    customers.write_text(CUSTOMERS.format(username=USERNAME, password=PASSWORD))
    apply = [str(program), "customers", "apply", str(customers), "--config", str(config)]
    done = subprocess.run(apply, capture_output=True, text=True)
    if done.returncode:
        raise RigError(f"postern customers apply: status {done.returncode}: {done.stdout}{done.stderr}")
    serve: list[str | Path] = [program, "serve", "--config", config, *(["--workers", str(workers)] if workers else [])]
    process = Process(serve, folder / "postern.log")
    stack.enter_context(process.start(port=port))
    return Command("postern", port, f"{USERNAME}:{PASSWORD}", process)


def start_command(stack: ExitStack, text: str, folder: Path, next_hop: int) -> Command:
    """Start `text` ({port} and {next_hop} put in) for as long as the stack lasts; raises RigError."""
    port = free_port()
    command = shlex.split(text.format(port=port, next_hop=next_hop))
    process = Process(command, folder / "command.log")
    stack.enter_context(process.start(port=port))
    return Command("command", port, None, process)


def start_sink(stack: ExitStack, program: Path, folder: Path) -> tuple[int, Path]:
    """Start smtpsink for as long as the stack lasts; its port and its counter file."""
    port, counter = free_port(), folder / "sink.count"
    process = Process([program, "-q", "-p", str(port), "-c", counter], folder / "sink.log")
    stack.enter_context(process.start(port=port))
    return port, counter
