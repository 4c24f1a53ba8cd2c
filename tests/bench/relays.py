"""What is measured, and what it stands between: the programs in C, the sink, Postfix, any command.

Postern is in `tests.bench.gateways`, those who check and sign as it does in `tests.bench.peers`.
"""

import shlex
import shutil
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.rig.postfix import PostfixInstance, relay_to
from tests.rig.processes import Process, RigError, free_port

SOURCES = Path(__file__).parent


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
class PostfixRelay:
    """A Postfix, and what works beside it."""

    name: str
    instance: PostfixInstance
    beside: tuple[Process, ...] = ()
    auth: None = None

    @property
    def port(self) -> int:
        """Where its smtpd listens."""
        return self.instance.port

    def pids(self) -> list[int]:
        """master(8), and the others."""
        return [self.instance.master_pid, *(each.pid for each in self.beside)]


def start_postfix(stack: ExitStack, next_hop: int) -> PostfixRelay:
    """Postfix as a before-queue proxy and nothing else: its smtpd passes the session on to the sink. For as long as
    the stack lasts; raises RigError."""
    settings = relay_to(next_hop) | {"smtpd_proxy_filter": f"127.0.0.1:{next_hop}"}
    return PostfixRelay("postfix", stack.enter_context(PostfixInstance("bench", free_port(), settings)))


@dataclass(frozen=True, slots=True)
class Command:
    """A relay run as a command: `postern serve`, Haraka, or another one; and what works beside it."""

    name: str
    port: int
    auth: str | None
    process: Process
    beside: tuple[Process, ...] = ()

    def pids(self) -> list[int]:
        """The command's own process, and the others."""
        return [each.pid for each in (self.process, *self.beside)]


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
