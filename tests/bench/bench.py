"""`make bench`: Postern beside its peers, on the same load, in turns.

    python -m tests.bench.bench [--quick] [--rows N] [--relays NAME,...] [--runs N] [--seconds S] [--case CASE ...]

Postern runs twice, with and without a key that signs (`postern`, `postern+dkim`): two workers, a Redis, a registry of
10 million consents, the audit durable, all rules on. Beside it Postfix's before-queue proxy, which checks nothing
(`postfix`), and two that check and sign: Postfix with rspamd (`postfix+rspamd`) and Haraka (`haraka`); who cannot be
had is left out, with a word. What each needs to count and sign is counted with it: its Redis, too.

All relay to one sink, which drops all mail; generator, relay and sink share the machine's cores. Each case is run in
turns (A, B, C, A, B, C ...) after a warm-up of each, each run for about the same time; the table holds medians over
the runs, and of the ratios those of single turns, with the least and the most. Only ratios taken in one run and CPU
seconds mean anything on another machine. Everything that was accepted is counted at the sink; the exit status is 1
when a message was refused, lost or doubled. With AUTH only Postern authenticates; the others then stand for the same
work without. A case names its class of mail, `personal` or `bulk`.
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
from typing import Any

from tests.bench import gateways, peers, ratios, relays
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
RELAYS = ("postern", "postern+dkim", "postfix", "postfix+rspamd", "haraka")
QUICK_RELAYS = RELAYS[:3]


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench", description="Postern beside its peers.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter: within three minutes (or QUICK=1)")
    parser.add_argument("--relays", help=f"of {','.join(RELAYS)} (quick: {','.join(QUICK_RELAYS)})")
    parser.add_argument("--rows", type=int, help="consents in the registry (quick 50,000, else 10,000,000; or ROWS=)")
    parser.add_argument("--runs", type=int, help="turns per case (quick 3, else 5)")
    parser.add_argument("--seconds", type=float, help="what a run is to take, about (quick 0.7, else 4)")
    parser.add_argument("--case", action="append", type=Case.parse, help="class:bytes:sessions:per_connection[:auth]")
    parser.add_argument("--command", help="measure this command as well; {port} and {next_hop} are put in")
    parser.add_argument("--workers", type=int, default=2, help="processes of Postern that serve SMTP; 0: the one")
    parser.add_argument("--program", type=Path, default=Path(sys.executable).parent / "postern")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench", help="programs and results go here")
    chosen = parser.parse_args()
    chosen.quick = chosen.quick or os.environ.get("QUICK", "") not in ("", "0")
    chosen.runs = chosen.runs or (3 if chosen.quick else 5)
    chosen.seconds = chosen.seconds or (0.7 if chosen.quick else 4.0)
    if chosen.rows is None:
        chosen.rows = int(os.environ.get("ROWS") or (50_000 if chosen.quick else 10_000_000))
    chosen.relays = chosen.relays.split(",") if chosen.relays else (QUICK_RELAYS if chosen.quick else RELAYS)
    if unknown := set(chosen.relays) - set(RELAYS):
        parser.error(f"--relays: no relay {min(unknown)!r}; there are {', '.join(RELAYS)}")
    chosen.out = chosen.out.resolve()
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
        "load": round(os.getloadavg()[0], 1),
        "kernel": platform.release(),
        "python": f"{platform.python_version()} ({', '.join(platform.python_build())})",
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
    """`runs` rounds, each one run of every contestant, after a warm-up that also sets their numbers of messages."""
    seed = 0

    def one(relay: relays.Relay, messages: int) -> Run:
        nonlocal seed
        seed += 1  # no two runs send the same messages
        return meter.run(case, messages, seed, relay=relay.name, port=relay.port, pids=relay.pids(), auth=relay.auth)

    warm = max(case.sessions * 5, 200 if case.size < 100_000 else 100)
    numbers = [max(int(one(relay, warm).rate * seconds), warm) for relay in contestants]
    return [[one(*each) for each in zip(contestants, numbers, strict=True)] for _ in range(runs)]


def contestants_of(chosen: argparse.Namespace, stack: ExitStack, folder: Path, next_hop: int) -> list[relays.Relay]:
    """What is to be measured, Postern first; who cannot run is left out, with a word."""
    found: list[relays.Relay] = []
    if chosen.command:
        found.append(relays.start_command(stack, chosen.command, folder, next_hop))
    ours = [name for name in chosen.relays if name.startswith("postern")]
    data = gateways.registry(chosen.program, chosen.out, chosen.rows) if ours else folder
    for name in ours:
        signing = name == "postern+dkim"
        found.append(
            gateways.start_postern(
                stack, chosen.program, folder / name, next_hop, chosen.workers, data=data, signing=signing
            )
        )
    if wanted(chosen, "postfix", postfix.missing()):
        found.append(relays.start_postfix(stack, next_hop))
    if "postfix+rspamd" in chosen.relays and wanted(chosen, "postfix+rspamd", peers.missing_rspamd()):
        found.append(peers.start_rspamd(stack, folder / "rspamd", next_hop))
    if "haraka" in chosen.relays and wanted(chosen, "haraka", peers.install_haraka(chosen.out)):
        found.append(peers.start_haraka(stack, folder / "haraka", chosen.out, next_hop))
    return found


def wanted(chosen: argparse.Namespace, name: str, reason: str) -> bool:
    """Whether a peer is to be started; says why not where it cannot."""
    if name in chosen.relays and reason:
        print(f"without {name}: {reason}", file=sys.stderr)
    return name in chosen.relays and not reason


def main() -> int:
    """Measure, print, write; the exit status."""
    chosen = options()
    load, sink = relays.build(chosen.out)
    results = list[tuple[Case, list[list[Run]]]]()
    lines, compared = [ratios.TITLES], [ratios.RATIO_TITLES]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postern-bench-")))
        next_hop, counter = relays.start_sink(stack, sink, folder)
        contestants = contestants_of(chosen, stack, folder, next_hop)
        authenticating = frozenset(relay.name for relay in contestants if relay.auth)
        for case in chosen.case or (QUICK if chosen.quick else FULL):
            rounds = take_turns(Meter(load, counter), case, contestants, chosen.runs, chosen.seconds)
            results.append((case, rounds))
            lines += ratios.rows(case, rounds, authenticating)
            compared += ratios.ratio_rows(case, rounds)
            print(f"measured: {case}", file=sys.stderr, flush=True)
    when, where = datetime.now(UTC), machine()
    head = f"{when:%Y-%m-%d %H:%M} UTC, {where['cpu']}, {where['cores']} cores, load {where['load']}"
    if not any(name.startswith("postern") for name in chosen.relays):
        chosen.rows = 0
    print(f"\n{head}; {chosen.rows:,} consents; medians of {chosen.runs} turns\n")
    print(ratios.shown(lines))
    print(f"\nRatios of single turns\n\n{ratios.shown(compared)}")
    path = chosen.out / f"{when:%Y%m%dT%H%M%SZ}.json"
    found = [
        {"case": asdict(case), "rounds": [[asdict(run) for run in turn] for turn in rounds]} for case, rounds in results
    ]
    written = {"date": when.isoformat(), "machine": where, "rows": chosen.rows, "results": found}
    path.write_text(json.dumps(written, indent=1) + "\n")
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
