"""Detection on the labelled set: which merges are in their cluster, and which one-to-one mail is in a wrong one.

    python -m tests.bulk.measure choose|prove [--sweep] [--json FILE]

`choose` is the half of the templates and threads on which thresholds were chosen, `prove` the other one, with firms,
disclaimers and macros of its own. Each half is four customers; each sends eight campaigns of 200 merges, 25 of each
kind of variation, among its staff's one-to-one mail and its receipts, all in one random order. With --pure each
campaign has merges of one kind only.

*In its cluster* is a merge from the 20th of its campaign on, when it is in the cluster that holds most of the
campaign. *Wrong* is a one-to-one message in a cluster with any message of another thread or a campaign; a receipt
belongs to its template.
"""

import argparse
import json
import random
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tabulate import tabulate

from filters.fingerprint import Fingerprint, fingerprint
from filters.message import Message
from gateway.ledger.clusters import LIKENESS, Likeness
from gateway.ledger.clusters_memory import MemoryClusters
from tests.bulk.campaigns import KINDS, merged, receipts, templates
from tests.bulk.letters import Firm, letters

LANGUAGES = ("en", "en", "de", "fr")
MERGES = 200
LETTERS = 1300
"""One-to-one messages of one customer: 5,200 in a half."""
RECEIPTS = 40
"""Of each transactional text."""
BY = 20
"""The merge by which a campaign's cluster must be there."""
KEY = b"the measurement's"


@dataclass(frozen=True)
class Sent:
    """One message and what it is."""

    group: str
    """What it belongs with: campaign, receipt or thread."""
    kind: str
    """A variation, `receipt` or `letter`."""
    fingerprint: Fingerprint


@dataclass
class Figures:
    """What came of a half."""

    merges: Counter[str] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)
    """Merges from the 20th on."""
    together: Counter[str] = field(default_factory=Counter)
    """Of those, in the campaign's cluster."""
    always: Counter[str] = field(default_factory=Counter)
    """Of all merges."""
    joined: Counter[str] = field(default_factory=Counter)
    """In a cluster of several messages."""
    right: Counter[str] = field(default_factory=Counter)
    """Of those, in one that holds mostly the same."""
    letters: int = 0
    wrong: int = 0
    wrong_in_bulk: int = 0
    """In a cluster that holds mostly a campaign."""
    receipts: int = 0
    receipts_together: int = 0
    receipts_wrong: int = 0
    clusters: int = 0

    @property
    def recall(self) -> float:
        """Of all kinds."""
        return self.together.total() / self.late.total()

    @property
    def wrongly(self) -> float:
        """Share of one-to-one messages in a wrong cluster."""
        return self.wrong / self.letters


def half(name: str, *, pure: bool = False) -> list[list[Sent]]:
    """The messages of each customer, in the order in which they are sent."""
    odd = name == "prove"
    texts = [each for at, each in enumerate(templates()) if at % 2 == odd]
    paid = [each for at, each in enumerate(receipts()) if at % 2 == odd]
    customers: list[list[Sent]] = []
    for at, language in enumerate(LANGUAGES):
        firm = Firm.of(name, at, language)
        sent: list[Sent] = []
        for place, template in enumerate(texts[at::4]):
            for number in range(MERGES):
                kind = KINDS[(place + at) % 8] if pure else KINDS[number % 8]
                raw = merged(template, kind, firm.name, number, 1)
                sent.append(Sent(template.id, kind, fingerprint(Message(raw), KEY)))
        for template in paid:
            for number in range(RECEIPTS):
                raw = merged(template, "merge", firm.name, number, 2)
                sent.append(Sent(f"{firm.name} {template.id}", "receipt", fingerprint(Message(raw), KEY)))
        for letter in letters(firm, LETTERS, 3):
            sent.append(Sent(letter.thread, "letter", fingerprint(Message(letter.raw), KEY)))
        random.Random(f"{name} {at}").shuffle(sent)
        customers.append(sent)
    return customers


def measured(customers: list[list[Sent]], likeness: Likeness) -> Figures:
    """Place them all, then see what lies together."""
    figures = Figures()
    for at, sent in enumerate(customers):
        time = [1_800_000_000.0]
        clusters = MemoryClusters(lambda time=time: time[0], likeness)  # type: ignore[misc]
        placed = []
        for number, each in enumerate(sent):
            time[0] += 30
            placed.append(clusters.put(f"customer-{at}", each.fingerprint, fresh=f"{number:x}").cluster)
        _count(figures, sent, placed)
    return figures


def _count(figures: Figures, sent: list[Sent], placed: list[str]) -> None:
    held: dict[str, Counter[str]] = defaultdict(Counter)
    where: dict[str, Counter[str]] = defaultdict(Counter)
    bulk: dict[str, bool] = {}
    for each, cluster in zip(sent, placed, strict=True):
        bulk[each.group] = each.kind not in ("letter", "receipt")
        if cluster:
            held[cluster][each.group] += 1
            where[each.group][cluster] += 1
    figures.clusters += sum(groups.total() > 1 for groups in held.values())
    seen: Counter[str] = Counter()
    for each, cluster in zip(sent, placed, strict=True):
        seen[each.group] += 1
        groups = held[cluster] if cluster else Counter[str]()
        several = groups.total() > 1
        mostly = max(groups, key=lambda group: (groups[group], group)) if several else ""
        main = where[each.group].most_common(1)
        together = bool(cluster) and main[0][0] == cluster and main[0][1] > 1
        if each.kind == "letter":
            figures.letters += 1
            if len(groups) > 1:
                figures.wrong += 1
                figures.wrong_in_bulk += bulk[mostly]
        elif each.kind == "receipt":
            figures.receipts += 1
            figures.receipts_together += together
            figures.receipts_wrong += several and mostly != each.group
        else:
            figures.merges[each.kind] += 1
            figures.always[each.kind] += together
            figures.joined[each.kind] += several
            figures.right[each.kind] += several and mostly == each.group
            if seen[each.group] >= BY:
                figures.late[each.kind] += 1
                figures.together[each.kind] += together


def table(figures: Figures) -> str:
    """By variation."""
    rows = [
        [
            kind,
            figures.merges[kind],
            *(
                f"{share:.2%}"
                for share in (
                    figures.together[kind] / figures.late[kind],
                    figures.always[kind] / figures.merges[kind],
                    figures.right[kind] / max(1, figures.joined[kind]),
                )
            ),
        ]
        for kind in KINDS
        if figures.merges[kind]
    ]
    rows.append(
        [
            "all",
            figures.merges.total(),
            f"{figures.recall:.2%}",
            f"{figures.always.total() / figures.merges.total():.2%}",
            f"{figures.right.total() / max(1, figures.joined.total()):.2%}",
        ]
    )
    return tabulate(rows, ["variation", "merges", f"recall from the {BY}th on", "recall of all", "precision"], "github")


def curve(customers: list[list[Sent]]) -> list[tuple[float, float, float]]:
    """(Threshold, recall, share of one-to-one mail that is wrong) for thresholds of likeness."""
    points = []
    for step in range(10, 100, 5):
        alike = step / 100
        likeness = LIKENESS._replace(alike=alike, not_unlike=min(alike, LIKENESS.not_unlike * alike / LIKENESS.alike))
        figures = measured(customers, likeness)
        points.append((alike, figures.recall, figures.wrongly))
    return points


def main(arguments: list[str]) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("half", choices=("choose", "prove"))
    parser.add_argument("--pure", action="store_true")
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    customers = half(asked.half, pure=asked.pure)
    figures = measured(customers, LIKENESS)
    print(table(figures))
    print(
        f"one-to-one: {figures.letters}, in a wrong cluster {figures.wrong} ({figures.wrongly:.3%}), of these in a campaign's {figures.wrong_in_bulk}"
    )
    print(
        f"receipts: {figures.receipts}, with their like {figures.receipts_together}, in a wrong cluster {figures.receipts_wrong}; clusters of several: {figures.clusters}"
    )
    points = curve(customers) if asked.sweep else []
    for point in points:
        print("{:.2f}  {:.4f}  {:.5f}".format(*point))
    if asked.json:
        asked.json.write_text(
            json.dumps({"half": asked.half, "pure": asked.pure, "curve": points, **vars(figures)}, indent=1)
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
