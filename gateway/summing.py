"""Summing: the metrics of several processes as one, so that the node is scraped at one place. Pure.

Counters add up, and what a process that has ended had counted stays in the sum: it never falls. Gauges add up too, but
for those in `_GAUGES`, of which the worst is shown.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

Sample = tuple[str, dict[str, str], float]
"""Name, labels, value."""

_GAUGES: dict[str, Callable[[float, float], float]] = {
    "postern_healthy": min,
    "postern_rule_off": max,
    "postern_overloaded": max,
}
"""What is not a number of things. By name of the metric."""


class Family(msgspec.Struct, frozen=True, array_like=True):
    """One metric with all its samples."""

    name: str
    kind: str
    """`counter`, `gauge`, `histogram`, ..."""
    help: str
    samples: list[Sample]


def summed(processes: Iterable[Iterable[Family]]) -> list[Family]:
    """The metrics of all processes together, in the order in which they are met."""
    found: dict[str, tuple[Family, dict[tuple[str, frozenset[Any]], Sample]]] = {}
    for families in processes:
        for family in families:
            samples = found.setdefault(family.name, (family, {}))[1]
            for name, labels, value in family.samples:
                key = (name, frozenset(labels.items()))
                held = samples.get(key)
                samples[key] = (name, labels, value if held is None else _together(family.name, name)(held[2], value))
    return [Family(name, family.kind, family.help, list(samples.values())) for name, (family, samples) in found.items()]


def lasting(families: Iterable[Family]) -> list[Family]:
    """What stays true of a process that has ended: what it has counted."""
    return [family for family in families if family.kind in ("counter", "histogram", "summary")]


def _together(metric: str, sample: str) -> Callable[[float, float], float]:
    if sample.endswith("_created"):
        return min
    return _GAUGES.get(metric, float.__add__)
