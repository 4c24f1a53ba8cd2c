"""Draw what `make soak` has written: rate and memory over time, with the faults marked.

python -m tests.bench.soak_picture RESULTS.json PICTURE.svg
"""

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

mpl.rcParams["svg.hashsalt"] = "postern"
COLOURS = {
    "killed": ("tab:red", "second node killed"),
    "stalled": ("tab:orange", "next hop stalled"),
    "cut": ("tab:brown", "stalled, then cut off"),
    "later": ("gold", "next hop answers 451"),
    "redis": ("tab:purple", "Redis killed"),
    "redis-forgot": ("tab:pink", "Redis killed, forgot"),
}
PROGRAMS = {
    "node 1": "tab:blue", "node 2": "tab:cyan", "redis": "tab:purple", "postgresql": "tab:green", "next hop": "silver",
    "clients": "grey",
}  # fmt: skip
RATES = {
    "taken": "taken", "refused": "refused, as they must be", "held": "tries held back by a limit",
    "put_off": "tries put off, or no reply",
}  # fmt: skip
SHORTEST = 0.1
"""Minutes: how wide a fault is drawn at least."""


def draw(results: Path, picture: Path) -> None:
    """Rates, latencies and memory, one above the other."""
    found = json.loads(results.read_text())
    figure, (rates, times, memory) = plt.subplots(3, 1, figsize=(11, 8.5), sharex=True, layout="constrained")
    minutes = [each["minute"] for each in found["series"]]
    for name, label in RATES.items():
        rates.plot(minutes, [each[name] for each in found["series"]], label=label)
    rates.set_ylabel("messages/s")
    for name in ("p50_ms", "p99_ms"):
        times.plot(minutes, [each[name] for each in found["series"]], label=name.removesuffix("_ms"))
    times.set_ylabel("ms, of those taken at once")
    times.set_yscale("log")
    for name, colour in PROGRAMS.items():
        seen = [
            ((each["at"] - found["begun"]) / 60, each["programs"][name]["pss_mb"])
            for each in found["samples"]
            if name in each["programs"]
        ]
        memory.plot(*zip(*seen, strict=True), label=name, color=colour, marker=".", markersize=3)
    memory.set_ylabel("memory (PSS), MB")
    memory.set_ylim(bottom=0)
    memory.set_xlabel("minutes")
    marked = set[str]()
    for fault in found["faults"]:
        begun, ended = ((fault[each] - found["begun"]) / 60 for each in ("begun", "ended"))
        colour, label = COLOURS[fault["name"]]
        for axis in (rates, times, memory):
            new = axis is rates and label not in marked
            axis.axvspan(
                begun, max(ended, begun + SHORTEST), color=colour, alpha=0.3, lw=0, label=label if new else None
            )
        marked.add(label)
    for axis in (rates, times, memory):
        axis.grid(axis="y", alpha=0.3)
        axis.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    where = found["machine"]
    rates.set_title(f"{where['cpu']}, {where['cores']} cores; {found['rate']:.0f} messages/s offered", fontsize=9)
    figure.savefig(picture, metadata={"Date": None} if picture.suffix == ".svg" else None)


if __name__ == "__main__":
    draw(*map(Path, sys.argv[1:3]))
