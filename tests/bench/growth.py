"""`make growth`: what a message costs as one thing grows and all others stay.

    python -m tests.bench.growth [--quick] [--only NAME,...] [--rows N] [--prepare]

    customers    customers of the gateway; connections are of all of them in turn, each sends 20 messages
    rows         consents in the registry (`tests.bench.standings`); class bulk, so that each recipient is looked up twice,
                 drawn from all of them
    history      records in the audit before
    sessions     connections at once
    recipients   of each message, MAIL and all RCPTs in one piece (PIPELINING)
    size         octets of a message, on four sessions

What does not grow: two workers, a Redis, all rules, the audit durable, class personal, one customer, 10,000 consents,
no history, 20 sessions, one recipient, 2,000 octets. The points of a dimension take turns; each run takes about
`--seconds`, and the table holds medians over `--runs`. CPU is that of Postern's processes and of its Redis.

    start        seconds from the command to the greeting, as customers and history grow; `audit search` on the history
    memory       a worker with 100 sessions; a node with 10,000 idle connections

What a gateway needs is made once and kept (`tests.bench.grown`); `--prepare` makes that and ends. Results go to
`build/bench/growth-DATE.json`; `python -m tests.bench.growth_picture RESULTS.json ... PICTURE.svg` draws them. The
exit status is 1 when a message was refused, lost or doubled.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import gateways, grown, relays, standings
from tests.bench.bench import ROOT, machine
from tests.bench.measure import Case, Meter, Run, cpu_by_process, pss_mb
from tests.bench.ratios import shown
from tests.rig.processes import Process, RigError

BASE = Case("personal", 2000, 20, 0)
ROWS = 10_000
"""Consents where they do not grow."""
IDLE = 10_000
IDLE_FROM = "127.1"
"""Addresses that idle connections come from begin so."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """Something that grows."""

    title: str
    points: tuple[int, ...]
    case: Callable[[int], Case]
    """The load at a point."""
    data: Callable[[argparse.Namespace, int], Path] | None = None
    """The data folder of a point's gateway; None where one gateway serves all points."""
    unit: tuple[str, Callable[[Case], float]] | None = None
    """What the load of one message is measured in, and how much of it a message has."""


DIMENSIONS = {
    "customers": Dimension(
        "customers",
        (10, 1000, 10_000, 100_000),
        lambda count: replace(BASE, customers=count, per_connection=20),
        lambda chosen, count: grown.with_customers(chosen.program, chosen.out, count),
    ),
    "rows": Dimension(
        "consents in the registry",
        (10_000, 1_000_000, 10_000_000, 50_000_000),
        lambda count: replace(BASE, kind="bulk", pool=count),
        lambda chosen, count: standings.registry(chosen.program, chosen.out, count),
    ),
    "history": Dimension(
        "records in the audit",
        (0, 100_000, 1_000_000),
        lambda count: BASE,
        lambda chosen, count: grown.with_history(chosen.program, chosen.out, count),
    ),
    "sessions": Dimension("sessions", (1, 20, 100, 500, 2000), lambda count: replace(BASE, sessions=count)),
    "recipients": Dimension(
        "recipients of a message",
        (1, 10, 100, 1000),
        lambda count: replace(BASE, recipients=count),
        unit=("recipient", lambda case: case.recipients),
    ),
    "size": Dimension(
        "octets of a message",
        (1000, 10_000, 100_000, 1_000_000, 10_000_000, 50_000_000),
        lambda count: replace(BASE, size=count, sessions=4),
        unit=("MB", lambda case: case.size / 1e6),
    ),
}
BESIDE = ("start", "memory")
QUICK_MOST = {"customers": 1000, "rows": 10_000, "history": 100_000, "sessions": 500, "size": 10_000_000}
"""Points that `--quick` leaves out are above these."""
TITLES = ("grows", "to", "msg/s", "CPU s/1000", "least-most", "per unit", "p50 ms", "p99 ms", "PSS MB", "wrong")


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="growth", description="What a message costs as one thing grows.")
    names = (*DIMENSIONS, *BESIDE)
    parser.add_argument(
        "--quick", action="store_true", help="fewer points and shorter: within three minutes (or QUICK=1)"
    )
    parser.add_argument("--only", default=",".join(names), help=f"of {','.join(names)}")
    parser.add_argument(
        "--rows",
        type=int,
        help="consents at most (1,000,000, or ROWS=; 50,000,000 take 12 GB and a quarter of an hour to build, once)",
    )
    parser.add_argument("--runs", type=int, default=3, help="turns")
    parser.add_argument("--seconds", type=float, help="what a run is to take, about (2; quick 0.7)")
    parser.add_argument("--prepare", action="store_true", help="make what the gateways need, and end")
    parser.add_argument("--workers", type=int, default=2, help="processes of Postern that serve SMTP; 0: the one")
    parser.add_argument("--program", type=Path, default=Path(sys.executable).parent / "postern")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench", help="programs, data and results go here")
    chosen = parser.parse_args()
    chosen.quick = chosen.quick or os.environ.get("QUICK", "") not in ("", "0")
    chosen.seconds = chosen.seconds or (0.7 if chosen.quick else 2.0)
    chosen.rows = chosen.rows or int(os.environ.get("ROWS") or 1_000_000)
    chosen.only = chosen.only.split(",")
    if unknown := set(chosen.only) - set(names):
        parser.error(f"--only: there is no {min(unknown)!r}; there are {', '.join(names)}")
    chosen.out = chosen.out.resolve()
    return chosen


def points_of(chosen: argparse.Namespace, name: str) -> list[int]:
    """The points of a dimension that are measured."""
    most = QUICK_MOST.get(name, 1 << 60) if chosen.quick else 1 << 60
    if name == "rows":
        most = min(most, chosen.rows)
    return [point for point in DIMENSIONS[name].points if point <= most]


class Gateways:
    """Gateways that run, one for each data folder, for as long as the stack lasts."""

    def __init__(self, chosen: argparse.Namespace, stack: ExitStack, folder: Path, next_hop: int) -> None:
        self._chosen, self._stack, self._folder, self._next_hop = chosen, stack, folder, next_hop
        self._usual: relays.Command | None = None

    def start(self, data: Path) -> relays.Command:
        """One on a copy of the data."""
        chosen, name = self._chosen, f"postern-{len(list(self._folder.iterdir()))}"
        return gateways.start_postern(
            self._stack, chosen.program, self._folder / name, self._next_hop, chosen.workers, data=data
        )

    def usual(self) -> relays.Command:
        """The one on which nothing has grown."""
        if self._usual is None:
            self._usual = self.start(gateways.registry(self._chosen.program, self._chosen.out, ROWS))
        return self._usual


def measured(chosen: argparse.Namespace, name: str, meter: Meter, started: Gateways) -> Iterator[tuple[int, list[Run]]]:
    """The points of a dimension, with their runs."""
    dimension, points = DIMENSIONS[name], points_of(chosen, name)
    relay = [started.start(dimension.data(chosen, each)) if dimension.data else started.usual() for each in points]
    seed = 0

    def one(at: int, messages: int) -> Run:
        nonlocal seed
        seed += 1  # no two runs send the same messages
        gateway, case = relay[at], dimension.case(points[at])
        return meter.run(case, messages, seed, relay="postern", port=gateway.port, pids=gateway.pids())

    def enough(at: int) -> int:
        """Messages of a run, after a shorter one that warms up."""
        case = dimension.case(points[at])
        heavy = case.size > 500_000 or case.recipients > 50
        least = 8 if heavy else max(case.sessions, 100)
        return max(int(one(at, least).rate * chosen.seconds), least)

    numbers = [enough(at) for at in range(len(points))]
    turns = [[one(at, number) for at, number in enumerate(numbers)] for _ in range(chosen.runs)]
    for at, point in enumerate(points):
        yield point, [turn[at] for turn in turns]


def rows(name: str, found: Sequence[tuple[int, list[Run]]]) -> Iterator[tuple[str, ...]]:
    """The lines of a dimension in the table."""
    dimension = DIMENSIONS[name]
    for point, runs in found:
        cpu = median(run.cpu for run in runs)
        each = ""
        if dimension.unit is not None:
            unit, amount = dimension.unit
            each = f"{cpu / amount(dimension.case(point)):.3g} ms/{unit}"
        yield (
            dimension.title,
            f"{point:,}",
            f"{median(run.rate for run in runs):.4g}",
            f"{cpu:.4g}",
            f"{min(run.cpu for run in runs):.3g}-{max(run.cpu for run in runs):.3g}",
            each,
            f"{median(run.p50_ms for run in runs):.4g}",
            f"{median(run.p99_ms for run in runs):.4g}",
            f"{max(run.pss_mb for run in runs):.0f}",
            str(sum(run.errors + abs(run.arrived) for run in runs)),
        )


# Start


def greeting_after(process: Process, port: int) -> tuple[float, float]:
    """Seconds from starting the process to its greeting, and those of CPU; raises RigError."""
    begun = time.monotonic()
    with process.start():
        while process.running and time.monotonic() < begun + 300:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
                    if client.recv(100).startswith(b"220 "):
                        return time.monotonic() - begun, sum(cpu_by_process([process.pid]).values())
            except OSError:
                time.sleep(0.005)
        raise RigError(f"no greeting\n{process.tail()}")


def started(chosen: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    """How long a gateway takes to its greeting: of two workers and of one process, as customers and history grow."""
    for name in ("customers", "history"):
        dimension = DIMENSIONS[name]
        assert dimension.data is not None
        for point in points_of(chosen, name):
            data = dimension.data(chosen, point)
            with ExitStack() as stack:
                gateway = gateways.make_postern(
                    stack, chosen.program, folder / f"start-{name}-{point}", 25, chosen.workers, data=data
                )
                took = [
                    greeting_after(gateway.process, gateway.port) for _ in range(1 if point > 10_000 else chosen.runs)
                ]
                found = {"of": dimension.title, "point": point, "seconds": [each[0] for each in took]}
                found |= {"cpu": [each[1] for each in took], "search": 0.0}
                if name == "history" and point:
                    begun = time.monotonic()
                    config = gateway.process.command[gateway.process.command.index("--config") + 1]
                    gateways.run(chosen.program, Path(config), "audit", "search", "--recipient", "user7@example.org")
                    found["search"] = time.monotonic() - begun
            yield found


# Memory


def idle_connections(port: int, count: int) -> list[socket.socket]:
    """So many, greeted or about to be, a hundred from each address."""
    found = []
    for number in range(count):
        client = socket.socket()
        client.bind((f"{IDLE_FROM}.{number // 100 // 250}.{number // 100 % 250 + 1}", 0))
        client.connect(("127.0.0.1", port))
        found.append(client)
    for client in found:
        client.settimeout(60)
        if not client.recv(200).startswith(b"220 "):
            raise RigError("an idle connection was not greeted")
    return found


def memory(chosen: argparse.Namespace, meter: Meter, started: Gateways) -> Iterator[tuple[str, float]]:
    """What is held, in MiB (PSS)."""
    gateway = started.start(gateways.registry(chosen.program, chosen.out, ROWS))

    def processes() -> list[tuple[int, float]]:
        return [(pid, pss_mb([pid])) for pid in cpu_by_process([gateway.process.pid])]

    def largest() -> float:
        return max(held for pid, held in processes() if pid != gateway.process.pid or not chosen.workers)

    time.sleep(2)
    yield "a worker at first", largest()
    command = [meter.program, "-p", gateway.port, "-s", 100 * max(chosen.workers, 1), "-m", 1_000_000, "-t", 8]
    load = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(6)
    yield "a worker with 100 busy sessions", largest()
    load.wait()
    before = sum(held for _, held in processes())
    yield "the node, idle", before
    clients = idle_connections(gateway.port, IDLE)
    after = sum(held for _, held in processes())
    yield f"the node with {IDLE:,} idle connections", after
    yield "KiB of one of them", (after - before) * 1024 / IDLE
    for client in clients:
        client.close()


def prepare(chosen: argparse.Namespace) -> None:
    """Make all that is needed."""
    relays.build(chosen.out)
    gateways.registry(chosen.program, chosen.out, ROWS)
    for name, dimension in DIMENSIONS.items():
        needed = name in chosen.only or (name in ("customers", "history") and "start" in chosen.only)
        for point in points_of(chosen, name) if needed and dimension.data else ():
            print(f"preparing: {name} {point:,}", file=sys.stderr, flush=True)
            assert dimension.data is not None
            dimension.data(chosen, point)


def main() -> int:
    """Measure, print, write; the exit status."""
    chosen = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("growth: ended by a signal"))  # and ends what it has started
    prepare(chosen)
    if chosen.prepare:
        return 0
    load, sink = relays.build(chosen.out)
    results: dict[str, Any] = {}
    lines = list[tuple[str, ...]]([TITLES])
    wrong = 0
    for name in [each for each in DIMENSIONS if each in chosen.only]:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postern-growth-")))
            next_hop, counter = relays.start_sink(stack, sink, folder)
            found = list(measured(chosen, name, Meter(load, counter), Gateways(chosen, stack, folder, next_hop)))
        lines += rows(name, found)
        wrong += sum(run.errors + abs(run.arrived) for _, runs in found for run in runs)
        for run in [run for _, runs in found for run in runs if run.error]:
            print(f"{name}: {run.errors} refused; first: {run.error}", file=sys.stderr)
        results[name] = [{"point": point, "runs": [asdict(run) for run in runs]} for point, runs in found]
        print(f"measured: {name}", file=sys.stderr, flush=True)
    when, where = datetime.now(UTC), machine()
    print(f"{when:%Y-%m-%d %H:%M} UTC, {where['cpu']}, {where['cores']} cores, load {where['load']}\n")
    if len(lines) > 1:
        print(shown(lines))
    if "start" in chosen.only:
        with tempfile.TemporaryDirectory(prefix="postern-growth-") as folder_name:
            results["start"] = []
            for each in started(chosen, Path(folder_name)):
                results["start"].append(each)
                search = f"; `audit search` {each['search']:.2f} s" if each["search"] else ""
                print(
                    f"start with {each['point']:,} {each['of']}: {median(each['seconds']):.2f} s, CPU {median(each['cpu']):.2f} s{search}"
                )
    if "memory" in chosen.only:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postern-growth-")))
            next_hop, counter = relays.start_sink(stack, sink, folder)
            results["memory"] = {}
            for what, held in memory(chosen, Meter(load, counter), Gateways(chosen, stack, folder, next_hop)):
                results["memory"][what] = held
                print(f"memory, {what}: {held:.1f}")
    path = chosen.out / f"growth-{when:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps({"date": when.isoformat(), "machine": where, "results": results}, indent=1) + "\n")
    print(f"\nwritten to {path}")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RigError as error:
        sys.exit(f"growth: {error}")
