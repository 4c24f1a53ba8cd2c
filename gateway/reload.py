"""Reload: other settings, another policy and renewed certificates in a running gateway, all or nothing.

What is prepared is complete before anything is changed, and the change itself cannot fail. Sessions and transactions
that are open are not disturbed: a transaction keeps the policy, the rules and the next hop with which it began.
"""

import asyncio
import re
import ssl
from typing import TYPE_CHECKING, Protocol

from config.differences import differences
from config.files import ConfigError
from config.policy import Policy
from config.settings import Settings
from filters import RULES
from filters.engine import bind
from gateway.audit.record import Act
from gateway.directory import own_names
from gateway.nexthop import NextHop
from gateway.smtp.edge import server_contexts

if TYPE_CHECKING:
    from gateway.app import Gateway

ACTOR = "gateway"
_RETIRE_SECONDS = 0.5
_CHANGEABLE = re.compile(
    r"policy_file\Z|smtp\.listeners\[\d+\]\.(?:cert_file|key_file)\Z|next_hops(?:\[|\Z)|operator\.domains\Z"
    r"|limits\.(?:connections|connections_per_address|connections_per_customer|body_memory|body_disk"
    r"|command_timeout|decision_timeout|dot_timeout|drain_timeout)\Z"
)
"""What may change while the gateway runs. Whatever is not named here needs a restart, and says so."""


class Change(Protocol):
    """A change that is prepared; one of the two is called, once."""

    async def commit(self) -> None:
        """Put it in force."""
        ...

    async def abandon(self) -> None:
        """Leave all as it is."""
        ...


def changeable(old: Settings, new: Settings) -> list[str]:
    """The names of the settings that differ; raises ConfigError naming those that cannot change meanwhile."""
    names = differences(old, new)
    fixed = [name for name in names if not _CHANGEABLE.match(name)]
    if fixed:
        raise ConfigError(f"{', '.join(fixed)}: cannot change while the gateway runs: restart it")
    return names


async def reload(gateway: "Gateway", settings: Settings, policy: Policy) -> list[str]:
    """Put settings, policy and what they name (certificates, passwords, roots) in force; the names of what differs.

    Raises ConfigError or JournalError; then nothing is changed. It stands in the audit before it is in force.
    """
    names = changeable(gateway.settings, settings)
    change = await prepare(gateway, settings, policy)
    try:
        details = {"policy": policy.digest, "policy_before": gateway.policy.digest, "settings": names}
        await gateway.journal.append(Act(ACTOR, "reload", details=details))
    except BaseException:
        await change.abandon()
        raise
    await change.commit()
    return names


async def prepare(gateway: "Gateway", settings: Settings, policy: Policy) -> Change:
    """Make ready, in this process and in its workers, what differs; raises ConfigError."""
    contexts = await asyncio.to_thread(server_contexts, settings.smtp.listeners)
    if gateway.supervisor is not None:
        return _Everywhere(gateway, settings, policy, await gateway.supervisor.reload(settings, policy))
    kept = {
        hop.name: gateway.hops[hop.name]
        for hop in settings.next_hops
        # A file may hold something else now.
        if hop in gateway.settings.next_hops and not (hop.password_file or hop.ca_file)
    }
    hops = {hop.name: kept.get(hop.name) or gateway.make_hop(hop) for hop in settings.next_hops}
    change = _Here(gateway, settings, policy, hops, contexts)
    try:
        await asyncio.gather(*(hop.start() for name, hop in hops.items() if name not in kept))
    except BaseException:
        await change.abandon()
        raise
    return change


def _put_in_force(gateway: "Gateway", settings: Settings, policy: Policy) -> None:
    """What every process has."""
    gateway.settings, gateway.policy = settings, policy
    gateway.directory.rebind(policy, own_names(settings.hostname, settings.operator.domains))
    gateway.metrics.switched_off(RULES, frozenset(bound.rule.code for bound in bind(policy)))


class _Everywhere:
    """A change in a parent and all its workers."""

    def __init__(self, gateway: "Gateway", settings: Settings, policy: Policy, workers: Change) -> None:
        self._gateway, self._settings, self._policy, self._workers = gateway, settings, policy, workers

    async def commit(self) -> None:
        _put_in_force(self._gateway, self._settings, self._policy)
        await self._workers.commit()

    async def abandon(self) -> None:
        await self._workers.abandon()


class _Here:
    """A change in a process that does the mail."""

    def __init__(
        self,
        gateway: "Gateway",
        settings: Settings,
        policy: Policy,
        hops: dict[str, NextHop],
        contexts: dict[str, ssl.SSLContext | None],
    ) -> None:
        self._gateway, self._settings, self._policy = gateway, settings, policy
        self._hops, self._contexts = hops, contexts

    async def commit(self) -> None:
        """Nothing is awaited: no command is carried out between the one policy and the other."""
        gateway, limits = self._gateway, self._settings.limits
        budget = gateway.edge.pipeline.budget
        budget.memory, budget.disk = limits.body_memory, limits.body_disk
        pipeline = gateway.make_pipeline(self._settings, self._policy, self._hops, budget)
        gateway.edge.reload(pipeline, limits, self._contexts)
        old, gateway.hops = gateway.hops, self._hops
        _put_in_force(gateway, self._settings, self._policy)
        for name in old.keys() - self._hops.keys():
            gateway.metrics.forget(f"next-hop {name}")
        gone = [hop for name, hop in old.items() if self._hops.get(name) is not hop]
        if gone:
            task = asyncio.get_running_loop().create_task(self._retire(gone))
            gateway.retiring.add(task)
            task.add_done_callback(gateway.retiring.discard)

    async def _retire(self, hops: list[NextHop]) -> None:
        """Close next hops once the transactions that are open now have ended: they may be with them."""
        edge = self._gateway.edge
        left = edge.transactions()
        try:
            while True:
                left &= edge.transactions()
                if not left:
                    break
                await asyncio.sleep(_RETIRE_SECONDS)
        finally:
            await asyncio.gather(*(hop.close() for hop in hops))

    async def abandon(self) -> None:
        mine = [hop for name, hop in self._hops.items() if self._gateway.hops.get(name) is not hop]
        await asyncio.gather(*(hop.close() for hop in mine))
