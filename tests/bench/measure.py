"""One measurement: the load generator against one relay; rate, latency, CPU and memory of the relay's processes."""

import json
import os
import struct
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.rig.processes import RigError

BULK_CLIENT = "127.0.0.2"
"""Where bulk mail comes from, so that a relay which tells clients by their address may know it for what it is."""
TICKS = os.sysconf("SC_CLK_TCK")
TIME_LIMIT = 60
"""Seconds after which the load generator gives up on a run."""


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of work: class of mail, octets per message, sessions at once, messages per connection (0: no limit)."""

    kind: str
    size: int
    sessions: int
    per_connection: int
    auth: bool = False
    """AUTH PLAIN on each connection, where the relay has a credential for it."""
    recipients: int = 1
    """Of each message; more than one are sent in one piece with MAIL and DATA (PIPELINING)."""
    pool: int = 0
    """Addresses the recipients are drawn from; 0: a million of them in turn."""
    customers: int = 0
    """Connections are of so many customers in turn, as smtpload's `-n` has it; 0: all are of one."""

    @classmethod
    def parse(cls, text: str) -> "Case":
        """`class:bytes:sessions:per_connection[:auth]`; raises ValueError."""
        kind, size, sessions, per_connection, *rest = text.split(":")
        if kind not in ("personal", "bulk") or rest not in ([], ["auth"]):
            raise ValueError(f"{text!r} is not class:bytes:sessions:per_connection[:auth]")
        return cls(kind, int(size), int(sessions), int(per_connection), auth=bool(rest))


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one run."""

    relay: str
    messages: int
    rate: float
    """Messages accepted a second."""
    cpu: float
    """CPU seconds of the relay's processes for 1,000 accepted messages."""
    p50_ms: float
    p99_ms: float
    pss_mb: float
    """Proportional set size of the relay's processes, in MiB, while the run went on."""
    errors: int
    """Messages refused, and connections that broke within one."""
    arrived: int
    """Messages the sink got, less those that were accepted: below 0 is loss, above 0 is duplicates."""
    load_cpu: float
    """CPU seconds the load generator itself took."""
    error: str
    """The first refusal."""


def cpu_by_process(roots: Iterable[int]) -> dict[int, float]:
    """CPU seconds of the processes and all their descendants, with those of children already reaped, by pid."""
    spent: dict[int, float] = {}
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        spent[int(entry.name)] = sum(map(int, fields[11:15])) / TICKS
        children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: dict[int, float] = {}
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid in spent and pid not in found:
            found[pid] = spent[pid]
            waiting += children.get(pid, [])
    return found


def pss_mb(pids: Iterable[int]) -> float:
    """Sum of the proportional set sizes, in MiB."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def arrived(counter: Path) -> int:
    """Messages that smtpsink has counted."""
    count: int = struct.unpack_from("=Q", counter.read_bytes())[0]
    return count


@dataclass(frozen=True, slots=True)
class Meter:
    """The load generator, and the sink it looks at."""

    program: Path
    counter: Path

    def run(
        self, case: Case, messages: int, seed: int, *, relay: str, port: int, pids: list[int], auth: str | None = None
    ) -> Run:
        """Send `messages` through the relay on `port` and wait until the sink has them; raises RigError.

        `pids` are the roots of the relay's process trees; `auth` is `user:password`, or None where the relay knows
        the client by its address.
        """
        command = [self.program, "-p", port, "--class", case.kind, "-l", case.size, "-s", case.sessions]
        command += ["-k", case.per_connection, "-m", messages, "-e", seed, "-t", TIME_LIMIT, "-c", self.counter]
        if case.recipients > 1:
            command += ["-x", "-r", case.recipients]
        if case.pool:
            command += ["-u", "-R", case.pool]
        if case.customers:
            command += ["-n", case.customers]
        if case.kind == "bulk":
            command += ["-b", BULK_CLIENT]
        if case.auth and auth:
            command += ["-a", auth]
        before, cpu_before = arrived(self.counter), sum(cpu_by_process(pids).values())
        child = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.3)
        memory = pss_mb(cpu_by_process(pids))
        out, err = child.communicate()
        if not out:
            raise RigError(f"smtpload: status {child.returncode}: {err.decode(errors='replace').strip()}")
        cpu = sum(cpu_by_process(pids).values()) - cpu_before
        found = json.loads(out)
        return Run(
            relay=relay,
            messages=messages,
            rate=found["rate"],
            cpu=cpu / max(found["ok"], 1) * 1000,
            p50_ms=found["p50_ms"],
            p99_ms=found["p99_ms"],
            pss_mb=memory,
            errors=messages - found["ok"],
            arrived=arrived(self.counter) - before - found["ok"],
            load_cpu=found["load_cpu"],
            error=found["error"],
        )
