"""Changes: what other processes changed in the registry, brought into this one's memory within five seconds.

One cheap question a second: which rows carry a change number above the last one seen. So a suspension, a new password
or a repeat stored by another node acts here on the next MAIL, on open sessions too.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from consent.cluster_labels import ClusterLabel
from consent.customers import StoredCustomer
from consent.database import RegistryError
from consent.dkim_keys import DkimKey
from consent.repeats import Repeat
from filters.engine import UnknownRule
from gateway.directory import Directory
from gateway.labels import Labels
from gateway.metrics import Metrics
from gateway.repeats import KEPT, Repeats
from gateway.signing import Signing
from gateway.stores import Stores

log = logging.getLogger("postern.changes")

INTERVAL_SECONDS = 1.0
_AT_ONCE = 50
"""Customers that are replaced in one turn of the event loop: some milliseconds."""
_LOG_EVERY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Changed:
    """What the registry answered."""

    customers_seen: int
    customers: Sequence[StoredCustomer]
    keys: Mapping[str, Sequence[DkimKey]]
    """Of these customers."""
    repeats_seen: int
    repeats: Sequence[Repeat]
    labels_seen: int
    labels: Sequence[ClusterLabel]


class Changes:
    """Follows the registry's change counter."""

    def __init__(
        self,
        stores: Stores,
        directory: Directory,
        signing: Signing,
        repeats: Repeats,
        labels: Labels,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._customers, self._keys, self._repeat_store = stores.customers, stores.dkim_keys, stores.repeats
        self._labels, self._label_store = labels, stores.cluster_labels
        self._directory, self._signing, self._repeats = directory, signing, repeats
        self._metrics, self._clock = metrics, clock
        self._customers_seen = self._repeats_seen = self._labels_seen = 0
        self._logged = float("-inf")
        self._one_at_a_time = asyncio.Lock()
        self.current = False
        """Whether the last question was answered."""
        self.went_back = 0
        """How often the counter was seen to have gone back: the registry was restored from an older copy."""

    def load(self) -> None:
        """Read all that changed since the last time, and put it in force; raises RegistryError."""
        changed = self._fetch()
        for stored in changed.customers:
            self._put(stored, changed)
        self._conclude(changed)

    async def refresh(self) -> None:
        """The same without holding the loop while the registry answers; raises RegistryError.

        The directory is changed on the loop only, between two steps of any session: nobody looks up a customer who is
        just being replaced. After _AT_ONCE of them it is the sessions' turn.
        """
        async with self._one_at_a_time:
            changed = await asyncio.to_thread(self._fetch)
            for at, stored in enumerate(changed.customers, 1):
                self._put(stored, changed)
                if not at % _AT_ONCE:
                    await asyncio.sleep(0)
            self._conclude(changed)

    def _fetch(self) -> _Changed:
        seen, customers = self._customers.changed_since(self._customers_seen)
        keys = self._keys.active(stored.customer.id for stored in customers)
        repeats = self._repeat_store.changed_since(self._repeats_seen)
        return _Changed(seen, customers, keys, *repeats, *self._label_store.changed_since(self._labels_seen))

    def _put(self, stored: StoredCustomer, changed: _Changed) -> None:
        customer = stored.customer.id
        try:
            self._directory.update([stored])
        except UnknownRule as error:
            # Written by another version: what was known of this customer stays in force.
            self._metrics.alarm("registry", f"customer {customer}: {error}")
        self._signing.update({customer: changed.keys[customer]})

    def _conclude(self, changed: _Changed) -> None:
        for repeat in changed.repeats:
            self._repeats.load(repeat)
        for label in changed.labels:
            self._labels.load(label)
        self._labels_seen = changed.labels_seen
        self.went_back += changed.customers_seen < self._customers_seen
        self._customers_seen, self._repeats_seen = changed.customers_seen, changed.repeats_seen
        self.current = True

    async def follow(self) -> None:
        """Ask every second until cancelled; a registry that is down is logged once a minute."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self.refresh()
            except RegistryError as error:
                self.current = False
                if loop.time() - self._logged >= _LOG_EVERY_SECONDS:
                    self._logged = loop.time()
                    self._metrics.alarm("registry", str(error))
            self._metrics.healthy.labels("registry").set(self.current)
            await asyncio.sleep(INTERVAL_SECONDS)

    async def clean(self, *, stored: bool = True) -> None:
        """Once: forget repeats older than five days and labels of clusters that had no mail for 400, those that the
        registry has too where `stored`."""
        self._repeats.expire()
        self._labels.expire()
        if stored:
            await asyncio.to_thread(self._label_store.purge, self._clock())
            await asyncio.to_thread(self._repeat_store.purge, self._clock() - KEPT)
