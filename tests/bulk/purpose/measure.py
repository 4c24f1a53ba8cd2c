"""How well promotion is told from transactional mail, on one half of the labelled set and on other mail.

    python -m tests.bulk.purpose.measure choose|prove [--wrong]

The bounds and words of filters/promotion.py and filters/selling.py were chosen on the half `choose`. With `--wrong` it
names what is mistaken.
"""

import sys
from collections import Counter

from tabulate import tabulate

from filters.message import Message
from filters.promotion import promotion
from tests.bulk.purpose.samples import samples


def figures(half: str) -> tuple[Counter[str], list[str]]:
    """How many are right and wrong, and what is said of the wrong ones."""
    found: Counter[str] = Counter()
    wrong: list[str] = []
    for each in samples(half):
        said = promotion(Message(each.raw))
        found[f"{'promotional' if each.promotional else 'transactional'} {'found' if said else 'passed'}"] += 1
        if each.promotional is not (said is not None):
            wrong.append(f"{each.id}: {said.evidence if said else 'passed'}")
    return found, wrong


def main(half: str, *, tell: bool) -> int:
    """Print the figures; the exit status is 1 if transactional mail was taken for promotion."""
    found, wrong = figures(half)
    caught, missed = found["promotional found"], found["promotional passed"]
    mistaken, passed = found["transactional found"], found["transactional passed"]
    rows = [
        ["promotional", caught + missed, caught, f"recall {caught / (caught + missed):.1%}"],
        ["transactional", mistaken + passed, mistaken, f"precision {caught / max(1, caught + mistaken):.1%}"],
    ]
    print(tabulate(rows, ["mail", "messages", "taken for promotion", ""], "github"))
    if tell:
        print("\n".join(wrong))
    return 1 if mistaken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], tell="--wrong" in sys.argv))
