"""CPU for 1,000 messages on several nodes, beside one node with all of the sessions and one with a node's part."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.fleet_load import SESSIONS, Bench, said
from tests.bench.measure import Case, cpu_by_process
from tests.rig.processes import RigError

GROWTH = 1.10
"""What a message may cost on several nodes, of what it costs on one."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One turn; CPU in seconds for 1,000 messages, and the nodes' calls of write(2) for one."""

    rate: float
    nodes: float
    shared: dict[str, float]
    writes: float
    """Whatever else the machine does: replies, round trips and the audit's groups, and so how often a node woke."""
    p50_ms: float


def cost(bench: Bench) -> bool:
    """What a message costs on several nodes, beside one node with all of the sessions and one with a node's part."""
    well, seed = True, 1000
    for kind in bench.chosen.kinds:
        places = [(size, SESSIONS // size) for size in bench.fleet.fronts]
        places += [(places[0][0], each) for size, each in places[1:]]

        def turn(place: tuple[int, int], messages: int, kind: str = kind) -> Cost:
            nonlocal seed
            seed += 1
            return one_turn(bench, Case(kind, 2000, place[0] * place[1], 0), place[0], messages, seed)

        numbers = {place: max(200, int(turn(place, 200).rate * bench.chosen.seconds)) for place in places}
        turns = {place: list[Cost]() for place in places}
        for _ in range(bench.chosen.turns):
            for place, messages in numbers.items():
                turns[place].append(turn(place, messages))
        results = [compared(bench, kind, place, turns) for place in places]
        well &= all(results)
    before, begun = cpu(bench), time.monotonic()
    time.sleep(3 * bench.chosen.seconds)
    idle = {name: (spent - before[name]) / (time.monotonic() - begun) * 1000 for name, spent in cpu(bench).items()}
    shown = ", ".join(f"{name} {spent:.1f}" for name, spent in idle.items())
    return said(True, f"idle        {len(bench.fleet.nodes)} nodes: ms of CPU a second: {shown}") and well


def compared(bench: Bench, kind: str, place: tuple[int, int], turns: Mapping[tuple[int, int], Sequence[Cost]]) -> bool:
    """Print the medians of so many sessions on each of so many nodes; whether the nodes' CPU has not grown too much
    over that of the fewest nodes with as many sessions on each."""
    least, each = min(turns)[0], place[1]
    found, alike, all_of_it = turns[place], turns[least, each], turns[least, SESSIONS // least]
    grown = [cost.nodes / base.nodes for cost, base in zip(found, alike, strict=True)]
    spread = [cost.nodes / base.nodes for cost, base in zip(found, all_of_it, strict=True)]
    shared = ", ".join(f"{name} {median(turn.shared[name] for turn in found):.3f}" for name in bench.fleet.shared())
    return said(
        median(grown) <= GROWTH,
        f"cost        {kind}, {place[0]} nodes with {each} sessions: nodes {median(one.nodes for one in found):.3f} s "
        f"of CPU for 1,000, x {median(grown):.2f} ({min(grown):.2f} to {max(grown):.2f}) of {least} with {each}, "
        f"x {median(spread):.2f} ({min(spread):.2f} to {max(spread):.2f}) of {least} with {SESSIONS // least}; "
        f"{median(one.writes for one in found):.1f} writes a message; {shared}; "
        f"{median(one.rate for one in found):.0f} messages/s, p50 {median(one.p50_ms for one in found):.1f} ms",
    )


def cpu(bench: Bench, size: int | None = None) -> dict[str, float]:
    """CPU seconds spent so far: by the first nodes together, and by each part that is shared."""
    nodes = [node.process.pid for node in bench.fleet.nodes[:size]]
    return {name: sum(cpu_by_process(pids).values()) for name, pids in {"nodes": nodes, **bench.fleet.shared()}.items()}


def one_turn(bench: Bench, case: Case, size: int, messages: int, seed: int) -> Cost:
    """One run on so many nodes; raises RigError when a message was refused, lost or doubled."""
    before, wrote = cpu(bench, size), writes(bench, size)
    run = bench.meter.run(case, messages, seed, relay="fleet", port=bench.fleet.fronts[size], pids=[])
    if run.errors or run.arrived:
        raise RigError(f"{run.errors} errors, {run.arrived:+d} at the sink; first: {run.error}")
    spent = {name: (after - before[name]) / messages * 1000 for name, after in cpu(bench, size).items()}
    done = (writes(bench, size) - wrote) / messages
    return Cost(run.rate, spent.pop("nodes"), spent, done, run.p50_ms)


def writes(bench: Bench, size: int) -> int:
    """Calls of write(2) so far, of the first nodes together."""
    texts = [Path(f"/proc/{node.process.pid}/io").read_text() for node in bench.fleet.nodes[:size]]
    return sum(int(line.split()[1]) for text in texts for line in text.splitlines() if line.startswith("syscw:"))
