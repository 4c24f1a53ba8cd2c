"""Several nodes: one, two and four behind a balancer, and what must hold however many there are.

    python -m tests.bench.fleet [--nodes 1,2,4] [--seconds S] [--quick] [SHOW ...]

Nodes are `postern serve` of one process each, with a data folder of its own; before them HAProxy with the operator's
guide's configuration (PROXY protocol), behind them a Redis Cluster of three masters, one PostgreSQL (fsync on) and a
sink. A port of HAProxy for each number of nodes leads to the first of them, so all are measured in turns.

Shows: exact (sessions of a customer with a cap, on all nodes at once: the cap arrives, no less and no more),
withdrawals (under load each is told to one node, by one click or by the API, and refused at RCPT by every other),
killed (nodes killed under load by SIGKILL: clients send again what got no 250, everything arrives, what came twice is
explained, the audit verifies), cost (CPU of nodes, Redis, HAProxy and PostgreSQL for 1,000 messages, the same sessions
in all, in turns; and beside it one node with a node's part of them: what is left of the growth is what several nodes
cost, the rest is what a node costs that has less to do at once). What passed is counted at the sinks. The exit status
is 1 when something promised did not hold.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.bench.fleet_cost import cost
from tests.bench.fleet_leaving import withdrawals
from tests.bench.fleet_load import BENCH, CLIENT, LEAVE, SESSIONS, Bench, said
from tests.bench.measure import Meter
from tests.bench.relays import build, start_sink
from tests.rig import haproxy
from tests.rig.crowd import Crowd, Sent, Task, send_all
from tests.rig.fleet import running
from tests.rig.limited import arrived, customer
from tests.rig.mail import references
from tests.rig.postern import UNPACED
from tests.rig.processes import RigError, wait_until
from tests.rig.sink import Arrival, Sink

ROOT = Path(__file__).resolve().parents[2]
ROWS = "email,event_state,event_time,collection_method,source_ref,ip,notice_id\n"


def consents(addresses: list[str]) -> str:
    """A file of the generic format in which all of them join."""
    return ROWS + "".join(
        f"{each},given,2026-03-01T10:{n // 60 % 60:02}:{n % 60:02}Z,web_form,https://www.example.com/join,"
        f"203.{n // 62500 % 250}.{n // 250 % 250}.{n % 250},n1\n"
        for n, each in enumerate(addresses)
    )


def exact(bench: Bench) -> bool:
    """The cap arrives, no less and no more, on each number of nodes."""
    well = True
    for number, (size, port) in enumerate(bench.fleet.fronts.items(), 1):
        name, cap = f"cap{size}", bench.chosen.cap
        before = shares(bench, size)
        sent = send_all([
            Task(port, f"127.{100 + number}.1.{n + 1}", f"ann@{name}.example", f"{name}-{n}", recipients=3,
                 until_full=True, seconds=120)
            for n in range(2 * SESSIONS)
        ])  # fmt: skip
        got = sum(arrived(bench.counted, name).values())
        share = [after - was for after, was in zip(shares(bench, size), before, strict=True)]
        well &= said(
            got == sent.passed == cap and not sent.broken and all(share),
            f"exact       {size} nodes: cap {cap}, {2 * SESSIONS} sessions: {got} arrived, {sent.passed} were told so, "
            f"connections by node {share}, {len(sent.broken)} sessions broke; replies {dict(sent.replies)}",
        )
    return well


def shares(bench: Bench, size: int) -> list[int]:
    """SMTP connections so far, of each of the first nodes."""
    texts = [node.get("/metrics")[1] for node in bench.fleet.nodes[:size]]
    lines = [next(line for line in text.splitlines() if line.startswith("postern_connections_total")) for text in texts]
    return [int(float(line.split()[1])) for line in lines]


def killed(bench: Bench) -> bool:
    """Nodes die under load, one after the other, and come back."""
    well, total = True, SESSIONS * bench.chosen.messages
    for number, (size, port) in enumerate(bench.fleet.fronts.items(), 1):
        name = f"kill{size}"
        crowd = Crowd([
            Task(port, f"127.{110 + number}.1.{n + 1}", f"ann@{name}.example", f"{name}-{n}", again=True,
                 most=bench.chosen.messages, seconds=300)
            for n in range(SESSIONS)
        ]).go()  # fmt: skip
        for each in range(bench.chosen.kills):
            enough = total * (each + 1) // (bench.chosen.kills + 1)
            wait_until(partial(has, bench.counted, name, enough), 120, "mail flows")
            node = bench.fleet.nodes[each % size]
            node.kill()
            time.sleep(1)  # the others go on alone
            node.start()
        well &= accounted(bench, size, name, crowd.sent())
    return well


def has(sink: Sink, name: str, enough: int) -> bool:
    """Whether so much has arrived."""
    return arrived(sink, name).total() >= enough


def accounted(bench: Bench, size: int, name: str, sent: Sent) -> bool:
    """Whether all that was accepted is at the sink, and each copy too many is explained by a node's audit."""
    arrivals = [each for each in bench.counted.arrivals() if each.recipients[0].startswith(f"{name}-")]
    found = defaultdict[tuple[str, ...], list[Arrival]](list)
    for each in arrivals:
        found[each.recipients].append(each)
    doubles = [each for each in found.values() if len(each) > 1]
    nodes = bench.fleet.nodes[:size]
    outcomes = {
        each["reference"]: (each["outcome"] or {}).get("outcome", "none")
        for node in nodes
        for each in node.search("--customer", name, "--verdict", "accept")
    }
    known = [Counter(outcomes.get(references(copy)[0], "not found") for copy in each) for each in doubles]
    explained = all(set(each) <= {"accepted", "unknown"} and each["accepted"] <= 1 for each in known)
    verified = [node.verify().status for node in nodes]
    return said(
        len(found) == sent.passed == SESSIONS * bench.chosen.messages
        and not sent.broken
        and explained
        and not any(verified)
        and bool(sent.again),
        f"killed      {size} nodes, {bench.chosen.kills} kills: {sent.passed} accepted, {len(found)} at the sink, "
        f"{len(doubles)} of them twice ({'each' if explained else 'NOT each'} the one copy of a node that died), "
        f"{list(outcomes.values()).count('unknown')} outcomes unknown; sent again {dict(Counter(sent.again))}; "
        f"audit verify {verified}; broke {dict(Counter(sent.broken))}",
    )


SHOWS: dict[str, Callable[[Bench], bool]] = {
    "exact": exact,
    "withdrawals": withdrawals,
    "killed": killed,
    "cost": cost,
}


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="fleet", description="Several nodes behind a balancer.")
    parser.add_argument("shows", nargs="*", metavar="SHOW", help=", ".join(SHOWS))
    parser.add_argument("--nodes", default="1,2,4", help="how many, in turns; the first is the measure of cost")
    parser.add_argument("--seconds", type=float, help="of a turn of cost (2; quick 1)")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter: within two minutes (or QUICK=1)")
    parser.add_argument("--rows", type=int, default=20_000, help="consents in the registry")
    chosen = parser.parse_args()
    if set(chosen.shows) - set(SHOWS):
        parser.error(f"shows are {', '.join(SHOWS)}")
    chosen.nodes = sorted({int(each) for each in chosen.nodes.split(",")})
    chosen.quick = chosen.quick or os.environ.get("QUICK", "") not in ("", "0")
    chosen.seconds = chosen.seconds or (1.0 if chosen.quick else 2.0)
    chosen.cap, chosen.withdrawals = (200, 40) if chosen.quick else (1000, 240)
    chosen.kills, chosen.turns = (2, 3) if chosen.quick else (4, 5)
    chosen.messages = 15 if chosen.quick else 50
    chosen.kinds = ("personal",) if chosen.quick else ("personal", "bulk")
    return chosen


def main() -> int:
    """Show; the exit status."""
    chosen = options()
    if reason := haproxy.missing():
        raise RigError(reason)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("fleet: ended by SIGTERM"))  # and all that was started with it
    customers = [BENCH, LEAVE]
    for number, size in enumerate(chosen.nodes, 1):
        hop = {"next_hop": "counted", "bulk": UNPACED}
        customers.append(customer(f"cap{size}", 100 + number, recipients_per_hour=chosen.cap) | hop)
        customers.append(customer(f"kill{size}", 110 + number) | hop)
    people = [f"leaver-{size}-{n}@recipient.example" for size in chosen.nodes for n in range(chosen.withdrawals)]
    files = [
        ("bench", "weekly", consents([f"user{n}@example.org" for n in range(chosen.rows)])),
        ("leave", "weekly", consents(people)),
    ]
    load, sink = build(ROOT / "build" / "bench")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postern-fleet-")))
        counted = stack.enter_context(Sink())
        port, counter = start_sink(stack, sink, folder)
        next_hops = {"default": port, "counted": counted.port}
        fleet = stack.enter_context(running(folder, chosen.nodes, next_hops, customers, files))
        bench = Bench(fleet, load, Meter(load, counter, CLIENT), counted, chosen)
        results = [SHOWS[show](bench) for show in chosen.shows or SHOWS]
        return 0 if all(results) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RigError as error:
        sys.exit(f"fleet: {error}")
