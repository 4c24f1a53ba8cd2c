"""Usage: how the limits of a customer stand, and which near-identical mail it sends."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite

from config.customers import Customer
from config.limits import LimitsPolicy
from gateway.ledger.clusters import Cluster, Clusters
from gateway.ledger.model import Ledger
from gateway.limits import Limit, standing


class LedgerAway(Exception):
    """The processes do not count together now, so nobody knows what they have counted."""


@dataclass(frozen=True, slots=True)
class Window:
    """One limit in one window."""

    scope: str
    """In the policy's words, such as `credential`."""
    name: str
    """Which one of its scope: never a local-part."""
    measure: str
    window: str
    """`minute`, `hour`, `day` or `30_days`."""
    cap: int
    hard: bool
    used: int
    """Passed in the window, or under way now."""
    room: int
    reset: int | None
    """Seconds until there is room for one more: 0 is now, None never as long as the cap stands."""


async def windows(ledger: Ledger, policy: LimitsPolicy, customer: Customer, more: Sequence[Limit] = ()) -> list[Window]:
    """The limits of a customer, of its reports, streams and credentials, and `more`; raises LedgerAway."""
    limits = [*standing(policy, customer), *more]
    uses = await ledger.usage(*(limit.charge(1) for limit in limits)) if limits else []
    _check(ledger)
    return [
        Window(
            scope=limit.scope,
            name=limit.name,
            measure=limit.measure,
            window=cap.window,
            cap=cap.most,
            hard=cap.hard,
            used=use.used,
            room=max(0, cap.most - use.used),
            reset=ceil(use.seconds) if isfinite(use.seconds) else None,
        )
        for limit, found in zip(limits, uses, strict=True)
        for cap, use in zip(limit.caps, found, strict=True)
    ]


async def grown(ledger: Ledger, clusters: Clusters, customer: str) -> list[Cluster]:
    """The largest clusters of a customer's mail, the one with most messages first; raises LedgerAway."""
    found = await clusters.grown(customer)
    _check(ledger)
    return found


def _check(ledger: Ledger) -> None:
    if not ledger.healthy:
        raise LedgerAway("the ledger does not answer: what all processes counted is not known; look at its Redis")
