"""A campaign of 10,000 in full: through a credential for bulk mail by a Postfix, as undeclared merges through one that is
`auto`, and with PRDR by an Exim. Prints what became of each kind of people; ends with status 1 where it is not so.

    python -m tests.bench.campaign [--people 10000] [bulk] [auto]
"""

import argparse
import asyncio
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tabulate import tabulate

from tests.rig import exim, postfix
from tests.rig.campaign import Installed, imported, installed, through_bulk, through_exim
from tests.rig.grounds import KINDS, Kind, Person, grounds, people
from tests.rig.merges import Round, through_auto
from tests.rig.sink import Sink

SOME = 200
"""Messages that the client tries while they are paced, and wait in its queue else."""
_SAID = re.compile(r"said: (.*?)(?:; ref .*)? \(in reply")


def _by_kind(everybody: Sequence[Person], addresses: Iterable[str]) -> Counter[Kind]:
    kinds = {each.address: each.kind for each in everybody}
    return Counter(kinds[each] for each in addresses)


def _said(text: str) -> str:
    found = _SAID.search(text)
    return found[1] if found else text[:100]


def bulk(found: Installed, sink: Sink, everybody: Sequence[Person]) -> list[str]:
    """Through the credential for bulk mail; what is wrong."""
    wrong = []
    with found.postern as postern:
        postern.wait_ready()
        told = through_bulk(postern, sink, everybody)
        print(
            f"\n{len(everybody):,} recipients through a bulk credential, by Postfix in {told.transactions} transactions "
            f"that arrived, {told.seconds:.0f} s; decided by {dict(told.workers)}\n"
        )
        arrived = _by_kind(everybody, told.arrived.elements())
        said: dict[Kind, Counter[str]] = {kind: Counter() for kind in KINDS}
        kinds = {each.address: each.kind for each in everybody}
        for each in told.log:
            if each.status != "sent":
                said[kinds[each.address]][f"{each.status}: {_said(each.said)}"] += 1
        rows = [
            (kind.name, kind.percent * len(everybody) // 100, arrived[kind], "; ".join(f"{text} ({n})" for text, n in said[kind].items()))
            for kind in KINDS
        ]  # fmt: skip
        print(tabulate(rows, ("on file", "people", "arrived", "Postfix's log"), tablefmt="github"))
        print(f"\nthe audit says they rested on: {dict(told.grounds)}; audit verify: status {told.verified}")
        if told.arrived != Counter(each.address for each in everybody if each.kind.ground):
            wrong.append("bulk: not exactly those with a ground")
        if any(
            set(said[kind]) != ({f"bounced: 550 {'5.1.1' if kind.reason == 'RCPT-INVALID' else '5.7.1'} {kind.said}"} if kind.reason else set())
            for kind in KINDS
        ):  # fmt: skip
            wrong.append("bulk: a refusal without its reason, or another")
        if told.grounds != grounds(everybody) or told.verified:
            wrong.append("bulk: the audit says otherwise")
        if reason := exim.missing():
            wrong.append(f"prdr: {reason}")
        else:
            wrong += prdr(found, sink, everybody)
    return wrong


def prdr(found: Installed, sink: Sink, everybody: Sequence[Person]) -> list[str]:
    """One message for a person of each kind, declared as bulk mail, on the credential that is `auto`."""
    asked = through_exim(found.starttls, sink, everybody, prdr=True)
    whole = through_exim(found.starttls, sink, everybody, prdr=False)
    print(
        f"\nExim with PRDR, one of each kind: {len(asked.delivered)} delivered, {len(asked.refused)} refused; its log:\n"
    )
    print("\n".join(line[20:] for line in asked.log.splitlines()))
    print(f"\nwithout PRDR: {len(whole.delivered)} delivered, {len(whole.refused)} refused")
    may = {next(each for each in everybody if each.kind is kind).address for kind in KINDS if kind.ground}
    right = asked.arrived and set(asked.arrived[0]) == asked.delivered == may and not whole.arrived
    return [] if right else ["prdr: not exactly those with a ground"]


def show(one: Round) -> None:
    """A round, as soon as it has ended."""
    answers = Counter(_said(each.said) for each in one.said.values() if each.status != "sent")
    hours, minutes = divmod(int(one.after.total_seconds()) // 60, 60)
    print(
        f"{hours:3}:{minutes:02}  tried {one.tried:6,}  arrived {len(one.arrived):6,}  ({one.seconds:.0f} s)",
        flush=True,
    )
    for text, count in answers.most_common():
        print(f"{count:20,}  {text}", flush=True)


def auto(found: Installed, sink: Sink, everybody: Sequence[Person]) -> list[str]:
    """As merges that declare nothing through the credential that is `auto`; what is wrong."""
    print(f"\n{len(everybody):,} merges through an auto credential, by Postfix; hours on the gateways' clock\n")
    told = asyncio.run(through_auto(found.postern.folder, sink, found.redis, everybody, some=SOME, report=show))
    kinds = {each.address: each.kind for each in everybody}
    without = {each for each in told.arrived if not kinds[each].ground}
    print(f"\narrived: {len(told.arrived):,} people, {len(without)} of them without a ground")
    print(f"let pass before it was seen to be bulk mail: {len(told.before)}")
    print(f"the audit says the others rested on: {dict(told.grounds)}")
    print(f"the webhook was told: {told.told}; acts {dict(told.acts)}; alarms {told.alarms:g}; reach {told.reached:,}")
    may = {each.address for each in everybody if each.kind.ground}
    wrong = []
    if set(told.arrived) - without != may or not without <= told.before:
        wrong.append("auto: not exactly those with a ground, and whoever came before it was seen")
    if not told.told or not told.alarms:
        wrong.append("auto: nobody was told")
    return wrong


def main() -> int:
    """The status to end with."""
    options = argparse.ArgumentParser()
    options.add_argument("parts", nargs="*", default=["bulk", "auto"])
    options.add_argument("--people", type=int, default=10_000)
    given = options.parse_args()
    if reason := postfix.missing():
        print(reason, file=sys.stderr)
        return 1
    everybody, wrong = people(given.people), []
    with tempfile.TemporaryDirectory(prefix="postern-campaign-") as name, Sink() as sink:
        with installed(Path(name) / "gw", sink, "--workers", "2") as found:
            told = imported(found.postern, everybody)
            rows = [(each.name, each.rows, each.accepted, f"{each.seconds:.1f}") for each in told]
            print(tabulate(rows, ("postern consent import", "rows", "accepted", "s"), tablefmt="github"))
            for part, run in (("bulk", bulk), ("auto", auto)):
                if part in given.parts:
                    wrong += run(found, sink, everybody)
    print("\n" + ("\n".join(wrong) or "all as it must be"))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
