"""Draw what `make growth` has written: a line for each thing that grows.

python -m tests.bench.growth_picture RESULTS.json ... PICTURE.svg

Of several results the last has each dimension.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

from tests.bench.growth import DIMENSIONS

mpl.rcParams["svg.hashsalt"] = "postern"


def draw(results: Sequence[Path], picture: Path) -> None:
    """CPU of a message over each thing that grows, thin lines from the least run to the most; and its p50 and p99."""
    found: dict[str, Any] = {}
    where: dict[str, Any] = {}
    for path in results:
        read = json.loads(path.read_text())
        found |= read["results"]
        where = read["machine"]
    names = [name for name in DIMENSIONS if name in found]
    figure, grid = plt.subplots(2, 3, figsize=(11, 6.5), sharey=True, layout="constrained")
    for name, axis in zip(names, grid.flat, strict=False):
        points = [each["point"] for each in found[name]]
        cpus = [[run["cpu"] for run in each["runs"]] for each in found[name]]
        middle = [median(each) for each in cpus]
        spread = [
            [value - min(each) for value, each in zip(middle, cpus, strict=True)],
            [max(each) - value for value, each in zip(middle, cpus, strict=True)],
        ]
        axis.errorbar(points, middle, yerr=spread, marker="o", color="tab:blue", elinewidth=0.6, label="CPU ms")
        for key, style in (("p50_ms", ":"), ("p99_ms", "--")):
            late = [median(run[key] for run in each["runs"]) for each in found[name]]
            axis.plot(points, late, style, color="tab:grey", linewidth=0.8, label=key.replace("_", ", "))
        axis.set_xscale("symlog" if 0 in points else "log")
        axis.set_yscale("log")
        axis.set_xlabel(DIMENSIONS[name].title)
        axis.grid(alpha=0.3)
    for axis in list(grid.flat)[len(names) :]:
        axis.set_visible(False)
    for axis in grid[:, 0]:
        axis.set_ylabel("ms of a message")
    grid.flat[0].legend(fontsize=8)
    figure.suptitle(f"{where['cpu']}, {where['cores']} cores", fontsize=9)
    figure.savefig(picture, metadata={"Date": None} if picture.suffix == ".svg" else None)


if __name__ == "__main__":
    *given, to = map(Path, sys.argv[1:])
    draw(given, to)
