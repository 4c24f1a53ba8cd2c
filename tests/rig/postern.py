"""A gateway as its operator runs it: `postern serve` in a process of its own, driven by its commands and by HTTP.

Everything goes through the console script beside the interpreter (`tests.rig.commands` stands for it where it does not
serve), a postern.toml and a customers file; nothing of the gateway is imported. Its folder holds all it has, with relative paths only, so that a copy of the folder is a copy of
the installation.
"""

import atexit
import contextlib
import functools
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import tomlkit

from tests.rig.commands import SERVING, Commands
from tests.rig.processes import Process, RigError, free_port, wait_until

POSTERN = Path(sys.executable).with_name("postern")
USUAL_PORTS = "usual-ports"
"""What `alone` is asked for while `postern demo` runs: it takes the usual ports where it can have them."""
PASSWORD = "a-right-password"
UNPACED: dict[str, Any] = {"slow_start": 0, "observed": {"day": 0, "month": 0, "year": 0}}
"""For tests that send much mail of one kind and are not about that."""
ACME: dict[str, Any] = {
    "id": "acme",
    "name": "Acme Ltd",
    "domains": ["acme.example"],
    "credentials": [{"username": "acme-app", "password": PASSWORD}],
    "bulk": UNPACED,
}
"""A customer that authenticates."""
NETS: dict[str, Any] = {
    "id": "nets",
    "name": "Nets Ltd",
    "domains": ["nets.example"],
    "credentials": [{"networks": ["127.0.0.1/32"]}],
    "bulk": UNPACED,
}
"""A customer whose address is its name."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What `postern audit verify` said."""

    status: int
    text: str


class Postern:
    """One installation in a folder; its `with` block starts and stops it. The SMTP port outlives restarts."""

    def __init__(
        self,
        folder: Path,
        next_hop: int,
        *,
        customers: Sequence[Mapping[str, Any]] = (ACME, NETS),
        settings: Mapping[str, Any] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        """`arguments` are those of `postern serve`."""
        self.folder = folder
        self.port, self.http_port = free_port(), free_port()
        self._customers = customers
        self._own = frozenset(settings or {})
        self._settings: dict[str, Any] = {
            "hostname": "gw.example",
            "data_dir": "var",
            "smtp": {"listeners": [{"address": f"127.0.0.1:{self.port}", "auth_without_tls": True}]},
            "next_hops": [{"name": "default", "addresses": [f"127.0.0.1:{next_hop}"]}],
            "operator": {"domains": ["gw.example"], "mailbox": "abuse@gw.example"},
            "http": {"address": f"127.0.0.1:{self.http_port}"},
            **(settings or {}),
        }
        # Whoever runs tests uses all of the machine: that a gateway's loop is late then is not what they are about.
        self._settings["limits"] = {"loop_delay": 3600} | dict(self._settings.get("limits", {}))
        self.process = Process([POSTERN, "serve", *arguments], folder / "log", folder=folder)

    def prepare(self) -> Self:
        """Write the settings and apply the customers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "postern.toml").write_text(tomlkit.dumps(self._settings))
        if self._customers and not (self.folder / "var").exists():
            if {"data_dir", "registry", "secrets"} & self._own:
                self.apply(self._customers)
            else:
                shutil.copytree(_applied(_file(self._customers)), self.folder, dirs_exist_ok=True)
        return self

    def apply(self, customers: Sequence[Mapping[str, Any]]) -> None:
        """`postern customers apply`."""
        self._apply(_file(customers))

    def _apply(self, customers: str) -> None:
        (self.folder / "customers.toml").write_text(customers)
        self.command("customers", "apply", "customers.toml")

    def start(self) -> Self:
        """`postern serve`, until SMTP is answered."""
        self.process.start(self.port)
        return self

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()

    def copy(self, folder: Path) -> "Postern":
        """The same installation in another folder, on other ports, not started."""
        shutil.copytree(self.folder, folder)
        other = Postern(folder, 0, customers=())
        ours = ("smtp", "http")
        other._settings = {**self._settings, **{name: other._settings[name] for name in ours}}
        return other.prepare()

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """One of its commands, in its folder, whatever its status."""
        if arguments[0] in SERVING:
            return subprocess.run([POSTERN, *arguments], capture_output=True, text=True, timeout=120, cwd=self.folder)
        return _commands().run(arguments, self.folder, timeout=120)

    def command(self, *arguments: str) -> str:
        """One of its commands; its standard output. Raises RigError when it fails."""
        done = self.run(*arguments)
        if done.returncode:
            raise RigError(f"postern {' '.join(arguments)}: status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def verify(self) -> Verification:
        """`postern audit verify`."""
        done = self.run("audit", "verify")
        return Verification(done.returncode, done.stdout + done.stderr)

    def search(self, *arguments: str) -> list[dict[str, Any]]:
        """`postern audit search --json`, oldest first."""
        done = self.run("audit", "search", "--json", "--limit", "100000", *arguments)
        if done.returncode == 1 and "nothing found" in done.stderr:
            return []
        if done.returncode:
            raise RigError(f"postern audit search: {done.stderr.strip()}")
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found[::-1]

    def concluded(self, count: int, timeout: float = 60) -> list[dict[str, Any]]:
        """All accepting decisions, once there are at least `count` and each has its outcome.

        An outcome is written after its reply was sent, so the last ones may be a moment late.
        """
        end = time.monotonic() + timeout
        while True:
            found = self.search("--verdict", "accept")
            if len(found) >= count and all(decision["outcome"] for decision in found):
                return found
            if time.monotonic() > end:
                without = sum(not decision["outcome"] for decision in found)
                raise RigError(f"{len(found)} of {count} decisions within {timeout:g} s, {without} without outcome")

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of an HTTP GET; status 0 when nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    @property
    def ready(self) -> bool:
        """Whether /readyz says so."""
        return self.get("/readyz")[0] == 200

    def wait_ready(self, ready: bool = True, timeout: float = 120) -> None:
        """Return once /readyz says `ready`."""
        wait_until(lambda: self.get("/readyz")[0] == (200 if ready else 503), timeout, f"/readyz turns {ready}")

    def __enter__(self) -> Self:
        return self if self.process.running else self.prepare().start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(RigError):  # never started
            self.process.stop()


@functools.cache
def _commands() -> Commands:
    """One for the whole run."""
    commands = Commands()
    atexit.register(commands.close)
    return commands


@functools.cache
def _applied(customers: str) -> Path:
    """A folder in which `postern customers apply` was run once, for all installations with the same customers: making
    the registry takes a second of it."""
    folder = Path(tempfile.mkdtemp(prefix="postern-applied-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Postern(folder, 0, customers=()).prepare()._apply(customers)
    (folder / "postern.toml").unlink()
    return folder


def _file(customers: Sequence[Mapping[str, Any]]) -> str:
    """A customers file."""
    return tomlkit.dumps({"customers": list(customers)})


class Memory:
    """The memory of a process as the kernel counts it, in octets, and its peak while somebody looks."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")

    def read(self) -> dict[str, int]:
        """VmRSS, VmHWM, RssAnon, RssFile and RssShmem."""
        fields = (line.split() for line in self._status.read_text().splitlines())
        return {
            words[0].rstrip(":"): int(words[1]) * 1024
            for words in fields
            if words[0].startswith(("VmHWM", "VmRSS", "Rss"))
        }

    def forget_peak(self) -> None:
        """Let VmHWM begin anew (proc(5), clear_refs)."""
        self._status.with_name("clear_refs").write_text("5")


def poll(look: Callable[[], bool], timeout: float, what: str) -> float:
    """Seconds until `look()` was true; raises RigError as `wait_until` does."""
    begun = time.monotonic()
    wait_until(look, timeout, what)
    return time.monotonic() - begun
