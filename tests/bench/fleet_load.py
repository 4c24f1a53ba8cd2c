"""What `make fleet` has in hand: a fleet, the load on it, what is counted behind it, and how a result is told."""

import argparse
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.measure import BULK_CLIENT, Meter
from tests.bench.measure import arrived as at_sink
from tests.rig.fleet import Fleet
from tests.rig.postern import UNPACED
from tests.rig.sink import Sink

SESSIONS = 24
"""At once, in all: of the load, and of those that meet a cap or a kill."""
CLIENT = "127.0.0.3"
"""Where the load comes from: the balancer's own address is nobody's."""
BENCH: dict[str, Any] = {
    "id": "bench",
    "name": "Bench Ltd",
    "postal_address": "1 High Street, Exampletown",
    "contact": "postmaster@example.com",
    "domains": ["example.com"],
    "unsubscribe_hosts": ["www.example.com"],
    "bulk": UNPACED,
    "credentials": [
        {"networks": [f"{CLIENT}/32"], "stream": "auto"},
        {"networks": [f"{BULK_CLIENT}/32"], "stream": "bulk", "list": "weekly"},
    ],
}
"""Whose mail smtpload sends."""
LEAVE: dict[str, Any] = {
    "id": "leave",
    "name": "Leave Ltd",
    "domains": ["leave.example"],
    "unsubscribe_hosts": ["www.leave.example"],
    "next_hop": "counted",
    "credentials": [{"networks": ["127.3.1.0/24"], "stream": "bulk", "list": "weekly"}],
}
"""Whose recipients leave."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A fleet, the load on it, and what is counted behind it."""

    fleet: Fleet
    load: Path
    """smtpload."""
    meter: Meter
    counted: Sink
    """The next hop of all but the load."""
    chosen: argparse.Namespace


def said(ok: bool, text: str) -> bool:
    """Print a line of the result; whether it is as it should be."""
    print(f"{'' if ok else 'MISSED  '}{text}; load {os.getloadavg()[0]:.1f}", flush=True)
    return ok


@contextmanager
def loaded(bench: Bench, port: int) -> Iterator[Callable[[], float]]:
    """Mail of both classes flows through `port` meanwhile; gives its messages per second so far."""
    children = []
    for kind, source in (("personal", CLIENT), ("bulk", BULK_CLIENT)):
        command: list[object] = [bench.load, "-p", port, "-b", source, "--class", kind, "-s", SESSIONS // 2]
        command += ["-m", 1_000_000, "-R", bench.chosen.rows, "-e", os.getpid(), "-t", 600]
        children.append(subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL))
    begun, before = time.monotonic(), at_sink(bench.meter.counter)
    try:
        yield lambda: (at_sink(bench.meter.counter) - before) / (time.monotonic() - begun)
    finally:
        for child in children:
            child.kill()
            child.wait()
