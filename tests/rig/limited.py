"""What limits must show of the whole program: nodes that share counters, crowds that meet a limit, and what came of it.

Clients are processes of their own (`tests.rig.crowd`), and what passed is counted at the sink. Customers are known by
their addresses, so that no password is what is measured. The suite runs these small, `tests.bench.limits` in full.
"""

import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rig.crowd import Crowd, Sent, Task, send_all
from tests.rig.postern import Postern
from tests.rig.processes import wait_until
from tests.rig.redis import RedisServer
from tests.rig.sink import Mood, Sink
from tests.rig.workers import workers_of

PROCESSES = 4
"""Two nodes of two workers."""
ORDINARY = frozenset({"250", "450", "451"})
"""Codes of the replies that a client may get while Redis is away."""


def customer(name: str, number: int, credentials: int = 1, **limits: int) -> dict[str, Any]:
    """A customer known by 127.<number>.<credential>.0/24, with limits in the words of customers.toml."""
    return {
        "id": name,
        "name": name,
        "domains": [f"{name}.example"],
        "credentials": [{"networks": [f"127.{number}.{each}.0/24"]} for each in range(1, credentials + 1)],
        "limits": limits,
    }


def task(postern: Postern, name: str, number: int, client: int, credential: int = 1, **more: Any) -> Task:
    """What a client of a customer made by `customer` does at a node."""
    source = f"127.{number}.{credential}.{1 + client % 250}"
    return Task(postern.port, source, f"ann@{name}.example", f"{name}-{client}", **more)


@contextmanager
def one_process(
    folder: Path, next_hop: int, customers: list[dict[str, Any]], policy: str = ""
) -> Iterator[list[Postern]]:
    """One node of one process, with its counters in memory."""
    (folder / "one").mkdir()
    (folder / "one" / "policy.toml").write_text(policy)
    with Postern(folder / "one", next_hop, customers=customers, settings={"policy_file": "policy.toml"}) as postern:
        postern.wait_ready()
        yield [postern]


@contextmanager
def two_nodes(folder: Path, next_hop: int, customers: list[dict[str, Any]], url: str) -> Iterator[list[Postern]]:
    """Two nodes of two workers, with their counters at `url`."""
    settings, arguments = {"ledger": {"url": url, "nodes": 2}}, ("--workers", "2")
    one = Postern(folder / "one", next_hop, customers=customers, settings=settings, arguments=arguments).prepare()
    other = one.copy(folder / "other")
    other.process.command += arguments
    with ExitStack() as stack:
        for node in (one, other):
            stack.enter_context(node)
        for node in (one, other):
            node.wait_ready()
        yield [one, other]


def arrived(sink: Sink, name: str) -> Counter[str]:
    """How often each recipient got something of the customer."""
    found = Counter(each for arrival in sink.arrivals() for each in arrival.recipients)
    return Counter({each: count for each, count in found.items() if each.startswith(f"{name}-")})


def fill(nodes: list[Postern], sink: Sink, name: str, number: int, sessions: int, mood: Mood = Mood.WELL) -> Sent:
    """Sessions of one customer, spread over the nodes, send to three new recipients each time until none is taken."""
    sink.mood = mood
    return send_all([
        task(nodes[n % len(nodes)], name, number, n, recipients=3, until_full=True, seconds=300)
        for n in range(sessions)
    ])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outage:
    """Redis was away while mail flowed."""

    cap: int
    passed: int
    """Recipients of the customer with the cap at the sink."""
    sent: Sent
    """By that customer's clients."""
    other: Sent
    """By another customer's, with room for all."""
    p99_ms: tuple[float, float, float]
    """Of the other customer's transactions before, during and after."""
    complaints: int
    """Lines about it in the nodes' logs."""
    workers: int
    """That could write one."""

    @property
    def bound(self) -> float:
        """What may pass, says `gateway.ledger.alone`."""
        return self.cap * (2 - 1 / PROCESSES)

    @property
    def lost(self) -> list[str]:
        """Sessions that were cut, and replies that are out of order."""
        codes = {each for each in (self.sent.replies + self.other.replies) if each[:3] not in ORDINARY}
        return [*self.sent.broken, *self.other.broken, *sorted(codes)]


def healthy(postern: Postern) -> bool:
    """Whether a node's metric of the ledger is 1."""
    found = re.search(r'^postern_healthy{part="ledger"} (\S+)$', postern.get("/metrics")[1], re.MULTILINE)
    return found is not None and float(found[1]) == 1


def outage(
    nodes: list[Postern], sink: Sink, redis: RedisServer, name: str, number: int, *, cap: int, killed: bool,
    sessions: int = 16, each: float = 5, pause: float = 0.02,
) -> Outage:  # fmt: skip
    """Mail of `name` and of `other`; after `each` seconds Redis is killed, or stopped, and after as many it is back.

    The other customer's number is 9. Returns once all have ended; raises RigError when a node's metric does not become
    0 while Redis is away, or 1 again when it is back.
    """
    logs = [len(node.process.log_text()) for node in nodes]
    steady: dict[str, Any] = {"seconds": 3 * each, "pause": pause}
    crowd = Crowd([task(nodes[n % 2], name, number, n, **steady) for n in range(sessions)])
    probe = Crowd([task(nodes[n % 2], "other", 9, 10 * number + n, **steady) for n in range(4)])
    crowd.go()
    probe.go()
    time.sleep(each)
    went = time.monotonic()
    if killed:
        redis.kill()
    else:
        redis.send(signal.SIGSTOP)
    try:
        wait_until(lambda: not any(map(healthy, nodes)), 60, "the metric is 0")
        time.sleep(max(0.0, went + each - time.monotonic()))
    finally:
        if killed:
            redis.up()
        else:
            redis.send(signal.SIGCONT)
    back = time.monotonic()
    wait_until(lambda: all(map(healthy, nodes)), 60, "the metric is 1 again")
    sent, other = crowd.sent(), probe.sent()
    logged = [node.process.log_text()[at:] for node, at in zip(nodes, logs, strict=True)]
    return Outage(
        cap,
        sum(arrived(sink, name).values()),
        sent,
        other,
        (other.p99_ms(end=went), other.p99_ms(went, back), other.p99_ms(back)),
        sum(text.count("ledger: Redis: ") for text in logged),
        sum(len(workers_of(node.process.pid)) for node in nodes),
    )


def bomb(nodes: list[Postern], credentials: int, messages: int, to: str) -> Sent:
    """Each credential of five customers sends so many messages to one recipient, all at once."""
    return send_all([
        task(nodes[n % len(nodes)], f"bomber{number}", number, n, n, to=(to,), most=messages, seconds=300)
        for number in range(1, 6)
        for n in range(1, credentials + 1)
    ])  # fmt: skip


def hammer(node: Postern, sessions: int, seconds: float, niceness: int = 0) -> tuple[Sent, Sent]:
    """What came of sessions of `full`, number 1, in a tight loop, and of four of `other`, number 9, meanwhile."""
    crowd = Crowd([task(node, "full", 1, n, seconds=seconds, nice=niceness) for n in range(sessions)])
    probe = Crowd([task(node, "other", 9, n, seconds=seconds, pause=0.02) for n in range(4)])
    crowd.go()
    probe.go()
    return crowd.sent(), probe.sent()
