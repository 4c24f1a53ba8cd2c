"""What the ledger costs each message, as a multiple of one batched EVALSHA; and what it keeps in memory.

    python -m tests.bench.ledger [--seconds S] [--senders N] [--json FILE]

Twenty sessions at once, as in a gateway: each message is a reservation when its RCPT comes, and a settling at the next
hop's 250. The measure beside it, in turns with it in the same run, is a pipeline of twenty calls of a script that does
one INCRBY and one PEXPIRE: what the simplest counter costs. CPU seconds are those of this process and of Redis; the
multiple is of this process's, as Redis has a core of its own. The exit status is 1 when the goal is missed.

Memory is measured with as many senders as are said, each mailing on 22 of 30 simulated days, six times on the last;
counted by day and by 30 days.
"""

import argparse
import asyncio
import json
import os
import random
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from hashlib import sha1
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import uvloop
from tabulate import tabulate

import gateway.ledger.server
from gateway.ledger.charges import Charge, Reservation
from gateway.ledger.model import key
from gateway.ledger.redis import RedisLedger
from gateway.ledger.windows import Windows
from tests.rig.redis import RedisServer, running

GOAL = 2.0
"""Times one batched EVALSHA, for one counter."""
SESSIONS = 20
BATCH = 2000
"""Messages of a turn."""
TICKS = os.sysconf("SC_CLK_TCK")
PLAIN = "redis.call('PEXPIRE', KEYS[1], 3600000) return redis.call('INCRBY', KEYS[1], ARGV[1])"
HOUR, DAY, MONTH = 3600, 86_400, 2_592_000


@dataclass(frozen=True)
class Result:
    """One way to charge a message."""

    name: str
    cpu_us: float
    redis_us: float
    batched_us: float
    ratio: float
    least: float
    most: float
    goal: float | None


def one_counter(number: int) -> tuple[Charge, ...]:
    """A customer's recipients per hour; twenty customers."""
    return (Charge(key("recipients", "customer", f"c{number % SESSIONS}"), 1, ((HOUR, 10**9),)),)


def one_customer(number: int) -> tuple[Charge, ...]:
    """What a policy sets for a customer and its credential: recipients and messages by hour and day."""
    name = f"c{number % SESSIONS}"
    caps = ((HOUR, 10**9), (DAY, 10**9))
    return (
        Charge(key("recipients", "customer", name), 1, caps),
        Charge(key("messages", "customer", name), 1, caps),
        Charge(key("recipients", "customer", name, "app"), 1, caps),
    )


def everything(number: int) -> tuple[Charge, ...]:
    """The same, with the sender's address and the recipient, alone and among all customers: three hash tags."""
    name, recipient = f"c{number % SESSIONS}", f"user{number}@example.org"
    return (
        *one_customer(number),
        Charge(key("messages", "sender", f"sender{number % 500}@acme.example"), 1, ((HOUR, 10**9), (DAY, 10**9))),
        Charge(key("messages", "recipient", recipient, name), 1, ((HOUR, 200),)),
        Charge(key("messages", "recipient", recipient), 1, ((HOUR, 1000),), name),
    )


KINDS: tuple[tuple[str, Callable[[int], tuple[Charge, ...]], float | None], ...] = (
    ("one counter", one_counter, GOAL),
    ("a customer's three", one_customer, None),
    ("six, of three hash tags", everything, None),
)


def cpu_of(server: RedisServer) -> float:
    """CPU seconds of the server."""
    parts = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / TICKS


async def at_once(work: Callable[[int], Awaitable[None]]) -> float:
    """CPU seconds of this process for BATCH messages in SESSIONS sessions."""
    numbers = iter(range(BATCH))

    async def session() -> None:
        for number in numbers:
            await work(number)

    begun = process_time()
    await asyncio.gather(*(session() for _ in range(SESSIONS)))
    return process_time() - begun


async def measured(ledger: RedisLedger, server: RedisServer, seconds: float) -> list[Result]:
    """Each kind, in turns with the plain script."""
    client = ledger._server.client
    await client.script_load(PLAIN)
    sha = sha1(PLAIN.encode(), usedforsecurity=False).hexdigest()

    async def plain() -> float:
        begun = process_time()
        for start in range(0, BATCH, SESSIONS):
            pipe = client.pipeline(transaction=False)
            for number in range(start, start + SESSIONS):
                pipe.execute_command("EVALSHA", sha, 1, f"plain:{{{number % SESSIONS}}}", "1")
            await pipe.execute()
        return process_time() - begun

    results = []
    for name, charges, goal in KINDS:
        made = [charges(number) for number in range(BATCH)]

        async def message(number: int, made: list[tuple[Charge, ...]] = made) -> None:
            answer = await ledger.reserve(*made[number])
            assert isinstance(answer, Reservation)
            await asyncio.sleep(0)  # DATA, and the next hop's answer
            ledger.settle(answer)

        turns: list[tuple[float, float, float]] = []
        await at_once(message)
        end = perf_counter() + seconds
        while perf_counter() < end or len(turns) < 5:
            batched, begun = await plain(), cpu_of(server)
            turns.append((batched, await at_once(message), cpu_of(server) - begun))
        ratios = [each / batched for batched, each, _ in turns]
        batched, cpu, _ = (median(each) / BATCH * 1e6 for each in zip(*turns, strict=True))
        redis = sum(each for _, _, each in turns) / len(turns) / BATCH * 1e6
        results.append(Result(name, cpu, redis, batched, median(ratios), min(ratios), max(ratios), goal))
    return results


PLAYED = 200
"""Senders whose days are played in Redis; the others have copies of what these come to."""


def days(senders: int) -> Iterator[tuple[float, list[int]]]:
    """Thirty simulated days: when (seconds), and who mails then."""
    draw = random.Random(1)
    for day in range(30):
        mailing = [number for number in range(senders) if (number + day) % 30 < 22]
        for moment in sorted(draw.randrange(86_400_000) for _ in range(6 if day == 29 else 1)):
            yield 1_800_000_000 + day * 86_400 + moment / 1000, mailing


def sender(number: int) -> Charge:
    """Recipients of a sender, by day and by 30 days."""
    return Charge(key("recipients", "sender", f"sender{number:06}@acme.example"), 1, ((DAY, 10**6), (MONTH, 10**7)))


async def in_redis(senders: int) -> tuple[str, int, float]:
    """Counters and bytes for each, in Redis."""
    clock = [0.0]
    with running() as server:
        ledger = RedisLedger(server.url, processes=1, clock=lambda: clock[0], alarm=print, tell_time=True)
        for clock[0], mailing in days(PLAYED):
            for taken in await asyncio.gather(*(ledger.reserve(sender(number)) for number in mailing)):
                assert isinstance(taken, Reservation), taken
                ledger.settle(taken)
            await ledger.usage(sender(0))
        client: Any = ledger._server.client
        values = [value for value in [await client.get(sender(number).key) for number in range(PLAYED)] if value]
        await client.flushall()
        before = (await client.info("memory"))["used_memory"]
        for start in range(0, senders, 1000):
            pipe = client.pipeline(transaction=False)
            for number in range(start, min(senders, start + 1000)):
                pipe.set(sender(number).key, values[number % len(values)], px=10**10)
            await pipe.execute()
        used, count = (await client.info("memory"))["used_memory"] - before, await client.dbsize()
        await ledger.close()
    return "Redis", int(count), used / count


def in_memory(senders: int) -> tuple[str, int, float]:
    """The same in this process."""
    before, windows = resident(), Windows(10**9)
    for seconds, mailing in days(senders):
        now = round(seconds * 1000)
        for number in mailing:
            taken = windows.reserve((sender(number),), now)
            assert isinstance(taken, Reservation), taken
            windows.settle(taken, [1], now)
    return "memory", len(windows), (resident() - before) / len(windows)


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def run(seconds: float, senders: int, file: Path | None) -> int:
    """Measure; the exit status."""
    gateway.ledger.server.TIMEOUT = 60.0  # on a busy machine it shall measure, not count alone
    with running() as server:
        ledger = RedisLedger(server.url, processes=1, clock=perf_counter, alarm=print)
        results = await measured(ledger, server, seconds)
        await ledger.close()
    rows = [
        (each.name, f"{each.batched_us:.1f}", f"{each.cpu_us:.1f}", f"{each.redis_us:.1f}",
         f"{each.ratio:.2f} ({each.least:.2f}-{each.most:.2f})", each.goal or "")
        for each in results
    ]  # fmt: skip
    head = ("charged", "batched EVALSHA us", "CPU us a message", "Redis us", "ratio (least-most)", "goal")
    print(tabulate(rows, head, disable_numparse=True))
    memory = [await in_redis(senders), in_memory(senders)] if senders else []
    if memory:
        print(tabulate(memory, ("kept in", "counters", "bytes each"), floatfmt=".0f"))
    if file:
        file.write_text(json.dumps({"cost": [asdict(each) for each in results], "memory": memory}, indent=1))
    return int(any(each.goal is not None and each.ratio > each.goal for each in results))


def main() -> int:
    """Measure; the exit status."""
    parser = argparse.ArgumentParser(prog="ledger", description="The ledger, as a multiple of one batched EVALSHA.")
    parser.add_argument("--seconds", type=float, default=5, help="for each way to charge, about (5)")
    parser.add_argument("--senders", type=int, default=0, help="measure memory with so many senders (0: not)")
    parser.add_argument("--json", type=Path, help="write the results there too")
    chosen = parser.parse_args()
    return uvloop.run(run(chosen.seconds, chosen.senders, chosen.json))


if __name__ == "__main__":
    sys.exit(main())
