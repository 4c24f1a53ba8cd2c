"""`make bench`: Postern beside Postfix's before-queue proxy, on the same load, in turns.

    python -m tests.bench.bench [--quick] [--runs N] [--seconds S] [--case CASE ...] [--command TEXT] [--out FOLDER]

Both relay to the same sink, which drops all mail; generator, relay and sink share the machine's cores. Each case is
run in turns (A, B, A, B ...) after a warm-up of each, with the same number of messages for both; the table holds
medians over the runs, and the ratio Postern/Postfix of each turn as median (least-most). Only ratios taken in one run
and CPU seconds mean anything on another machine. Everything that was accepted is counted at the sink; the exit status
is 1 when a message was refused, lost or doubled. With AUTH only Postern authenticates; Postfix then stands for the
same work without.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import relays
from tests.bench.measure import Case, Meter, Run
from tests.rig import postfix
from tests.rig.processes import RigError

ROOT = Path(__file__).resolve().parents[2]
QUICK = (
    Case("personal", 2000, 1, 0),
    Case("personal", 2000, 20, 0),
    Case("personal", 2000, 20, 0, auth=True),
    Case("bulk", 2000, 20, 0),
    Case("personal", 2000, 20, 1),
    Case("personal", 20_000, 20, 0),
    Case("personal", 200_000, 20, 0),
)
FULL = (
    *QUICK,
    Case("personal", 2000, 100, 0),
    Case("personal", 2000, 20, 1, auth=True),
    Case("bulk", 20_000, 20, 0),
    Case("bulk", 200_000, 20, 0),
)
TITLES: tuple[str, ...] = (
    *("class", "bytes", "sessions", "per conn", "auth", "relay", "msg/s", "least-most"),
    *("CPU s/1000", "p50 ms", "p99 ms", "PSS MB", "errors", "lost/extra", "ratio (least-most)"),
)


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench", description="Postern beside Postfix's before-queue proxy.")
    parser.add_argument("--quick", action="store_true", help="fewer cases, shorter: under three minutes (or QUICK=1)")
    parser.add_argument("--runs", type=int, help="turns per case (quick 3, else 5)")
    parser.add_argument("--seconds", type=float, help="what a run is to take, about (quick 2, else 5)")
    parser.add_argument("--case", action="append", type=Case.parse, help="class:bytes:sessions:per_connection[:auth]")
    parser.add_argument("--command", help="measure this command in Postern's place; {port} and {next_hop} are put in")
    parser.add_argument("--workers", type=int, default=0, help="processes of Postern that serve SMTP; 0: the one")
    parser.add_argument("--program", type=Path, default=Path(sys.executable).parent / "postern")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench", help="programs and results go here")
    chosen = parser.parse_args()
    chosen.quick = chosen.quick or os.environ.get("QUICK", "") not in ("", "0")
    chosen.runs = chosen.runs or (3 if chosen.quick else 5)
    chosen.seconds = chosen.seconds or (2.0 if chosen.quick else 5.0)
    return chosen


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    cpus = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    return {
        "cpu": cpus[0] if cpus else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postfix": output_of("postconf", "-dh", "mail_version"),
        "commit": output_of("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"),
    }


def output_of(*command: str) -> str:
    """What a command prints, or nothing when it cannot be run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def take_turns(meter: Meter, case: Case, contestants: list[relays.Relay], runs: int, seconds: float) -> list[list[Run]]:
    """`runs` rounds, each one run of every contestant, after a warm-up that also sets the number of messages."""
    seed = 0

    def one(relay: relays.Relay, messages: int) -> Run:
        nonlocal seed
        seed += 1  # no two runs send the same messages
        return meter.run(case, messages, seed, relay=relay.name, port=relay.port, pids=relay.pids(), auth=relay.auth)

    warm = max(case.sessions * 5, 200)
    rates = [one(relay, warm).rate for relay in contestants]
    messages = max(int(sum(rates) / len(rates) * seconds), warm)
    return [[one(relay, messages) for relay in contestants] for _ in range(runs)]


def spread(values: list[float], form: str) -> str:
    """`least-most`."""
    return f"{min(values):{form}}-{max(values):{form}}"


def rows(case: Case, rounds: list[list[Run]]) -> list[tuple[str, ...]]:
    """The case's lines of the table, one per relay."""
    ratios = [turn[0].rate / turn[1].rate for turn in rounds if len(turn) > 1 and turn[1].rate]
    lines: list[tuple[str, ...]] = []
    for number, name in enumerate(run.relay for run in rounds[0]):
        runs = [turn[number] for turn in rounds]
        rates = [run.rate for run in runs]
        lines.append(
            (
                case.kind,
                str(case.size),
                str(case.sessions),
                str(case.per_connection or "all"),
                "yes" if case.auth and number == 0 else "no",
                name,
                f"{median(rates):.0f}",
                spread(rates, ".0f"),
                f"{median(run.cpu for run in runs):.3f}",
                f"{median(run.p50_ms for run in runs):.2f}",
                f"{median(run.p99_ms for run in runs):.2f}",
                f"{max(run.pss_mb for run in runs):.0f}",
                str(sum(run.errors for run in runs)),
                str(sum(run.arrived for run in runs)),
                f"{median(ratios):.2f} ({spread(ratios, '.2f')})" if ratios and number == 0 else "",
            )
        )
    return lines


def show(lines: list[tuple[str, ...]]) -> None:
    """The table, on standard output."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def contestants_of(chosen: argparse.Namespace, stack: ExitStack, folder: Path, next_hop: int) -> list[relays.Relay]:
    """What is to be measured, Postern first; Postfix is left out, with a word, where it cannot run."""
    found: list[relays.Relay] = []
    if chosen.command:
        found.append(relays.start_command(stack, chosen.command, folder, next_hop))
    else:
        found.append(relays.start_postern(stack, chosen.program, folder, next_hop, chosen.workers))
    if reason := postfix.missing():
        print(f"without Postfix, so without ratios: {reason}", file=sys.stderr)
    else:
        found.append(relays.start_postfix(stack, next_hop))
    return found


def main() -> int:
    """Measure, print, write; the exit status."""
    chosen = options()
    load, sink = relays.build(chosen.out)
    lines, results = [TITLES], list[tuple[Case, list[list[Run]]]]()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postern-bench-")))
        next_hop, counter = relays.start_sink(stack, sink, folder)
        contestants = contestants_of(chosen, stack, folder, next_hop)
        for case in chosen.case or (QUICK if chosen.quick else FULL):
            rounds = take_turns(Meter(load, counter), case, contestants, chosen.runs, chosen.seconds)
            results.append((case, rounds))
            lines += rows(case, rounds)
            print(f"measured: {case}", file=sys.stderr, flush=True)
    when = datetime.now(UTC)
    print(
        f"\n{when:%Y-%m-%d %H:%M} UTC, {machine()['cpu']}, {machine()['cores']} cores; medians of {chosen.runs} runs\n"
    )
    show(lines)
    path = chosen.out / f"{when:%Y%m%dT%H%M%SZ}.json"
    found = [
        {"case": asdict(case), "rounds": [[asdict(run) for run in turn] for turn in rounds]} for case, rounds in results
    ]
    path.write_text(json.dumps({"date": when.isoformat(), "machine": machine(), "results": found}, indent=1) + "\n")
    print(f"\nwritten to {path}")
    wrong = [run for _, rounds in results for turn in rounds for run in turn if run.errors or run.arrived]
    for run in wrong:
        print(f"{run.relay}: {run.errors} errors, {run.arrived:+d} at the sink; first: {run.error or '-'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RigError as error:
        sys.exit(f"bench: {error}")
