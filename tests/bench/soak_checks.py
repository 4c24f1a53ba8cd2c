"""What became of each message of `make soak`, and whether it is what had to: pure functions of what was written down.

A message is told taken by an attempt's 250, and delivered by an arrival at the sink. Both stand in the audit by the
reference. What is not as in a calm hour must have a fault in its time: a window in which something was killed, stalled
or away.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from tests.bench.soak_mail import ROOM

IN_FORCE = 5.0
"""Seconds within which a withdrawal holds on every node (design.md section 6)."""
GRACE = 20.0
"""Seconds after a fault in which mail may still be put off because of it: nodes look again every five, clients wait."""
CLOCKS = 0.5
"""Seconds between two looks at one event from two processes, at most."""
HELD = "450 4.7.0"
"""What a limit answers."""
WINDOW = 60.0
"""Seconds of the limit."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was done to the installation."""

    name: str
    """`killed` (the second node), `stalled`, `cut`, `later` (the next hop), `redis` or `redis-forgot`."""
    begun: float
    ended: float


@dataclass(frozen=True, slots=True)
class Record:
    """What the audit says of a reference that was decided to be accepted."""

    node: int
    at: float
    outcome: str


@dataclass(slots=True)
class Found:
    """What came of the whole."""

    counts: Counter[str] = field(default_factory=Counter)
    doubles: Counter[str] = field(default_factory=Counter)
    """By what explains them."""
    put_off: Counter[str] = field(default_factory=Counter)
    """Replies 4xx and none, by fault."""
    latest: dict[str, float] = field(default_factory=dict)
    """Seconds from a fault's end to the last such reply, under the same names."""
    wrong: dict[str, list[str]] = field(default_factory=dict)
    """What must not be: what, and the first cases."""
    allowed: Counter[str] = field(default_factory=Counter)
    """What may be while something is away, and was."""
    complaints: Counter[str] = field(default_factory=Counter)
    """What the nodes' logs warn of."""
    wrong_counts: Counter[str] = field(default_factory=Counter)

    def told(self) -> dict[str, dict[str, Any]]:
        """All of it, for JSON."""
        return {each.name: dict(getattr(self, each.name)) for each in fields(self)}

    def broken(self, what: str, case: str) -> None:
        """Note what must not be."""
        self.wrong_counts[what] += 1
        cases = self.wrong.setdefault(what, [])
        if len(cases) < 10:
            cases.append(case)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one message, as far as it concerns one recipient."""

    node: int
    begun: float
    ended: float
    said: str


Unit = tuple[int, str]
"""A message and a recipient: what is delivered once."""


class Evidence:
    """What was written down, sorted by message and recipient."""

    def __init__(
        self, log: Iterable[dict[str, Any]], arrivals: Iterable[dict[str, Any]], audit: Mapping[str, Record],
        faults: Sequence[Fault],
    ) -> None:  # fmt: skip
        """`log` is the client's, `arrivals` the sink's, `audit` both nodes'."""
        self.audit, self.faults = audit, sorted(faults, key=lambda each: each.begun)
        self.tries: defaultdict[Unit, list[Attempt]] = defaultdict(list)
        self.kinds: dict[int, tuple[str, str, str]] = {}
        """Kind, customer, and the reply that is expected."""
        self.clicks: dict[tuple[str, str], tuple[float, float]] = {}
        self.waits: set[Unit] = set()
        self.arrived: defaultdict[Unit, list[tuple[float, str]]] = defaultdict(list)
        for line in log:
            self._take(line)
        for line in arrivals:
            for each in line["to"]:
                self.arrived[line["id"], each].append((line["at"], line["ref"]))

    def _take(self, line: dict[str, Any]) -> None:
        if "click" in line:
            self.clicks[line["customer"], line["click"]] = (line["begun"], line["ended"])
        elif "waits" in line:
            self.waits.update((line["waits"], each) for each in line["to"])
        else:
            self.kinds[line["id"]] = (line["kind"], line["customer"], line["expected"])
            for each, said in zip(line["to"], line["said"], strict=True):
                attempt = Attempt(line["node"], line["begun"], line["ended"], said)
                self.tries[line["id"], each].append(attempt)

    def during(self, begun: float, ended: float, *names: str, grace: float = 0.0) -> Fault | None:
        """The last fault, of these names where any are given, that was in this span of time."""
        for fault in reversed(self.faults):
            if (not names or fault.name in names) and fault.begun - CLOCKS <= ended and begun <= fault.ended + grace:
                return fault
        return None


def judged(evidence: Evidence) -> Found:
    """Each recipient of each message."""
    found = Found()
    found.counts["messages"] = len(evidence.kinds)
    for unit, tries in evidence.tries.items():
        _told(evidence, unit, tries, found)
        for each in tries[:-1]:
            _put_off(evidence, unit, each, found)
    for unit, arrivals in evidence.arrived.items():
        _arrived(evidence, unit, sorted(arrivals), found)
    return found


def _told(evidence: Evidence, unit: Unit, tries: list[Attempt], found: Found) -> None:
    """What the client was told in the end."""
    last, case = tries[-1], f"{unit[0]} {evidence.kinds[unit[0]][0]}: {tries[-1].said[:150]}"
    if last.said.startswith("250"):
        found.counts["taken"] += 1
        if unit not in evidence.arrived:
            found.broken("lost", case)
        if reference_of(last.said) not in evidence.audit:
            found.broken("taken without a record", case)
        found.counts["repeats answered"] += "Accepted already" in last.said
        if wrong := _must_not_pass(evidence, unit, last):
            found.broken("passed", f"{case}: {wrong}")
    elif last.said.startswith("5"):
        found.counts["refused"] += 1
        if not _may_be_refused(evidence, unit, last):
            found.broken("refused", case)
    elif unit in evidence.waits and evidence.kinds[unit[0]][0] == "capped":
        found.counts["held back by the limit at the end"] += 1
    else:
        found.broken("never answered", case)


def _must_not_pass(evidence: Evidence, unit: Unit, last: Attempt) -> str:
    """Why the recipient should have been refused; empty when it should not."""
    kind, customer, expected = evidence.kinds[unit[0]]
    clicked = evidence.clicks.get((customer, unit[1]))
    if expected:
        return f"should be {expected}"
    if kind == "bulk" and unit[1].startswith("stranger"):
        return "has no ground"
    if kind == "bulk" and clicked and last.begun > clicked[1] + IN_FORCE:
        return f"unsubscribed {last.begun - clicked[1]:.1f} s before"
    return ""


def _may_be_refused(evidence: Evidence, unit: Unit, last: Attempt) -> bool:
    """Whether it is of those who have no ground, or a rule is to refuse it with just that reply."""
    kind, customer, expected = evidence.kinds[unit[0]]
    if expected:
        return last.said.startswith(expected)
    clicked = evidence.clicks.get((customer, unit[1]))
    left = clicked is not None and clicked[0] <= last.ended
    return kind == "bulk" and last.said.startswith("550 5.7.1") and (unit[1].startswith("stranger") or left)


def _put_off(evidence: Evidence, unit: Unit, attempt: Attempt, found: Found) -> None:
    """A reply 4xx, or none."""
    kind, customer, _ = evidence.kinds[unit[0]]
    if attempt.said.startswith("250"):
        return
    said = attempt.said.partition("; ")[0][:60] or "no reply"
    if kind == "capped" and attempt.said.startswith(HELD):
        found.put_off["by the limit"] += 1
    elif kind == "bulk" and attempt.said.startswith("451 4.7.1"):
        found.put_off["unsubscribed meanwhile"] += 1
    elif fault := evidence.during(attempt.begun, attempt.ended, *_causes(said), grace=GRACE):
        found.put_off[f"{fault.name}: {said}"] += 1
        found.latest[f"{fault.name}: {said}"] = max(
            found.latest.get(f"{fault.name}: {said}", 0.0), attempt.ended - fault.ended
        )
    else:
        found.broken("put off without a fault", f"{unit[0]} {kind} {customer} at {attempt.begun:.1f}: {attempt.said}")


def _causes(said: str) -> tuple[str, ...]:
    """The faults that such a reply may come of. While Redis is away each process counts alone, and has a share of what
    near-identical mail may reach: mail to more than that waits, also where it is like no other."""
    if said.startswith("450 4.7.28"):
        return ("redis", "redis-forgot")
    if said.startswith("451 4.4.2"):
        return ("stalled", "cut")
    return ("killed", "stalled", "cut") if said == "no reply" else ("killed", "stalled", "cut", "later")


def _arrived(evidence: Evidence, unit: Unit, arrivals: list[tuple[float, str]], found: Found) -> None:
    """How often one recipient got one message, and why more than once."""
    kind = evidence.kinds.get(unit[0])
    if unit[0] == -1 and unit[1].startswith("postmaster@"):
        found.counts["told to postmasters by the gateway"] += len(arrivals)
        return
    found.counts["arrived"] += len(arrivals)
    if kind is None:
        found.broken("arrived unsent", f"{unit}")
        return
    if kind[2] or (kind[0] == "bulk" and unit[1].startswith("stranger")):
        found.broken("passed", f"{unit[0]} {kind[0]} arrived")
    last = evidence.tries[unit][-1].said
    told = reference_of(last) if last.startswith("250") else ""
    if told and told not in {reference for _, reference in arrivals}:
        found.broken("told another reference", f"{unit[0]}: {last}")
    extra = [each for each in arrivals if each[1] != told]
    for at, reference in extra if told else arrivals:
        why = _why(evidence, unit, at, reference)
        if why:
            found.doubles[why if told else f"{why}, then {last[:9] or 'no reply'}"] += 1
        else:
            found.broken("double", f"{unit[0]} {kind[0]} {reference} at {at:.1f}: {evidence.audit.get(reference)}")


def _why(evidence: Evidence, unit: Unit, at: float, reference: str) -> str:
    """What came between the next hop's 250 and ours; empty where that is not to be seen."""
    record = evidence.audit.get(reference)
    if record is None or record.outcome not in ("unknown", "accepted"):
        return ""
    for each in evidence.tries[unit]:
        if each.node != record.node or not each.begun - CLOCKS <= record.at <= each.ended + CLOCKS:
            continue
        if each.said[:1] not in ("", "4"):
            return ""
        # A node that was killed answers nobody from that instant on; whoever waited for it heard of it at once.
        for fault in evidence.faults:
            struck = fault.name == "killed" and record.node == 1 and abs(fault.begun - each.ended) < 2 * CLOCKS
            if struck and not each.said:
                return "killed while stalled" if evidence.during(record.at, at, "stalled", "cut") else "killed"
        if evidence.during(record.at, max(at, each.ended), "stalled", "cut"):
            return "next hop stalled"
    return ""


def reference_of(said: str) -> str:
    """Of a reply; empty where it has none."""
    return said.partition("; ref ")[2][:26]


def over_limit(evidence: Evidence, cap: int, processes: int, since: float) -> Iterator[tuple[str, int, int]]:
    """Of the fullest minutes, from a minute after `since`, of the customer with the limit: what was away then (`calm` for
    nothing), how many passed, and how many may. While Redis is away, or after it has forgotten, that is more than the cap (`gateway.ledger.alone`)."""
    times = sorted(
        at
        for unit, arrivals in evidence.arrived.items()
        if unit[0] in evidence.kinds and evidence.kinds[unit[0]][0] == "capped"
        for at, _ in arrivals
        if at >= since + WINDOW
    )
    most: Counter[str] = Counter()
    for number, begun in enumerate(times):
        # Reserved at RCPT and settled at the next hop's 250, which the sink writes down a moment sooner.
        count = bisect_left(times, begun + WINDOW - CLOCKS) - number
        fault = evidence.during(begun, begun + WINDOW, "redis", "redis-forgot", grace=WINDOW) or evidence.during(
            begun, begun + WINDOW, "killed", "stalled", "cut", grace=WINDOW
        )
        name = fault.name if fault else "calm"
        most[name] = max(most[name], count)
    for name, count in most.items():
        yield (
            name,
            count,
            cap if name in ("calm", "later") else int(cap * (2 - 1 / processes)) + cap * (name == "redis-forgot"),
        )


def cap_for(rate: float, share: float) -> int:
    """The limit, in messages a minute, for so many of all a second."""
    return max(2, int(rate * share * 60 * ROOM))
