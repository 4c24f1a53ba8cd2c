"""What the rules cost for bulk mail: a text and an HTML part with styles, a visible link in each, no two alike.

    python -m tests.bench.bulk_rules [--messages N]

Prints microseconds of CPU per message: reading the texts and naming their links (`filters.unsubscribe.uris`, which
`gateway.links` asks first, and whose reading the rules then have), all rules on it as bulk mail, and for comparison all
rules on the same message where it is not. Exit status 1 when a rule finds something: then it is not what is measured.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from statistics import median

from msgspec.structs import replace

from config.customers import Customer
from config.policy import Policy
from consent.address import Address
from consent.profiles import asked, shipped
from filters.engine import bind, evaluate
from filters.likeness import Holders
from filters.message import Message
from filters.model import Facts, Outcome
from filters.unsubscribe import uris

SIZES = (2_000, 20_000, 200_000)
POLICY = Policy()
RULES = bind(POLICY)
CUSTOMER = Customer.model_validate(
    {
        "id": "bench",
        "name": "Bench Ltd",
        "postal_address": "1 High Street, Exampletown",
        "domains": ["example.com"],
        "unsubscribe_hosts": ["www.example.com"],
        "credentials": [{"networks": ["127.0.0.2/32"], "stream": "bulk", "list": "weekly"}],
    }
)
_HEADER = """\
Message-ID: <{number}@load.example.com>
Date: Sat, 21 Nov 2026 10:00:00 +0000
From: Sender <sender@example.com>
To: User {number} <user{number}@example.org>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="parts"
Subject: Your weekly offers
Reply-To: help@example.com
List-Id: Weekly offers <weekly.example.com>
List-Unsubscribe: <{link}>, <mailto:unsubscribe@example.com>
List-Unsubscribe-Post: List-Unsubscribe=One-Click

--parts
Content-Type: text/plain; charset=us-ascii

"""
_BETWEEN = """

Bench Ltd, 1 High Street, Exampletown
Unsubscribe: {link}
--parts
Content-Type: text/html; charset=us-ascii

<!doctype html>
<html><head><style>
body {{ font-family: sans-serif; color: #222222; background: #ffffff }}
.foot {{ font-size: 12px; color: #555555 }}
@media (max-width: 600px) {{ table {{ width: 100% }} }}
</style></head><body><table width="600"><tr><td>
"""
_PARAGRAPH = '<p style="margin:0 0 12px;color:#333333;font-size:14px">\n'
_END = """\
<hr>
<p class="foot">You get this mail because you asked for it.<br>
Bench Ltd, 1 High Street, Exampletown<br>
<a href="{link}">Unsubscribe</a></p>
</td></tr></table></body></html>
--parts--
"""


def campaign(size: int, number: int) -> bytes:
    """A message of about so many octets."""
    chance, link = random.Random(number), f"https://www.example.com/u/{number:016x}"

    def words(octets: int) -> str:
        found, line = list[str](), 0
        while octets > 0:
            word = "".join(chance.choice("bcdfghklmn") + chance.choice("aeiou") for _ in range(chance.randint(1, 4)))
            line = 0 if line > 70 else line + len(word) + 1
            found.append(word + ("\n" if not line else " "))
            octets -= len(word) + 1
        return "".join(found)

    text = _HEADER.format(number=number, link=link) + words(size // 5 - 60) + _BETWEEN.format(link=link)
    end = _END.format(link=link)
    while (left := size - len(text) - len(end)) > 100:
        text += f"{_PARAGRAPH}{words(min(400, left - 70))}</p>\n"
    return (text + end).replace("\n", "\r\n").encode()


def facts(*, bulk: bool) -> Facts:
    """What is known of it at the SMTP port."""
    looks = Holders()
    looks.add("bench", CUSTOMER.domains)
    return Facts(
        datetime.now(UTC),
        CUSTOMER,
        CUSTOMER.credentials[0],
        Address.parse("sender@example.com"),
        (Address.parse("user@example.org"),),
        own_names=frozenset(("gw.example",)),
        holders={"example.com": "bench"},
        held=looks.view,
        signing_domain="example.com",
        bulk=bulk,
        list="weekly",
        party="bench",
        list_ids={"weekly.example.com": "weekly"},
        content=asked(("us",), shipped()),
    )


def spent(work: Callable[[Message], object], messages: Sequence[Message]) -> float:
    """The median over messages, in microseconds of CPU."""
    found = []
    for message in messages:
        begun = time.process_time()
        work(message)
        found.append((time.process_time() - begun) * 1e6)
    return median(found)


def main() -> int:
    """Measure and print; the exit status."""
    parser = argparse.ArgumentParser(prog="bulk_rules", description="What the rules cost for bulk mail.")
    parser.add_argument("--messages", type=int, default=100, help="of 2,000 octets; fewer of the larger")
    most = parser.parse_args().messages
    bulk = facts(bulk=True)
    plain = replace(bulk, bulk=False)
    wrong = 0
    print("| octets | links | rules, bulk | rules, not bulk |\n|---|---|---|---|")
    for size in SIZES:
        raw = [campaign(size, number) for number in range(max(10, most * SIZES[0] // size))]
        fresh, again = [Message(each) for each in raw], [Message(each) for each in raw]
        links = spent(uris, fresh)
        of_bulk = spent(lambda message: evaluate(RULES, message, bulk, POLICY), fresh)
        of_plain = spent(lambda message: evaluate(RULES, message, plain, POLICY), again)
        print(f"| {size:,} | {links:,.0f} | {of_bulk:,.0f} | {of_plain:,.0f} |")
        wrong += sum(evaluate(RULES, message, bulk, POLICY).outcome is not Outcome.ACCEPT for message in fresh)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
