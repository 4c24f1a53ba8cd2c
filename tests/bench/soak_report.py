"""What `make soak` says in the end: the series of each minute, what must hold beside the fate of messages, the tables."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Any

from tabulate import tabulate

from tests.bench.soak_checks import HELD, Evidence, Fault, Found, over_limit
from tests.bench.soak_watch import Look, Sample, shift, slope

WARM = 600.0
"""Seconds after which memory must be flat."""
ROOM = 0.05
"""Of the memory of a program, how much its last third may lie above its first."""
MORE_FILES, MORE_THREADS = 12, 2
"""The same of file descriptors, which faults let come and go, and of threads."""


@dataclass(frozen=True, slots=True)
class Course:
    """How it went."""

    begun: float
    ended: float
    top: float
    """Messages a second with all sessions busy; 0 where that was not measured."""
    rate: float
    cap: int
    """Messages a minute of the customer with the limit."""
    processes: int
    """That count alone while Redis is away."""
    samples: Sequence[Sample]

    def warm(self, name: str) -> list[tuple[float, Look]]:
        """What was seen of a program once all is warm: minutes since the begin, and it."""
        after = min(WARM, (self.ended - self.begun) / 3)
        return [
            ((each.at - self.begun) / 60, each.programs[name])
            for each in self.samples
            if name in each.programs and each.at >= self.begun + after
        ]


def series(log: Iterable[dict[str, Any]], course: Course) -> list[dict[str, float]]:
    """Each minute (of a short run, each ten seconds): messages taken, refused, held back by the limit, put off or without
    a reply otherwise, a second; and the milliseconds that half and 99 of 100 of those that were taken at the first try took."""
    width = course.samples[1].at - course.samples[0].at
    step = 60.0 if width > 30 else 10.0
    count = ceil((course.ended - course.begun) / step)
    took: list[list[float]] = [[] for _ in range(count)]
    told: list[Counter[str]] = [Counter() for _ in range(count)]
    for line in log:
        at = int((line["ended"] - course.begun) // step) if "id" in line else -1
        if not 0 <= at < count:
            continue
        codes = {each[:1] for each in line["said"]}
        what = "put_off" if codes & {"", "4"} else "taken" if "2" in codes else "refused"
        if what == "put_off" and line["kind"] == "capped" and line["said"][0].startswith(HELD):
            what = "held"
        told[at][what] += 1
        if what == "taken" and line["try"] == 0:
            took[at].append((line["ended"] - line["begun"]) * 1000)
    return [
        {
            "minute": (number + 1) * step / 60,
            **{what: told[number][what] / step for what in ("taken", "refused", "held", "put_off")},
            "p50_ms": _part(took[number], 0.5), "p99_ms": _part(took[number], 0.99),
        }
        for number in range(count)
    ]  # fmt: skip


def _part(values: list[float], part: float) -> float:
    return sorted(values)[ceil(len(values) * part) - 1] if values else 0.0


def judge(found: Found, evidence: Evidence, course: Course, verified: list[tuple[int, str]], *, long: bool) -> None:
    """What must hold beside the fate of each message. `long`: memory is judged, too."""
    for number, (status, text) in enumerate(verified, 1):
        if status:
            found.broken("audit", f"node {number}: {text[:400]}")
        found.counts["records of the audit"] += int((re.match(r"(\d+) records", text) or ["", "0"])[1])
        found.counts["torn tails set aside"] += text.count("note ")
    for what, count in found.complaints.items():
        if "Traceback" in what:
            found.broken("not foreseen", f"{what}: {count} times, see the log (--keep)")
    for name, passed, may in over_limit(evidence, course.cap, course.processes, course.begun):
        if passed > may:
            found.broken("over the limit", f"{passed} in a minute of {course.cap} ({name}: {may} at most)")
        elif passed > course.cap:
            found.allowed[f"{passed} in a minute of {course.cap} at the limit, {name}"] += 1
    for name in ("node 1", "next hop", "clients") if long else ():
        seen = course.warm(name)
        level, growth = seen[0][1].pss_mb, shift([each.pss_mb for _, each in seen])
        if name == "node 1" and growth > level * ROOM:
            found.broken("memory", f"{name}: {growth:+.1f} MB over {level:.0f}")
        if name == "node 1" and shift([each.files for _, each in seen]) > MORE_FILES:
            found.broken("file descriptors", f"{name}: {[each.files for _, each in seen]}")
        if name == "node 1" and shift([each.threads for _, each in seen]) > MORE_THREADS:
            found.broken("threads", f"{name}: {[each.threads for _, each in seen]}")


def shown(course: Course, found: Found, faults: Sequence[Fault], seen: Sequence[dict[str, float]]) -> str:
    """All of it as tables."""
    minutes = (course.ended - course.begun) / 60
    done = Counter(each.name for each in faults)
    first = f"{minutes:.0f} minutes at {course.rate:.0f} messages/s"
    first += (
        f", {course.rate / course.top:.2f} of the {course.top:.0f} that passed with all sessions busy"
        if course.top
        else ""
    )
    calm = sorted(seen, key=lambda each: each["p99_ms"])
    middle = calm[len(calm) // 2]
    parts = [
        f"{first}; p50 {middle['p50_ms']:.0f} ms, p99 {middle['p99_ms']:.0f} ms in the middle minute",
        tabulate(sorted(done.items()), ("fault", "times"), tablefmt="github"),
        tabulate(
            [
                *((what, f"{count:,}") for what, count in found.counts.items()),
                *((f"doubles: {why}", count) for why, count in sorted(found.doubles.items())),
                *((f"put off: {why}{_after(found, why)}", f"{count:,}") for why, count in sorted(found.put_off.items())),
                *((f"allowed: {what}", count) for what, count in sorted(found.allowed.items())),
            ],
            ("recipients but for the first line", "number"), tablefmt="github",
        ),
        tabulate(_programs(course), ("program", "MB at first", "at last", "MB an hour", "files", "threads", "CPU ms a message"),
                 tablefmt="github", floatfmt=".1f"),
        tabulate(_disk(course), ("on disk", "MB", "octets a message"), tablefmt="github", floatfmt=",.0f"),
    ]  # fmt: skip
    parts.append(tabulate(sorted(found.complaints.items()), ("in the logs", "times"), tablefmt="github"))
    for what, cases in found.wrong.items():
        parts.append(f"BROKEN  {what}: {found.wrong_counts[what]}\n" + "\n".join(f"  {case}" for case in cases))
    return "\n\n".join([*parts, "broken" if found.wrong else "all as it must be"])


def _after(found: Found, why: str) -> str:
    return f" (to {found.latest[why]:.1f} s after)" if why in found.latest else ""


def _programs(course: Course) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for name in ("node 1", "node 2", "redis", "postgresql", "next hop", "clients"):
        seen = course.warm(name)
        if len(seen) < 2:
            continue
        memory = [(minute, each.pss_mb) for minute, each in seen]
        files, threads = [each.files for _, each in seen], [each.threads for _, each in seen]
        whole = [each.programs[name].cpu for each in course.samples if name in each.programs]
        spent = sum(max(0.0, after - before) for before, after in pairwise(whole))
        each_ms = spent / (course.rate * (course.ended - course.begun)) * 1000
        spread = (f"{min(files)}-{max(files)}", f"{min(threads)}-{max(threads)}")
        rows.append((name, memory[0][1], memory[-1][1], slope(memory) * 60, *spread, f"{each_ms:.2f}"))
    return rows


def _disk(course: Course) -> list[tuple[str, float, float]]:
    first, last = course.samples[0], course.samples[-1]
    messages = course.rate * (last.at - first.at)
    return [(name, last.disk[name] / 1e6, (last.disk[name] - first.disk[name]) / messages) for name in last.disk]
