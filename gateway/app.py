"""The composition root: builds every part of a running gateway, once, and passes each what it needs."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

from config.policy import Policy
from config.settings import Settings
from consent.database import RegistryError
from consent.importer import Importer
from filters import RULES
from filters.engine import bind
from gateway.audit.errors import JournalError
from gateway.audit.strangers import Strangers
from gateway.changes import Changes
from gateway.consents import Consents
from gateway.directory import Directory
from gateway.evidence import Evidence
from gateway.http.server import HttpServer
from gateway.jobs import Jobs
from gateway.ledger.memory import MemoryLedger
from gateway.ledger.model import Ledger
from gateway.metrics import Metrics
from gateway.nexthop import NextHop
from gateway.overload import Overload
from gateway.pipeline import Pipeline
from gateway.repeats import Repeats
from gateway.restore import TROUBLE, Restore, complaints
from gateway.smtp.admission import Admission
from gateway.smtp.auth import Authenticator
from gateway.smtp.backoff import Backoff
from gateway.smtp.body import Budget
from gateway.smtp.edge import Edge
from gateway.stores import Stores

log = logging.getLogger("postern")

_LAST_SECONDS = 2.0
PROCESS = "gateway"
"""The name of this process's chain under data_dir/audit."""


class Gateway:
    """A running gateway: `start`, then `stop`."""

    def __init__(self, settings: Settings, policy: Policy, clock: Callable[[], datetime]) -> None:
        self.settings, self.policy, self.clock = settings, policy, clock
        self.version = version("postern")
        self.metrics = Metrics()
        self.stores = Stores.open(settings)
        self.evidence = Evidence(settings, self.stores, clock)
        self.directory = Directory(policy)
        self.repeats = Repeats(self.stores.repeats, clock)
        self.changes = Changes(
            self.stores.customers, self.stores.repeats, self.directory, self.repeats, self.metrics, clock
        )
        self.strangers = Strangers()
        self.ledger = self._make_ledger()
        self.overload = Overload(settings.limits.loop_delay, self.metrics.loop_late)
        self._tasks: list[asyncio.Task[None]] = []
        self._stack = contextlib.AsyncExitStack()
        self.http_address = ""
        self.smtp_addresses: list[str] = []

    async def start(self) -> None:
        """Registry, audit, next hops, HTTP, then SMTP; raises what any of them raises, with nothing left open."""
        async with contextlib.AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()

    async def _start(self, stack: contextlib.AsyncExitStack) -> None:
        settings, loop = self.settings, asyncio.get_running_loop()
        stack.callback(self.stores.close)
        self.changes.load()
        self.metrics.switched_off(RULES, frozenset(bound.rule.code for bound in bind(self.policy)))
        # Off the loop: the last segment is read whole.
        self.journal = await asyncio.to_thread(self.evidence.open, PROCESS, version=self.version, wait_seconds=0)
        stack.push_async_callback(self.journal.close)
        self.restore = Restore(
            self.stores.consents,
            settings.data_dir / "audit",
            self.journal,
            self.metrics.alarm,
            self.clock,
            complaints(self.stores),
        )
        stack.callback(self.restore.stop)
        stack.push_async_callback(self.repeats.close)
        self.hops = {
            hop.name: NextHop(hop, hostname=settings.hostname, clock=loop.time, on_alarm=self.metrics.alarm)
            for hop in settings.next_hops
        }
        stack.push_async_callback(self.ledger.close)
        await self.ledger.open()
        authenticator = Authenticator(self.directory, Backoff(self.ledger), self.metrics, loop.time)
        stack.callback(authenticator.close)
        self.edge = self._make_edge(authenticator)
        # When the next hops are closed, what was still being forwarded ends; its outcome is yet to be noted.
        stack.push_async_callback(self.edge.ended, _LAST_SECONDS)
        for hop in self.hops.values():
            stack.push_async_callback(hop.close)
        await asyncio.gather(*(hop.start() for hop in self.hops.values()))
        self.consents = Consents(
            self.stores,
            self.journal,
            self.clock,
            operator_profile=settings.operator.profile,
            alarm=self.metrics.alarm,
        )
        importer = Importer(self.stores.consent_database, self.stores.secrets, self.clock)
        stack.callback(importer.close)
        self.jobs = Jobs(settings, importer, self.metrics.alarm)
        stack.push_async_callback(self.jobs.close)
        await self.jobs.open()
        http = HttpServer(self)
        self.http_address = await http.open()
        stack.push_async_callback(http.close)
        stack.push_async_callback(self._stop_tasks)
        # Before mail is let in: an address whose withdrawal the registry lost must not be written to meanwhile.
        await asyncio.to_thread(self.restore.start)
        stack.push_async_callback(self.edge.close, settings.limits.drain_timeout)
        self.smtp_addresses = await self.edge.open()
        follow = self.restore.follow(lambda: self.changes.went_back)
        works = (self.changes.follow(), follow, self.overload.watch(), self._every_minute(), self._every_day())
        for work in works:
            self._tasks.append(loop.create_task(work))

    def _make_ledger(self) -> Ledger:
        url = self.settings.ledger.url.get_secret_value()

        def clock() -> float:
            return self.clock().timestamp()

        if url == "memory://":
            return MemoryLedger(clock)
        # Imported here because its library costs a tenth of a second and some megabytes.
        from gateway.ledger.redis import RedisLedger

        return RedisLedger(url, processes=self.settings.ledger.nodes, clock=clock, alarm=self.metrics.alarm)

    def _make_edge(self, authenticator: Authenticator) -> Edge:
        settings = self.settings
        pipeline = Pipeline(
            hostname=settings.hostname,
            operator=settings.operator,
            limits=settings.limits,
            policy=self.policy,
            version=self.version,
            directory=self.directory,
            journal=self.journal,
            hops=self.hops,
            repeats=self.repeats,
            budget=Budget(settings.limits.body_memory, settings.limits.body_disk),
            metrics=self.metrics,
            clock=self.clock,
        )
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
        )

    async def stop(self) -> None:
        """Drain SMTP, then close the rest in the reverse order of the start."""
        await self._stack.aclose()

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
        if any(task.done() for task in self._tasks[:2]):
            found.append("registry: no longer followed")
        if not self.changes.current:
            found.append("registry: not reached")
        if self.restore.running:
            found.append(TROUBLE)
        if self.journal.full:
            found.append("audit: the disk is full or fails; mail is deferred")
        if not self.smtp_addresses:
            found.append("SMTP: not open yet")
        for name, hop in self.hops.items():
            self.metrics.healthy.labels(f"next-hop {name}").set(hop.healthy)
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
            await self._guarded(self.changes.clean())
            if self.policy.audit.retention_days:
                before = self.clock() - timedelta(days=self.policy.audit.retention_days)
                await self._guarded(asyncio.to_thread(self.journal.retire, before))
                await self._guarded(asyncio.to_thread(self.evidence.retire_others, PROCESS, before))
            await asyncio.sleep(86_400)

    async def _guarded(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except (RegistryError, JournalError) as error:
            self.metrics.alarm("upkeep", str(error))
