"""An hour of mail through two nodes, with faults: nothing lost, duplicates explained, memory flat (`make soak`).

    python -m tests.bench.soak [--minutes 60] [--rate N | --share 0.5]

Two nodes on one PostgreSQL and one Redis, half of the customers signed for, get mail of every kind at half the rate that
they can take, or another. Meanwhile Redis is killed, with and without what it knew, the next hop stalls or puts off, the
second node is killed every five minutes, and people unsubscribe. Each message is followed by its number, from the client
that tries until it is told 250 or 5xx to the sink that writes down what arrives, and through both audits. The table says
what came of it; the same with the series of each minute goes to build/bench/, and
`python -m tests.bench.soak_picture RESULTS.json PICTURE.svg` draws it. The exit status is 1 when anything is not as it
must be; whether memory is flat is judged from half an hour on.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import soak_report
from tests.bench.bench import ROOT, machine
from tests.bench.soak_checks import Evidence, Fault, cap_for, judged
from tests.bench.soak_mail import SHARES
from tests.bench.soak_nodes import Installation, installed
from tests.bench.soak_watch import Sample
from tests.rig.processes import RigError

CYCLE = 600.0
"""Seconds in which each kind of fault comes; the second node is killed twice in it."""
LONGEST = 20.0
"""Seconds that a fault lasts, at most."""
JUDGED = 30.0
"""Minutes from which on memory must be flat."""


class Faults:
    """What is done to an installation, and when: a list of moments, which `until` goes through."""

    def __init__(self, found: Installation, begun: float, minutes: float) -> None:
        """The whole run, from `begun` on; one that is shorter than two cycles is one."""
        self._found = found
        self.done: list[Fault] = []
        self._plan: list[tuple[float, Callable[[], None]]] = []
        cycle = CYCLE if minutes * 60 >= 2 * CYCLE else minutes * 60 * 0.95
        last = min(LONGEST, cycle / 30)
        for number in range(int(minutes * 60 // cycle)):
            start = begun + number * cycle
            self._redis(start + 0.10 * cycle, last / 4, forgets=False)
            self._kill(start + 0.25 * cycle, last / 4)
            self._mood(start + 0.35 * cycle, last, "stalled", "silent", "well")
            self._mood(start + 0.45 * cycle, last, "later", "rcpt", "well")
            self._mood(start + 0.55 * cycle, last, "later", "dot", "well")
            self._redis(start + 0.65 * cycle, last / 4, forgets=True)
            # The second node dies while the next hop keeps its answers to final dots for itself; in every other cycle
            # nobody ever gets them.
            name, then = ("cut", "cut") if number % 2 == 0 else ("stalled", "well")
            self._mood(start + 0.75 * cycle - last / 3, last, name, "mute", then)
            self._kill(start + 0.75 * cycle, last / 4)

    def _mood(self, at: float, lasts: float, name: str, mood: str, then: str) -> None:
        def begin() -> None:
            begun = time.time()
            self._found.mood(mood)
            self._at(at + lasts, lambda: end(begun))

        def end(begun: float) -> None:
            self._found.mood(then)
            self.done.append(Fault(name, begun, time.time()))

        self._at(at, begin)

    def _redis(self, at: float, lasts: float, *, forgets: bool) -> None:
        def begin() -> None:
            begun = time.time()
            self._found.redis_kill()
            self._at(at + lasts, lambda: end(begun))

        def end(begun: float) -> None:
            self._found.redis_up(forgets=forgets)
            self.done.append(Fault("redis-forgot" if forgets else "redis", begun, time.time()))

        self._at(at, begin)

    def _kill(self, at: float, lasts: float) -> None:
        def begin() -> None:
            begun = time.time()
            self._found.kill()
            self._at(at + lasts, lambda: self._found.start(lambda: end(begun)))

        def end(begun: float) -> None:  # in another thread
            self.done.append(Fault("killed", begun, time.time()))

        self._at(at, begin)

    def _at(self, moment: float, act: Callable[[], None]) -> None:
        self._plan.append((moment, act))
        self._plan.sort(key=lambda each: each[0])

    def until(self, end: float) -> None:
        """Do what is due until then."""
        while (now := time.time()) < end:
            if self._plan and self._plan[0][0] <= now:
                self._plan.pop(0)[1]()
            else:
                time.sleep(max(0.0, min(end, self._plan[0][0] if self._plan else end) - now))


def options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="soak", description="An hour of mail with faults.")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, help="messages a second; else a share of the top rate")
    parser.add_argument("--share", type=float, default=0.5, help="of the top rate, measured at the start")
    parser.add_argument("--workers", type=int, default=0, help="of each node; 0: one process")
    parser.add_argument("--sessions", type=int, default=4, help="of each customer")
    parser.add_argument("--clicks", type=float, default=1.0, help="people who unsubscribe, a second")
    parser.add_argument("--keep", type=Path, help="a new folder for what the nodes, clients and next hop write, kept")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench", help="where the results go")
    return parser.parse_args()


def top_rate(found: Installation, seconds: float) -> float:
    """Messages that are concluded a second when there are always more."""
    found.tell("flat")
    time.sleep(seconds / 3)
    begun = time.time()
    time.sleep(seconds)
    ended = time.time()
    found.tell("rate 0")
    time.sleep(2)
    found.tell("rate 0")  # what is written down by now is flushed
    time.sleep(0.5)
    done = sum(1 for line in found.client_log() if "id" in line and begun <= line["ended"] < ended)
    return done / (ended - begun)


def run(chosen: argparse.Namespace, found: Installation) -> tuple[soak_report.Course, list[Fault]]:
    """The whole course of it."""
    top = 0.0 if chosen.rate else top_rate(found, min(30.0, max(5.0, chosen.minutes * 2)))
    rate: float = chosen.rate or top * chosen.share
    cap = cap_for(rate, SHARES["capped"] / 100)
    found.limit(cap)
    print(
        f"top {top:.0f} messages/s; {rate:.0f} messages/s for {chosen.minutes:g} minutes", file=sys.stderr, flush=True
    )
    begun = time.time()
    found.tell(f"clicks {chosen.clicks}")
    found.tell(f"rate {rate}")
    faults = Faults(found, begun, chosen.minutes)
    samples: list[Sample] = []
    every = 60.0 if chosen.minutes * 60 >= 2 * CYCLE else 10.0
    end = begun + chosen.minutes * 60
    while (now := time.time()) < end:
        samples.append(found.sample())
        faults.until(min(end, now + every))
        found.check()
        if len(samples) % 5 == 1:
            seen = ", ".join(f"{name} {each.pss_mb:.0f} MB" for name, each in samples[-1].programs.items())
            print(f"minute {(now - begun) / 60:.0f}: {seen}; load {samples[-1].load}", file=sys.stderr, flush=True)
    samples.append(found.sample())
    found.finish()
    return soak_report.Course(begun, end, top, rate, cap, 2 * max(1, chosen.workers), samples), faults.done


def main() -> int:
    """Soak, tell, write; the exit status."""
    chosen = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("soak: ended by SIGTERM"))  # what was started is ended, too
    chosen.out.mkdir(parents=True, exist_ok=True)
    when = datetime.now(UTC)
    with ExitStack() as stack:
        folder = chosen.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postern-soak-")))
        folder.mkdir(parents=True, exist_ok=folder != chosen.keep)
        found = stack.enter_context(installed(folder, chosen.workers, chosen.sessions))
        course, faults = run(chosen, found)
        evidence = Evidence(found.client_log(), found.sink_log(), found.audit(), faults)
        result = judged(evidence)
        result.complaints = found.complaints()
        soak_report.judge(result, evidence, course, found.verify(), long=chosen.minutes >= JUDGED)
        series = soak_report.series(found.client_log(), course)
    faults.sort(key=lambda each: each.begun)
    where = machine()
    print(f"\n{when:%Y-%m-%d %H:%M} UTC, {where['cpu']}, {where['cores']} cores, load {os.getloadavg()[0]:.1f}\n")
    print(soak_report.shown(course, result, faults, series))
    path = chosen.out / f"soak-{when:%Y%m%dT%H%M%SZ}.json"
    written = {
        "date": when.isoformat(), "machine": where, "minutes": chosen.minutes, "top": course.top, "rate": course.rate,
        "begun": course.begun, "faults": [asdict(each) for each in faults], "series": series,
        "samples": [asdict(each) for each in course.samples], "found": result.told(),
    }  # fmt: skip
    path.write_text(json.dumps(written, indent=1) + "\n")
    print(f"\nwritten to {path}")
    return 1 if result.wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RigError as error:
        sys.exit(f"soak: {error}")
