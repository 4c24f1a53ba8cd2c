"""Changes: what other processes changed in the registry, brought into this one's memory within five seconds.

One cheap question a second: which rows carry a change number above the last one seen. So a suspension, a new password
or a repeat stored by another node acts here on the next MAIL, on open sessions too.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from consent.customers import CustomerStore
from consent.database import RegistryError
from consent.repeats import RepeatStore
from filters.engine import UnknownRule
from gateway.directory import Directory
from gateway.metrics import Metrics
from gateway.repeats import KEPT, Repeats

log = logging.getLogger("postern.changes")

INTERVAL_SECONDS = 1.0
_LOG_EVERY_SECONDS = 60.0


class Changes:
    """Follows the registry's change counter."""

    def __init__(
        self,
        customers: CustomerStore,
        repeat_store: RepeatStore,
        directory: Directory,
        repeats: Repeats,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._customers, self._repeat_store = customers, repeat_store
        self._directory, self._repeats, self._metrics, self._clock = directory, repeats, metrics, clock
        self._customers_seen = self._repeats_seen = 0
        self._logged = float("-inf")
        self.current = False
        """Whether the last question was answered."""

    def load(self) -> None:
        """Read all that changed since the last time; raises RegistryError."""
        seen, changed = self._customers.changed_since(self._customers_seen)
        for stored in changed:
            try:
                self._directory.update([stored])
            except UnknownRule as error:
                # Written by another version: what was known of this customer stays in force.
                self._metrics.alarm("registry", f"customer {stored.customer.id}: {error}")
        self._customers_seen = seen
        self._repeats_seen, repeats = self._repeat_store.changed_since(self._repeats_seen)
        for repeat in repeats:
            self._repeats.load(repeat)

    async def follow(self) -> None:
        """Ask every second until cancelled; a registry that is down is logged once a minute."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                await asyncio.to_thread(self.load)
                self.current = True
            except RegistryError as error:
                self.current = False
                if loop.time() - self._logged >= _LOG_EVERY_SECONDS:
                    self._logged = loop.time()
                    self._metrics.alarm("registry", str(error))
            self._metrics.healthy.labels("registry").set(self.current)
            await asyncio.sleep(INTERVAL_SECONDS)

    async def clean(self) -> None:
        """Once: forget repeats older than five days."""
        self._repeats.expire()
        await asyncio.to_thread(self._repeat_store.purge, self._clock() - KEPT)
