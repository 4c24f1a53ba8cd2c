"""What the runs come to: the table, and Postern's ratios to each peer beside their goals. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.measure import Case, Run

TITLES: tuple[str, ...] = (
    *("class", "bytes", "sessions", "per conn", "auth", "relay", "msg/s", "least-most"),
    *("CPU s/1000", "p50 ms", "p99 ms", "PSS MB", "errors", "lost/extra"),
)
RATIO_TITLES: tuple[str, ...] = (
    *("class", "bytes", "sessions", "per conn", "auth", "pair", "rate", "least-most", "CPU", "least-most"),
    *("goal", "floor", ""),
)
PAIRS = (("postern", "postfix"), ("postern+dkim", "postfix+rspamd"), ("postern+dkim", "haraka"))
"""Who is set against whom: what both do is the same kind of work, or Postern does more."""
Rounds = Sequence[Sequence[Run]]
"""Turns, each with a run of every relay."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """Postern's rate and CPU over a peer's, of each turn."""

    ours: str
    theirs: str
    rates: tuple[float, ...]
    cpus: tuple[float, ...]

    @property
    def rate(self) -> float:
        """The median."""
        return median(self.rates)

    @property
    def cpu(self) -> float:
        """The median."""
        return median(self.cpus)


def goal(case: Case, ours: str, theirs: str) -> tuple[float, float] | None:
    """The ratio of rates to be reached, and the least; None where there is no goal."""
    if case.sessions != 20:
        return None
    if case.per_connection == 1:
        return (1.5, 1.0) if ours == "postern" and case.size == 2000 else None
    if ours == "postern":
        return (3.0, 1.5) if case.size == 2000 else None
    if case.size == 2000:
        return (7.0, 5.0) if theirs == "postfix+rspamd" else (6.0, 4.0)
    return (6.0, 4.0)


def ratios(rounds: Rounds) -> Iterator[Ratio]:
    """Those of each pair whose members both ran. A run in which nothing passed has no ratio."""
    for ours, theirs in PAIRS:
        found = []
        for turn in rounds:
            runs = {run.relay: run for run in turn}
            if ours in runs and theirs in runs and runs[theirs].rate and runs[theirs].cpu:
                found.append((runs[ours].rate / runs[theirs].rate, runs[ours].cpu / runs[theirs].cpu))
        if found:
            yield Ratio(ours, theirs, tuple(rate for rate, _ in found), tuple(cpu for _, cpu in found))


def _case(case: Case, auth: bool) -> tuple[str, ...]:
    per = str(case.per_connection or "all")
    return (case.kind, str(case.size), str(case.sessions), per, "yes" if auth else "no")


def _spread(values: Sequence[float], form: str) -> str:
    """`least-most`."""
    return f"{min(values):{form}}-{max(values):{form}}"


def rows(case: Case, rounds: Rounds, authenticating: frozenset[str]) -> Iterator[tuple[str, ...]]:
    """The case's lines of the table, one for each relay; of `authenticating` those that can."""
    for number, name in enumerate(run.relay for run in rounds[0]):
        runs = [turn[number] for turn in rounds]
        rates = [run.rate for run in runs]
        yield (
            *_case(case, case.auth and name in authenticating),
            name,
            f"{median(rates):.0f}",
            _spread(rates, ".0f"),
            f"{median(run.cpu for run in runs):.3f}",
            f"{median(run.p50_ms for run in runs):.2f}",
            f"{median(run.p99_ms for run in runs):.2f}",
            f"{max(run.pss_mb for run in runs):.0f}",
            str(sum(run.errors for run in runs)),
            str(sum(run.arrived for run in runs)),
        )


def ratio_rows(case: Case, rounds: Rounds) -> Iterator[tuple[str, ...]]:
    """The case's lines of the table of ratios, one for each pair."""
    for each in ratios(rounds):
        aim = goal(case, each.ours, each.theirs)
        verdict = "" if aim is None else "met" if each.rate >= aim[0] else "floor" if each.rate >= aim[1] else "missed"
        yield (
            *_case(case, case.auth),
            f"{each.ours} / {each.theirs}",
            f"{each.rate:.2f}",
            _spread(each.rates, ".2f"),
            f"{each.cpu:.2f}",
            _spread(each.cpus, ".2f"),
            *(("", "") if aim is None else (f"{aim[0]:g}", f"{aim[1]:g}")),
            verdict,
        )


def shown(lines: Sequence[tuple[str, ...]]) -> str:
    """A table, its columns to the right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
