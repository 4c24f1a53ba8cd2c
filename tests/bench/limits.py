"""Limits in full: exactness, Redis away under load, who hammers and who notices, a mail bomb.

    python -m tests.bench.limits [--cap N] [--sessions N] [--seconds S] [SHOW ...]

Clients are processes of their own, and what passed is counted at the sink. Shows: exact (on one Redis, on a cluster of
three, in memory; each with the next hop taking all and refusing every fifth RCPT), outage (Redis killed, killed with
its memory on disk, paused), hammer (sessions in a tight loop at their cap, at the lowest priority; another customer's
p99 beside its quiet value, in turns), bomb. The suite runs the same small. The exit status is 1 when something that is
promised did not hold; latencies are told only, because they are the machine's.
"""

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from tests.bench.relays import build, start_sink
from tests.rig.crowd import Sent, send_all
from tests.rig.limited import arrived, bomb, customer, fill, hammer, one_process, outage, task, two_nodes
from tests.rig.redis import RedisServer, running, running_cluster
from tests.rig.sink import Mood, Sink

VICTIM = "victim@recipient.example"
ROOMY = customer("other", 9, recipients_per_hour=10_000_000)


def said(ok: bool, text: str) -> bool:
    """Print a line of the result; whether it is as it should be."""
    print(f"{'' if ok else 'MISSED  '}{text}; load {os.getloadavg()[0]:.1f}", flush=True)
    return ok


def exact(chosen: argparse.Namespace, folder: Path) -> bool:
    """The cap arrives, no less and no more, whatever counts."""
    moods = {"plain": Mood.WELL, "fifth": Mood.FIFTH_REFUSED}
    customers = [customer(name, n, recipients_per_hour=chosen.cap) for n, name in enumerate(moods, 1)]
    well = True
    for where in ("redis", "cluster", "memory"):
        (folder / where).mkdir()
        with ExitStack() as stack:
            sink = stack.enter_context(Sink())
            if where == "memory":
                nodes = stack.enter_context(one_process(folder / where, sink.port, customers))
            else:
                url = (
                    stack.enter_context(running()).url
                    if where == "redis"
                    else stack.enter_context(running_cluster()).url
                )
                nodes = stack.enter_context(two_nodes(folder / where, sink.port, customers, url))
            for number, (name, mood) in enumerate(moods.items(), 1):
                sent = fill(nodes, sink, name, number, chosen.sessions, mood)
                got = sum(arrived(sink, name).values())
                well &= said(
                    got == sent.passed == chosen.cap and not sent.broken,
                    f"exact   {where:7} {name}: cap {chosen.cap}, {chosen.sessions} sessions: {got} arrived, "
                    f"{sent.passed} were told so, {len(sent.broken)} sessions broke; replies {dict(sent.replies)}",
                )
    return well


def away(chosen: argparse.Namespace, folder: Path) -> bool:
    """Redis goes under load, and comes back."""
    names = ("forgot", "kept", "paused")
    customers = [*(customer(name, n, recipients_per_hour=chosen.cap) for n, name in enumerate(names, 1)), ROOMY]
    well = True
    for number, name in enumerate(names, 1):
        place = folder / name
        (place / "redis").mkdir(parents=True)
        durable = {"appendonly": "yes", "appendfsync": "always"} if name == "kept" else {}
        redis = RedisServer(place / "redis", **durable)
        with ExitStack() as stack:
            redis.up()
            stack.callback(redis.kill)
            sink = stack.enter_context(Sink())
            nodes = stack.enter_context(two_nodes(place, sink.port, customers, redis.url))
            found = outage(
                nodes, sink, redis, name, number, cap=chosen.cap, killed=name != "paused", sessions=16, each=5
            )
        before, during, after = found.p99_ms
        well &= said(
            found.passed == found.sent.passed <= found.bound and not found.lost and found.complaints <= found.workers,
            f"outage  {name}: cap {found.cap}: {found.passed} arrived, bound {found.bound:.0f}; {len(found.lost)} "
            f"sessions lost or out of order; {found.complaints} lines by {found.workers} workers; the other customer "
            f"{found.other.passed} of {len(found.other.turns)}, p99 {before:.0f}, {during:.0f}, {after:.0f} ms before, "
            f"during and after, slowest {found.other.p99_ms(part=1):.0f}; replies {dict(found.sent.replies)}",
        )
    return well


def hammered(chosen: argparse.Namespace, folder: Path) -> bool:
    """What another customer notices of one that hammers at its cap."""
    _, program = build(folder / "bin")
    calm, under, crowds = Sent([], []), Sent([], []), Sent([], [])
    ratios: list[float] = []
    with ExitStack() as stack:
        port, _ = start_sink(stack, program, folder)
        (node,) = stack.enter_context(
            one_process(folder, port, [customer("full", 1, recipients_per_hour=chosen.cap), ROOMY])
        )
        send_all([task(node, "full", 1, n, recipients=10, until_full=True) for n in range(4)])
        hammer(node, 16, 2, 19)
        for _ in range(chosen.turns):
            quiet = hammer(node, 0, chosen.seconds)[1]
            crowd, other = hammer(node, 16, chosen.seconds, 19)
            ratios.append(other.p99_ms() / quiet.p99_ms())
            for whole, part in ((calm, quiet), (under, other), (crowds, crowd)):
                whole.turns.extend(part.turns)
                whole.broken.extend(part.broken)
    asked = len(crowds.turns) / chosen.turns / chosen.seconds
    return said(
        not (calm.broken or under.broken or crowds.broken) and under.passed == len(under.turns),
        f"hammer  16 sessions at their cap get {asked:.0f} refusals/s; the other customer's p50 {calm.p99_ms(part=0.5):.1f} "
        f"-> {under.p99_ms(part=0.5):.1f} ms, p99 {calm.p99_ms():.1f} -> {under.p99_ms():.1f} ms: x "
        f"{under.p99_ms() / calm.p99_ms():.2f} (turns: median {median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f})"
        f"; {len(calm.turns)} and {len(under.turns)} messages",
    )


def bombed(chosen: argparse.Namespace, folder: Path) -> bool:
    """100 credentials of five customers to one recipient, with the shipped limits, on two nodes."""
    customers = [*(customer(f"bomber{n}", n, 20) for n in range(1, 6)), customer("sixth", 6)]
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        redis = stack.enter_context(running())
        nodes = stack.enter_context(two_nodes(folder, sink.port, customers, redis.url))
        sent = bomb(nodes, 20, 20, VICTIM)
        got = sum(each.recipients.count(VICTIM) for each in sink.arrivals())
        named = Counter(each["customer"] for node in nodes for each in node.search("--rule", "FLOOD-RCPT"))
        sixth = send_all([task(nodes[0], "sixth", 6, 1, to=(VICTIM,), most=1)])
    return said(
        600 <= got == sent.passed <= 1370 and set(named) == {f"bomber{n}" for n in range(1, 6)} and sixth.passed == 1,
        f"bomb    {len(sent.turns)} messages of 100 credentials: {got} arrived, cap 600; audit has FLOOD-RCPT of "
        f"{dict(named)}; the sixth customer's single message: {dict(sixth.replies)}; {len(sent.broken)} sessions broke",
    )


SHOWS: dict[str, Callable[[argparse.Namespace, Path], bool]] = {
    "exact": exact,
    "outage": away,
    "hammer": hammered,
    "bomb": bombed,
}


def main() -> int:
    """Show; the exit status."""
    parser = argparse.ArgumentParser(prog="limits", description="Limits in full.")
    parser.add_argument("shows", nargs="*", metavar="SHOW", help=", ".join(SHOWS))
    parser.add_argument("--cap", type=int, default=1000)
    parser.add_argument("--sessions", type=int, default=64, help="of exact")
    parser.add_argument("--seconds", type=float, default=3, help="of a turn of hammer")
    parser.add_argument("--turns", type=int, default=12, help="of hammer")
    chosen = parser.parse_args()
    if set(chosen.shows) - set(SHOWS):
        parser.error(f"shows are {', '.join(SHOWS)}")
    well = True
    for name in chosen.shows or SHOWS:
        with tempfile.TemporaryDirectory(prefix="postern-limits-") as folder:
            well &= SHOWS[name](chosen, Path(folder))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
