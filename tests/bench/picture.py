"""Draw what `make bench` has written.

python -m tests.bench.picture RESULTS.json PICTURE.svg
"""

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

mpl.rcParams["svg.hashsalt"] = "postern"
COLOURS = {
    "postern": "tab:blue",
    "postern+dkim": "tab:cyan",
    "postfix": "tab:grey",
    "postfix+rspamd": "tab:orange",
    "haraka": "tab:red",
}


def label(case: dict[str, Any]) -> str:
    """A case in a few words, its class of mail first."""
    size = f"{case['size'] // 1000} KB"
    per = ", 1 per\nconnection" if case["per_connection"] == 1 else ""
    sessions = f", {case['sessions']}\nsession{'s' * (case['sessions'] > 1)}" if case["sessions"] != 20 else ""
    return f"{case['kind']}\n{size}{', AUTH' * case['auth']}{per}{sessions}"


def draw(results: Path, picture: Path) -> None:
    """Messages a second and CPU of each relay, case by case; thin lines from the least run to the most."""
    found = json.loads(results.read_text())
    cases = [each["case"] for each in found["results"]]
    figure, axes = plt.subplots(2, 1, figsize=(1.4 + 1.15 * len(cases), 7), sharex=True, layout="constrained")
    names = [run["relay"] for run in found["results"][0]["rounds"][0]]
    width = 0.85 / len(names)
    for number, name in enumerate(names):
        at = [place + (number - (len(names) - 1) / 2) * width for place in range(len(cases))]
        runs = [[turn[number] for turn in each["rounds"]] for each in found["results"]]
        for axis, key in zip(axes, ("rate", "cpu"), strict=True):
            values = [[run[key] for run in of] for of in runs]
            middle = [median(each) for each in values]
            spread = [
                [value - min(each) for value, each in zip(middle, values, strict=True)],
                [max(each) - value for value, each in zip(middle, values, strict=True)],
            ]
            axis.bar(at, middle, width, yerr=spread, label=name, color=COLOURS.get(name), error_kw={"linewidth": 0.6})
    for axis in axes:
        axis.set_yscale("log")
        axis.grid(axis="y", alpha=0.3)
    axes[0].set_ylabel("messages/s")
    axes[1].set_ylabel("CPU s per 1,000 messages")
    axes[1].set_xticks(range(len(cases)), [label(case) for case in cases], fontsize=8)
    axes[0].legend(ncols=len(names), fontsize=8)
    where = found["machine"]
    axes[0].set_title(f"{where['cpu']}, {where['cores']} cores; {found['rows']:,} consents", fontsize=9)
    figure.savefig(picture, metadata={"Date": None} if picture.suffix == ".svg" else None)


if __name__ == "__main__":
    draw(*map(Path, sys.argv[1:3]))
