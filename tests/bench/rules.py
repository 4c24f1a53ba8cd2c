"""What all rules together cost, as a multiple of the header split measured in the same run.

    python -m tests.bench.rules [--runs N] [--seconds S] [--json FILE]

Class personal, as smtpload makes it: text in English-like words, Subject, To and body different in every message, no
existing signature. The header split is `Message(raw).fields`; all rules are `evaluate` with every rule of RULES on,
from the raw bytes on, so the split is in it. Both are timed over the same messages, in turns; a turn gives one
quotient, and the table holds the medians, with the least and the most. Every message is a new object, as in the
gateway: nothing that one has found out serves another. The exit status is 1 when a goal is missed.
"""

import argparse
import gc
import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from tabulate import tabulate

from config.customers import Credential, Customer
from config.policy import Action, Policy
from consent.address import Address
from filters import RULES
from filters.engine import bind, evaluate
from filters.message import Message
from filters.model import Facts

GOALS = {2000: 14.0, 20_000: 20.0}
"""Octets of a message -> how many times the header split all rules may cost."""
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
POLICY = Policy(actions={rule.code: Action.REJECT for rule in RULES})
"""Every rule on, whatever its default."""
BATCH = 200
"""Different messages that are gone through in one turn."""


@dataclass(frozen=True)
class Result:
    """One size."""

    size: int
    split_us: float
    rules_us: float
    ratio: float
    least: float
    most: float
    goal: float


def personal(number: int, size: int) -> bytes:
    """A message as smtpload's class personal."""
    draw = random.Random(number)
    words = [
        "".join(draw.choice("bdfgklmnprstv") + draw.choice("aeiou") for _ in range(draw.randint(1, 4)))
        for _ in range(400)
    ]
    head = (
        f"Message-ID: <1.{number}@load.acme.example>\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n"
        f"From: Sender {number % 10} <sender{number % 10}@acme.example>\r\nTo: User {number} <user{number}@example.org>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n"
        f"Subject: {words[0]} {words[1]} {number}\r\n\r\n"
    )
    text = ""
    while len(head) + len(text) < size:
        text += " ".join(draw.choices(words, k=10)) + "\r\n"
    return (head + text)[: size - 2].encode() + b"\r\n"


def timed(work: Callable[[bytes], object], messages: Sequence[bytes]) -> float:
    """CPU seconds of one pass over the messages."""
    begun = process_time()
    for raw in messages:
        work(raw)
    return process_time() - begun


def measured(size: int, runs: int, seconds: float) -> Result:
    """Turns of both over the same messages, until `seconds` have passed and at least `runs` are done."""
    messages = [personal(number, size) for number in range(BATCH)]
    customer = Customer.model_validate({"id": "acme", "name": "Acme", "domains": ["acme.example"]})
    credential = Credential(username="acme-app", password_hash="$argon2id$x")
    path, recipients = Address.parse("sender1@acme.example"), (Address.parse("user1@example.org"),)
    facts = Facts(NOW, customer, credential, path, recipients)
    bound = bind(POLICY)

    def split(raw: bytes) -> object:
        return Message(raw).fields

    def rules(raw: bytes) -> object:
        return evaluate(bound, Message(raw), facts, POLICY)

    for raw in messages:  # warm; and what is refused outright would be measured short
        verdict = evaluate(bound, Message(raw), facts, POLICY)
        assert not verdict.findings, verdict.findings
    turns: list[tuple[float, float]] = []
    gc.collect()
    end = perf_counter() + seconds
    while len(turns) < runs or perf_counter() < end:
        turns.append((timed(split, messages), timed(rules, messages)))
    ratios = [both / alone for alone, both in turns]
    alone, both = (median(each) / BATCH * 1e6 for each in zip(*turns, strict=True))
    return Result(size, alone, both, median(ratios), min(ratios), max(ratios), GOALS[size])


def main() -> int:
    """Measure each size; the exit status."""
    parser = argparse.ArgumentParser(prog="rules", description="All rules, as a multiple of the header split.")
    parser.add_argument("--runs", type=int, default=20, help="turns at least (20)")
    parser.add_argument("--seconds", type=float, default=5, help="for each size, about (5)")
    parser.add_argument("--json", type=Path, help="write the results there too")
    chosen = parser.parse_args()
    results = [measured(size, chosen.runs, chosen.seconds) for size in GOALS]
    rows = [
        (each.size, len(RULES), f"{each.split_us:.1f}", f"{each.rules_us:.1f}",
         f"{each.ratio:.1f} ({each.least:.1f}-{each.most:.1f})", f"{each.goal:g}")
        for each in results
    ]  # fmt: skip
    print(tabulate(rows, ("bytes", "rules", "split us", "all us", "ratio (least-most)", "goal"), disable_numparse=True))
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(each) for each in results], indent=1))
    return int(any(each.ratio > each.goal for each in results))


if __name__ == "__main__":
    sys.exit(main())
