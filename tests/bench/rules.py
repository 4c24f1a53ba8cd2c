"""What all rules together cost, as a multiple of the header split measured in the same run.

    python -m tests.bench.rules [--runs N] [--seconds S] [--json FILE]

Class personal: text without List-* fields and without a signature, by turns as an application, Thunderbird, Exchange
and a web shop write it; names, addresses, subject and text different in every message of a run, so that nothing
remembered of one serves the next. The facts are full (tests/rig/full.py): ten thousand domains of others, brands,
executives, states of domains. The header split is `Message(raw).fields`; all rules are `evaluate` with every rule of
RULES on, from the raw bytes on, so the split is in it. Both are timed over the same messages, in
turns; a turn gives one quotient, and the table holds the medians, with the least and the most. The exit status is 1
when a goal is missed.
"""

import argparse
import gc
import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from tabulate import tabulate

from filters import RULES
from filters.engine import bind, evaluate
from filters.message import Message
from tests.rig.full import POLICY, full_facts

GOALS = {2000: 14.0, 20_000: 20.0}
"""Octets of a message -> how many times the header split all rules may cost."""
BATCH = 200
"""Messages that are gone through in one turn; those of the next turn are others."""


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


SHAPES = (
    # an application, as smtpload has it
    """\
Message-ID: <1.{n}@load.acme.example>
Date: Fri, 20 Nov 2026 10:00:00 +0000
From: {first} {last} <{sender}@acme.example>
To: User {n} <user{n}@{firm}.example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii
Content-Transfer-Encoding: 7bit
Subject: {about} {n}
""",
    # Thunderbird by way of Postfix, an answer
    """\
Received: from [10.0.3.{n}] (pc{n}.lan [10.0.3.7])
\tby mail.acme.example (Postfix) with ESMTPSA id 4Xq{n}z7
\tfor <user{n}@{firm}.example.org>; Fri, 20 Nov 2026 09:59:58 +0000 (UTC)
Message-ID: <{hex}@acme.example>
Date: Fri, 20 Nov 2026 10:59:57 +0100
MIME-Version: 1.0
User-Agent: Mozilla Thunderbird
Subject: Re: {about} for {firm}
To: {last} {firm} <user{n}@{firm}.example.org>
Cc: "{first}, Accounts" <acc{n}@{firm}.example.org>, {about}@example.net
References: <{hex}.1@{firm}.example.org>
 <{hex}.2@acme.example>
Content-Language: en-GB
From: {first} {last} <{sender}@acme.example>
In-Reply-To: <{hex}.2@acme.example>
Content-Type: text/plain; charset=UTF-8; format=flowed
Content-Transfer-Encoding: 8bit
""",
    # Exchange
    """\
Received: from EX{n}.acme.example (2001:db8::{n}) by mail.acme.example
 (2001:db8::5) with Microsoft SMTP Server (version=TLS1_2,
 cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.1.2507.39; Fri, 20 Nov
 2026 10:59:55 +0100
Received: from EX{n}.acme.example ([fe80::1c2d:{n}]) by
 EX{n}.acme.example ([fe80::1c2d:5%7]) with mapi id 15.01.2507.039; Fri, 20 Nov
 2026 10:59:54 +0100
From: "{last}, {first}" <{sender}@acme.example>
To: "user{n}@{firm}.example.org" <user{n}@{firm}.example.org>
Subject: {about} and {firm}
Thread-Topic: {about} and {firm}
Thread-Index: AQ{hex}==
Date: Fri, 20 Nov 2026 09:59:54 +0000
Message-ID: <{hex}@acme.example>
Accept-Language: de-DE, en-US
Content-Language: de-DE
X-MS-Has-Attach:
X-MS-TNEF-Correlator:
x-originating-ip: [10.1.2.3]
Content-Type: text/plain; charset="us-ascii"
Content-Transfer-Encoding: 7bit
MIME-Version: 1.0
""",
    # a web shop behind Exim, a name and a subject that are encoded
    """\
Received: from www by web{n}.acme.example with local (Exim 4.97)
\t(envelope-from <shop@acme.example>)
\tid 1tD{n}-00000001abc-1234
\tfor user{n}@{firm}.example.org;
\tFri, 20 Nov 2026 09:59:59 +0000
To: {first} <user{n}@{firm}.example.org>
Subject: =?UTF-8?B?QmVzdGVsbHVuZyBmw7xy?= {about} {n}
X-PHP-Script: shop.acme.example/index.php for 192.0.2.7
From: {encoded} <shop@acme.example>
Reply-To: {encoded} <{sender}@acme.example>
Message-ID: <{hex}@shop.acme.example>
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit
Date: Fri, 20 Nov 2026 09:59:59 +0000
X-Mailer: PHPMailer 6.9.1
""",
)
"""Header blocks of class personal, as different software writes them."""
WORDS = [first + second + third for first in ("bra", "ke", "lo", "mi", "tu") for second in ("dan", "fel", "gor", "nis")
         for third in ("", "ta", "per", "mo", "lin", "so")]  # fmt: skip


def personal(number: int, size: int) -> bytes:
    """A message as smtpload's class personal; by turns written by each of `SHAPES`, no two alike."""
    draw = random.Random(number)
    first, last, firm, about = (draw.choice(WORDS).capitalize() + str(number % 97 or "") for _ in range(4))
    head = SHAPES[number % len(SHAPES)].format(
        n=number, first=first, last=last, firm=firm.lower(), about=about, sender=f"{first}.{last}".lower(),
        encoded=f"=?utf-8?Q?{first}_M=C3=BCller-{last}?=", hex=f"{draw.getrandbits(160):040x}",
    )  # fmt: skip
    head = head.replace("\n", "\r\n") + "\r\n"
    lines = [" ".join(draw.choices(WORDS, k=10)) + "\r\n" for _ in range(20)]
    text, left = [], size - len(head)
    while left > 0:
        text.append(draw.choice(lines))
        left -= len(text[-1])
    return (head + "".join(text))[: size - 2].encode() + b"\r\n"


def timed(work: Callable[[bytes], object], messages: Sequence[bytes]) -> float:
    """CPU seconds of one pass over the messages."""
    begun = process_time()
    for raw in messages:
        work(raw)
    return process_time() - begun


def measured(size: int, runs: int, seconds: float) -> Result:
    """Turns of both over the same messages, until `seconds` have passed and at least `runs` are done."""
    facts, bound = full_facts("bounce@acme.example", "user1@example.org"), bind(POLICY)

    def split(raw: bytes) -> object:
        return Message(raw).fields

    def rules(raw: bytes) -> object:
        return evaluate(bound, Message(raw), facts, POLICY)

    turns: list[tuple[float, float]] = []
    gc.collect()
    end = perf_counter() + seconds
    while len(turns) < runs or perf_counter() < end:
        first = len(turns) * BATCH
        messages = [personal(number, size) for number in range(first, first + BATCH)]
        if not turns:  # what is refused outright would be measured short
            for raw in messages:
                verdict = evaluate(bound, Message(raw), facts, POLICY)
                assert not verdict.findings, (raw, verdict.findings)
        turns.append((timed(split, messages), timed(rules, messages)))
    turns = turns[1:]
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
