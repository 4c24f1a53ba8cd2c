"""What all rules together cost at worst: header blocks made to take long, at a quarter, half and all of what the edge takes.

    python -m tests.bench.worst [--rows N]

CPU milliseconds, the least of three runs, nothing remembered from the one before, full facts (tests/rig/full.py); the slowest of `SHAPES` first. The exit
status is 1 when one takes more than 150 ms.
"""

import argparse
import functools
import gc
import sys
from time import process_time
from typing import Any

from tabulate import tabulate

from filters.engine import bind, evaluate
from filters.message import Message
from tests.rig.full import POLICY, full_facts
from tests.rig.shapes import SHAPES

GOAL = 150.0
"""Milliseconds."""
SIZES = (64 * 1024, 128 * 1024, 255 * 1024)
"""Octets of the header block; the edge lets 256 KiB in."""


def milliseconds(header: bytes) -> float:
    """CPU time of one evaluation."""
    bound, facts, taken = bind(POLICY), full_facts(), []
    for _ in range(3):
        for each in _remembering():
            each.cache_clear()
        message = Message(header + b"\r\nbody\r\n")
        begun = process_time()
        evaluate(bound, message, facts, POLICY)
        taken.append((process_time() - begun) * 1000)
    return min(taken)


@functools.cache
def _remembering() -> "list[functools._lru_cache_wrapper[Any]]":
    """The functions that remember what they were asked of a message."""
    wrapper = functools._lru_cache_wrapper
    found = [each for each in gc.get_objects() if isinstance(each, wrapper)]
    ours = [each for each in found if each.__module__.startswith(("filters.", "consent."))]
    return [each for each in ours if each.cache_parameters()["maxsize"] is not None]


def main() -> int:
    """Measure each shape; the exit status."""
    parser = argparse.ArgumentParser(prog="worst", description="All rules on header blocks made to take long.")
    parser.add_argument("--rows", type=int, default=12, help="how many of the slowest are shown (12)")
    chosen = parser.parse_args()
    full_facts()
    taken = {name: [milliseconds(make(size)) for size in SIZES] for name, make in SHAPES.items()}
    slowest = sorted(taken, key=lambda name: -taken[name][-1])
    rows = [(name, *taken[name]) for name in slowest[: chosen.rows]]
    print(tabulate(rows, ("header block", "64 KiB: ms", "128 KiB", "255 KiB"), floatfmt=".1f"))
    return int(taken[slowest[0]][-1] > GOAL)


if __name__ == "__main__":
    sys.exit(main())
