"""What a fingerprint costs by size, what placing it costs, and what clusters and reach take of memory.

    python -m tests.bench.clusters

The header split of the same run is the measure, as in tests.bench.rules. The text is words of a vocabulary of 6,000,
nearly all new to each message, which is the dearest kind.
"""

import asyncio
import random
import sys
import tracemalloc
from statistics import median
from time import perf_counter, process_time
from typing import Any

from tabulate import tabulate

from filters.fingerprint import Fingerprint, fingerprint
from filters.message import Message
from gateway.ledger.clusters import BOUNDS
from gateway.ledger.clusters_memory import MemoryClusters
from gateway.ledger.clusters_redis import RedisClusters
from gateway.ledger.redis import RedisLedger
from tests.bench.rules import personal
from tests.rig.redis import running

KEY = b"the measurement's"
SIZES = (2_000, 20_000, 200_000)


def as_html(raw: bytes) -> bytes:
    """The same text, a paragraph each line."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = b"\r\n".join(b"<p>%s</p>" % line for line in body.split(b"\r\n"))
    return head.replace(b"text/plain", b"text/html") + b"\r\n\r\n" + lines


def fingerprints() -> list[list[object]]:
    """CPU milliseconds by size, plain and HTML, and as a multiple of the header split."""
    rows: list[list[object]] = []
    for size in SIZES:
        mail = [personal(number, size) for number in range(max(4, 400_000 // size))]
        for name, batch in (("plain", mail), ("HTML", [as_html(raw) for raw in mail])):
            costs, splits = [], []
            for _ in range(7):
                begun = process_time()
                for raw in batch:
                    fingerprint(Message(raw), KEY)
                costs.append((process_time() - begun) / len(batch) * 1000)
                begun = process_time()
                for raw in batch:
                    _ = Message(raw).fields
                splits.append((process_time() - begun) / len(batch) * 1000)
            rows.append([f"{size:,}", name, f"{median(costs):.2f}", f"{median(costs) / median(splits):.0f}"])
    return rows


def some(draw: random.Random) -> Fingerprint:
    """A message like no other."""
    return Fingerprint(tuple(sorted(draw.sample(range(2**32), 64))), all=False)


def memory() -> list[str]:
    """What the memory form costs, full of one-to-one mail."""
    draw, number = random.Random(1), 4 * BOUNDS.single
    messages = [some(draw) for _ in range(number)]
    clusters = MemoryClusters(lambda: 1.8e9)
    begun = process_time()
    for at, each in enumerate(messages):
        clusters.put("acme", each, ["somebody"], fresh=f"{at:x}")
    cost = (process_time() - begun) / number * 1e6
    tracemalloc.start()
    held = MemoryClusters(lambda: 1.8e9)
    for at in range(number):
        held.put("acme", some(draw), fresh=f"{at:x}")
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return ["memory", f"{cost:.0f}", f"{size / 1e6:.1f}"]


async def remote() -> tuple[list[str], int]:
    """The same in Redis, one after the other; and the octets of one cluster's reach after a million recipients."""
    draw, number = random.Random(1), 4 * BOUNDS.single
    with running() as server:
        ledger = RedisLedger(server.url, processes=1, clock=lambda: 1.8e9, alarm=print)
        client: Any = ledger._server.client
        clusters = RedisClusters(ledger, processes=1, clock=lambda: 1.8e9)
        before = (await client.info("memory"))["used_memory_dataset"]
        begun = perf_counter()
        for at in range(number):
            await clusters.place("acme", some(draw), ["somebody"], fresh=f"{at:x}")
        cost = (perf_counter() - begun) / number * 1e6
        size = (await client.info("memory"))["used_memory_dataset"] - before
        for fresh in ("a", "b"):
            await clusters.place("other", Fingerprint(tuple(range(40))), fresh=fresh)
        for start in range(0, 1_000_000, 5000):
            clusters.reached("other", "a", [f"r{each}" for each in range(start, start + 5000)])
            await clusters.close()
        reach = (await clusters.place("other", Fingerprint(tuple(range(40))), fresh="c")).reach
        print(f"reach of a million: {reach}")
        sketches = sum([await client.memory_usage(key) async for key in client.scan_iter("*5:reach*")])
        await ledger.close()
    return ["Redis", f"{cost:.0f}", f"{size / 1e6:.1f}"], sketches


def main() -> int:
    """Print the tables."""
    print(tabulate(fingerprints(), ["octets", "text", "fingerprint, CPU ms", "times the header split"], "github"))
    row, sketches = asyncio.run(remote())
    print(tabulate([memory(), row], ["form", "us to place", "MB for one customer, full"], "github"))
    print(f"reach of one cluster, a million recipients: {sketches:,} octets in Redis")
    return 0


if __name__ == "__main__":
    sys.exit(main())
