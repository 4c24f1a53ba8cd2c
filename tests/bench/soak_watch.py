"""What `make soak` sees of the processes and the disk while it runs, and how much of it grew."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

import psycopg

from tests.bench.measure import cpu_by_process, pss_mb


@dataclass(frozen=True, slots=True)
class Look:
    """One program at one time, all its processes together."""

    pss_mb: float
    files: int
    """Open file descriptors."""
    threads: int
    cpu: float
    """CPU seconds so far."""
    processes: int


@dataclass(frozen=True, slots=True)
class Sample:
    """Everything at one time."""

    at: float
    """Seconds since 1970."""
    programs: Mapping[str, Look]
    """By name; those that do not run are left out."""
    disk: Mapping[str, int]
    """Octets, by what they hold."""
    load: float


def look(root: int) -> Look:
    """A process and all its descendants."""
    spent = cpu_by_process([root])
    return Look(pss_mb(spent), _count(spent, "fd"), _count(spent, "task"), sum(spent.values()), len(spent))


def _count(pids: Iterable[int], what: str) -> int:
    total = 0
    for pid in pids:
        try:
            total += sum(1 for _ in Path(f"/proc/{pid}/{what}").iterdir())
        except OSError:  # it has just ended
            continue
    return total


def octets_in(folder: Path) -> int:
    """Of all files in it."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # it has just gone
            continue
    return total


def octets_of(url: str) -> int:
    """Of a database."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        return int(row[0]) if row else 0


def slope(points: Sequence[tuple[float, float]]) -> float:
    """What the second number gains for each of the first, by least squares; 0 for fewer than two."""
    if len(points) < 2:
        return 0.0
    middle, level = fmean(x for x, _ in points), fmean(y for _, y in points)
    spread = sum((x - middle) ** 2 for x, _ in points)
    return sum((x - middle) * (y - level) for x, y in points) / spread if spread else 0.0


def shift(values: Sequence[float]) -> float:
    """How far the median of the last third lies above that of the first."""
    third = max(1, len(values) // 3)
    return median(values[-third:]) - median(values[:third]) if values else 0.0
