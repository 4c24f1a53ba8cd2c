"""The composition root: builds every part of a running gateway, once, and passes each what it needs.

One process does all of it; or a parent does what a node has once (HTTP, import jobs, replay of withdrawals, retention)
and workers, which it supervises, do the mail.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

from config.customers import Customer
from config.policy import Policy
from config.settings import NextHop as NextHopSettings
from config.settings import Settings
from consent.database import RegistryError
from consent.importer import Importer
from consent.lists import ListStore
from consent.model import Event
from consent.unsubscribe import Token, Tokens
from filters import RULES
from filters.engine import bind
from gateway.alert_mail import AlertMail
from gateway.alerts import Alerts
from gateway.audit.errors import JournalError
from gateway.audit.strangers import Strangers
from gateway.changes import Changes
from gateway.confirmations import Confirmations
from gateway.confirming import Confirming
from gateway.consents import Consents
from gateway.directory import Directory, own_names
from gateway.dns import Resolver
from gateway.evidence import Evidence
from gateway.forked import Forked
from gateway.http.server import servers
from gateway.jobs import Jobs
from gateway.labels import Labels
from gateway.leavers import Leavers
from gateway.ledger.clusters import Cluster, Clusters
from gateway.ledger.clusters_memory import MemoryClusters
from gateway.ledger.memory import MemoryLedger
from gateway.ledger.model import Ledger
from gateway.limits import Wanted, inward
from gateway.links import Links
from gateway.metrics import Metrics, exposition
from gateway.nexthop import NextHop
from gateway.overload import Overload
from gateway.own_mail import OwnMail
from gateway.pipeline import Pipeline
from gateway.posting import Poster
from gateway.registry import Registry
from gateway.repeats import Repeats
from gateway.restore import TROUBLE, Restore, complaints
from gateway.rota import Rota
from gateway.signals import Locker, Signals
from gateway.signing import Signing
from gateway.smtp.admission import Admission
from gateway.smtp.auth import Authenticator
from gateway.smtp.backoff import Backoff
from gateway.smtp.body import Budget
from gateway.smtp.edge import Edge
from gateway.stores import Stores
from gateway.summing import summed
from gateway.supervisor import Supervisor
from gateway.unsubscribes import Unsubscribes
from gateway.usage import Window, grown, windows
from gateway.vouching import Vouching
from gateway.webhooks import Webhooks

log = logging.getLogger("postern")

_LAST_SECONDS = 2.0
PROCESS = "gateway"
"""The name of the chain under data_dir/audit of the process that does what a node has once."""
_PREDECESSOR_SECONDS = 10.0
"""How long a worker waits for the audit chain of the one before it, which may still be draining."""


class Gateway:
    """A running gateway: `start`, then `stop`."""

    def __init__(
        self,
        settings: Settings,
        policy: Policy,
        clock: Callable[[], datetime],
        *,
        workers: int = 0,
        forked: Sequence[Forked] = (),
        process: str = PROCESS,
    ) -> None:
        """`workers`: so many processes of their own serve SMTP; `forked`: those of them that wait already; `process`:
        the name of one of them, in it."""
        self.settings, self.policy, self.clock, self.process = settings, policy, clock, process
        self.version = version("postern")
        self.once = process == PROCESS
        """Whether this process does what a node has once."""
        self.metrics = Metrics()
        self.stores = Stores.open(settings)
        self.evidence = Evidence(settings, self.stores, clock)
        self.directory = Directory(policy, own_names(settings.hostname, settings.operator.domains))
        self.repeats = Repeats(self.stores.repeats, clock)
        self.signing = Signing(self.stores.secrets)
        self.labels = Labels(self.stores.cluster_labels, clock, self.metrics.alarm)
        self.changes = Changes(
            self.stores, self.directory, self.signing, self.repeats, self.labels, self.metrics, clock
        )
        self.strangers = Strangers()
        self.ledger, self.clusters = self._make_ledger()
        self.overload = Overload(settings.limits.loop_delay, self.metrics.loop_late)
        self._rota = Rota()
        self._own_mail = OwnMail()
        self._alert_mail = AlertMail(lambda: self.settings, self._own_mail)
        self.supervisor = Supervisor(settings, policy, workers, self.metrics, forked) if workers else None
        self.resolver: Resolver | None = None
        self.hops: dict[str, NextHop] = {}
        self.retiring: set[asyncio.Task[None]] = set()
        """Next hops that a change of settings has replaced, until the mail that is with them has ended."""
        self._tasks: list[asyncio.Task[None]] = []
        self._stack = contextlib.AsyncExitStack()
        self.http_address = ""
        self.http_addresses: list[str] = []
        """The API's, and that of the public where it has its own."""
        self.unsubscribe_tokens = Tokens(self.stores.secrets)
        self.smtp_addresses: list[str] = []

    async def start(self) -> None:
        """Registry, audit, next hops, HTTP, then SMTP; raises what any of them raises, with nothing left open."""
        async with contextlib.AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()

    async def _start(self, stack: contextlib.AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()
        stack.callback(self.stores.close)
        if self.supervisor is not None:
            stack.push_async_callback(self.supervisor.close, 0)
            await self.supervisor.spawn()
        stack.callback(self.signing.close)
        self.changes.load()
        self.metrics.switched_off(RULES, frozenset(bound.rule.code for bound in bind(self.policy)))
        # Off the loop: the last segment is read whole.
        wait = 0 if self.once else _PREDECESSOR_SECONDS
        self.journal = await asyncio.to_thread(
            self.evidence.open, self.process, version=self.version, wait_seconds=wait
        )
        stack.push_async_callback(self.journal.close)
        stack.push_async_callback(self.repeats.close)
        stack.push_async_callback(self.labels.close)
        self.alerts = Alerts(
            self.stores.outbox, self._customer, self._alert_mail.reaches, self.journal.note, self.metrics.alarm
        )
        stack.push_async_callback(self.alerts.close)
        self.consents = Consents(
            self.stores,
            self.journal,
            self.clock,
            operator_profile=self.settings.operator.profile,
            alarm=self.metrics.alarm,
        )
        lists = ListStore(self.stores.consent_database)
        self.leavers = Leavers(self.stores.outbox, lists, self._customer, self.clock, self.metrics.alarm)
        stack.push_async_callback(self.leavers.close)
        self.unsubscribes = Unsubscribes(
            self.consents,
            self.journal,
            self.unsubscribe_tokens,
            self.directory,
            missed=self._missed,
            left=self._left,
            undone=self.leavers.undone,
        )
        self.registry = Registry(self.consents, self.metrics.alarm, asyncio.get_running_loop().time)
        stack.callback(self.registry.close)
        if self.supervisor is None:
            await self._start_mail(stack)
        if self.once:
            await self._start_once(stack)
        stack.push_async_callback(self._stop_tasks)
        if self.once:
            # Before mail is let in: an address whose withdrawal the registry lost must not be written to meanwhile.
            await asyncio.to_thread(self.restore.start)
        front = self.supervisor or self.edge
        stack.push_async_callback(lambda: front.close(self.settings.limits.drain_timeout))
        self.smtp_addresses = await front.open()
        self._tasks.append(loop.create_task(self.changes.follow()))
        if self.once:
            self._tasks.append(loop.create_task(self.restore.follow(lambda: self.changes.went_back)))
            self._tasks += [loop.create_task(self.webhooks.run()), loop.create_task(self.confirming.run())]
        if self.supervisor is None:
            self._tasks.append(loop.create_task(self.overload.watch()))
        sought = self.settings.data_dir / "audit" if self.once else None
        self._tasks.append(loop.create_task(self.leavers.run(sought)))
        self._tasks += [loop.create_task(work) for work in (self.alerts.run(), self._every_minute(), self._every_day())]

    async def _start_mail(self, stack: contextlib.AsyncExitStack) -> None:
        """Next hops, and the edge, which does not listen yet."""
        loop = asyncio.get_running_loop()
        if self.settings.dns.servers:
            self.resolver = Resolver(self.settings.dns.servers, loop.time)
            stack.push_async_callback(self.resolver.close)
        self.hops = {hop.name: self.make_hop(hop) for hop in self.settings.next_hops}
        stack.push_async_callback(self.ledger.close)
        await self.ledger.open()
        stack.push_async_callback(self.clusters.close)
        authenticator = Authenticator(self.directory, Backoff(self.ledger), self.metrics, loop.time, self.clock)
        stack.callback(authenticator.close)
        self.vouching = Vouching(self.resolver)
        stack.callback(self.vouching.close)
        self.locker = Locker(self.stores.credentials, self.journal, self.ledger, self.metrics, self.clock)
        self.edge = self._make_edge(authenticator)
        # When the next hops are closed, what was still being forwarded ends; its outcome is yet to be noted.
        stack.push_async_callback(self.edge.ended, _LAST_SECONDS)
        stack.push_async_callback(self._close_hops)
        await asyncio.gather(*(hop.start() for hop in self.hops.values()))

    async def _start_once(self, stack: contextlib.AsyncExitStack) -> None:
        """What a node has once: replay of withdrawals (not begun), import jobs, HTTP."""
        settings = self.settings
        live = () if self.supervisor is None else self.supervisor.names
        await self._guarded(asyncio.to_thread(self.evidence.conclude_workers, live))
        self.restore = Restore(
            self.stores.consents,
            settings.data_dir / "audit",
            self.journal,
            self.metrics.alarm,
            self.clock,
            complaints(self.stores),
        )
        stack.callback(self.restore.stop)
        importer = Importer(self.stores.consent_database, self.stores.secrets, self.clock)
        stack.callback(importer.close)
        self.jobs = Jobs(settings, importer, self.metrics.alarm)
        stack.push_async_callback(self.jobs.close)
        await self.jobs.open()
        self.confirmations = Confirmations(
            self.consents, self.stores.confirmations, lambda: self.settings, self._customer
        )
        self.confirming = Confirming(
            self.confirmations,
            lambda: self.settings,
            self._own_mail,
            self.signing,
            self.journal.note,
            self.metrics,
            self.clock,
        )
        stack.push_async_callback(self.confirming.close, _LAST_SECONDS)
        self.webhooks = Webhooks(
            self.stores.outbox,
            self.stores.secrets,
            self._customer,
            Poster(settings.webhooks),
            self._alert_mail,
            self.metrics,
            self.clock,
        )
        stack.push_async_callback(self.webhooks.close, _LAST_SECONDS)
        for server in servers(self):
            self.http_addresses.append(await server.open())
            stack.push_async_callback(server.close)
        self.http_address = self.http_addresses[0]

    def _make_ledger(self) -> tuple[Ledger, Clusters]:
        """What counts together, and the clusters, which go to Redis by the same way."""
        url, processes = self.settings.ledger.url.get_secret_value(), self.settings.ledger.nodes

        def clock() -> float:
            return self.clock().timestamp()

        if url == "memory://":
            return MemoryLedger(clock), MemoryClusters(clock)
        # Imported here because its library costs a tenth of a second and some megabytes.
        from gateway.ledger.clusters_redis import RedisClusters
        from gateway.ledger.redis import RedisLedger

        ledger = RedisLedger(url, processes=processes, clock=clock, alarm=self.metrics.alarm)
        return ledger, RedisClusters(ledger, processes=processes, clock=clock)

    def _customer(self, customer: str) -> Customer | None:
        """A customer as it is in memory."""
        entry = self.directory.get(customer)
        return None if entry is None else entry.customer

    def make_hop(self, settings: NextHopSettings) -> NextHop:
        """A next hop that is not started."""
        clock, alarm = asyncio.get_running_loop().time, self.metrics.alarm
        return NextHop(settings, hostname=self.settings.hostname, clock=clock, on_alarm=alarm, rota=self._rota)

    def make_pipeline(
        self, settings: Settings, policy: Policy, hops: Mapping[str, NextHop], budget: Budget
    ) -> Pipeline:
        """The pipeline of this process under some settings and policy."""
        return Pipeline(
            hostname=settings.hostname,
            operator=settings.operator,
            limits=settings.limits,
            policy=policy,
            version=self.version,
            directory=self.directory,
            journal=self.journal,
            hops=hops,
            repeats=self.repeats,
            budget=budget,
            metrics=self.metrics,
            vouching=self.vouching,
            signing=self.signing,
            clock=self.clock,
            trace_key=self.stores.secrets.trace_key,
            unsubscribes=self.unsubscribes,
            registry=self.registry,
            clusters=self.clusters,
            labels=self.labels,
            fingerprint_key=self.stores.secrets.fingerprint_key,
            links=Links(settings, self.unsubscribe_tokens, self.stores.secrets),
            resolver=self.resolver,
            ledger=self.ledger,
            alerts=self.alerts,
            address_key=self.stores.secrets.address_key,
            signals=Signals(policy, self.ledger, self.locker, self.stores.secrets.trace_key),
        )

    @property
    def links(self) -> Links:
        """Unsubscribe links under the settings in force."""
        return Links(self.settings, self.unsubscribe_tokens, self.stores.secrets)

    def _make_edge(self, authenticator: Authenticator) -> Edge:
        settings = self.settings
        budget = Budget(settings.limits.body_memory, settings.limits.body_disk)
        pipeline = self.make_pipeline(settings, self.policy, self.hops, budget)
        return Edge(
            hostname=settings.hostname,
            limits=settings.limits,
            listeners=settings.smtp.listeners,
            pipeline=pipeline,
            directory=self.directory,
            authenticator=authenticator,
            admission=Admission(settings.limits, self.ledger, self.overload, self.metrics),
            strangers=self.strangers,
            metrics=self.metrics,
            clock=self.clock,
            rota=self._rota,
            reuse_port=not self.once,
        )

    async def stop(self) -> None:
        """Drain SMTP, then close the rest in the reverse order of the start."""
        await self._stack.aclose()

    def hurry(self) -> None:
        """Let a `stop` that is under way wait no longer for open transactions."""
        (self.supervisor or self.edge).hurry()

    async def _close_hops(self) -> None:
        for task in self.retiring:
            task.cancel()
        await asyncio.gather(*self.retiring, *(hop.close() for hop in self.hops.values()), return_exceptions=True)

    async def refresh(self) -> None:
        """Follow the registry's changes now, in every process of this node; raises RegistryError."""
        await self.changes.refresh()
        if self.supervisor is not None:
            await self.supervisor.refresh()

    async def usage(self, customer: Customer, wanted: Wanted | None = None) -> list[Window]:
        """How a customer's limits stand, in all processes, and those that are the operator's to see where they are
        `wanted`; raises LedgerAway."""
        limits = self.policy.limits
        more = [] if wanted is None else inward(limits, customer, wanted, self.stores.secrets.address_key)
        if self.supervisor is None:
            return await windows(self.ledger, limits, customer, more)
        # It is the workers that count. One that is asked now and then need not hold a connection.
        ledger, _ = self._make_ledger()
        try:
            return await windows(ledger, limits, customer, more)
        finally:
            await ledger.close()

    async def grown(self, customer: str) -> list[Cluster]:
        """The clusters of a customer's mail, of all processes; raises LedgerAway."""
        if self.supervisor is None:
            return await grown(self.ledger, self.clusters, customer)
        ledger, clusters = self._make_ledger()
        try:
            return await grown(ledger, clusters, customer)
        finally:
            await ledger.close()

    async def exposition(self) -> bytes:
        """What Prometheus scrapes: of all processes of this node."""
        self.trouble()
        # Counted in this process only, which knows all there are.
        locked, exempted = self.directory.switched(self.clock())
        self.metrics.locked.set(locked)
        self.metrics.exempted.set(exempted)
        if self.supervisor is None:
            return self.metrics.text()
        return exposition(summed([self.metrics.families(), await self.supervisor.families()]))

    def _missed(self) -> None:
        """Of what asks for it, HTTP, this process does all that a node does."""
        self.restore.missed()

    def _left(self, token: Token, event: Event) -> None:
        """Somebody has left, by whichever way: it is durable. The customer is told (R-125)."""
        self.metrics.unsubscribes.labels(event.reason).inc()
        self.leavers.left(token, event)

    async def _stop_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        refused = self.strangers.flush(self.clock())
        if refused is not None:
            self.journal.note(refused)

    def trouble(self) -> list[str]:
        """Why mail does not flow, one line per reason; empty when ready."""
        found = [hop.trouble for hop in self.hops.values() if not hop.healthy]
        if any(task.done() for task in self._tasks[: 1 + self.once]):
            found.append("registry: no longer followed")
        if not self.changes.current:
            found.append("registry: not reached")
        if self.once and self.restore.running:
            found.append(TROUBLE)
        if self.journal.full:
            found.append("audit: the disk is full or fails; mail is deferred")
        if not self.smtp_addresses:
            found.append("SMTP: not open yet")
        elif self.supervisor is not None:
            found += self.supervisor.trouble()
        elif self.edge.draining:
            found.append("SMTP: drains, and then ends")
        for name, hop in self.hops.items():
            self.metrics.healthy.labels(f"next-hop {name}").set(hop.healthy)
        if self.supervisor is None:
            self.metrics.healthy.labels("ledger").set(self.ledger.healthy)
        return found

    async def _every_minute(self) -> None:
        while True:
            await asyncio.sleep(60)
            refused = self.strangers.due(self.clock())
            if refused is not None:
                self.journal.note(refused)

    async def _every_day(self) -> None:
        while True:
            await self._guarded(self.changes.clean(stored=self.once))
            if self.once:
                await self._guarded(self.webhooks.purge())
                await self._guarded(self.confirming.purge())
            if self.policy.audit.retention_days:
                before = self.clock() - timedelta(days=self.policy.audit.retention_days)
                await self._guarded(asyncio.to_thread(self.journal.retire, before))
                if self.once:
                    await self._guarded(asyncio.to_thread(self.evidence.retire_others, self.process, before))
            await asyncio.sleep(86_400)

    async def _guarded(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except (RegistryError, JournalError) as error:
            self.metrics.alarm("upkeep", str(error))
