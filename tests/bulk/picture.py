"""Draw what `measure --sweep --json` found on both halves.

python -m tests.bulk.picture CHOOSE.json PROVE.json PICTURE.svg
"""

import json
import sys
from pathlib import Path

import matplotlib as mpl

from gateway.ledger.clusters import LIKENESS

mpl.use("Agg")
from matplotlib import pyplot as plt

mpl.rcParams["svg.hashsalt"] = "postern"


def draw(choose: Path, prove: Path, picture: Path) -> None:
    """Recall and wrongly joined one-to-one mail over the threshold; what is not drawn at 0 is 0."""
    figure, axes = plt.subplots(2, 1, figsize=(7, 6), sharex=True, layout="constrained")
    for path, style, name in ((choose, "o--", "half for choosing"), (prove, "s-", "the other half")):
        points = json.loads(path.read_text())["curve"]
        alike = [each[0] for each in points]
        axes[0].plot(alike, [100 * each[1] for each in points], style, label=name, markersize=4)
        axes[1].plot(alike, [100 * each[2] for each in points], style, label=name, markersize=4)
    for axis in axes:
        axis.axvline(LIKENESS.alike, color="grey", linewidth=0.8)
        axis.grid(alpha=0.3)
    axes[0].axhline(99.5, color="green", linewidth=0.8, linestyle=":")
    axes[1].axhline(0.1, color="green", linewidth=0.8, linestyle=":")
    axes[0].set_ylabel("merges in their cluster\nfrom the 20th on, %")
    axes[1].set_ylabel("one-to-one mail\nin a wrong cluster, %")
    axes[1].set_xlabel("share of features in common (alike); grey: as shipped, green: goal")
    axes[0].legend()
    figure.savefig(picture, metadata={"Date": None} if picture.suffix == ".svg" else None)


if __name__ == "__main__":
    draw(*map(Path, sys.argv[1:4]))
