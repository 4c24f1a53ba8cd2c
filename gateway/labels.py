"""Labels: what clusters of near-identical mail are, as this process knows it. Read for every message of a cluster.

The operator says `transactional`, `confirmation` or `bulk`; the gateway itself notes when a cluster first was above the
observed-bulk numbers. Both stand in the registry, and every process follows it (`gateway.changes`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from consent.cluster_labels import KEPT, ClusterLabel, ClusterLabelStore, LabelName
from consent.database import RegistryError

OBSERVED_BY = "gateway"
"""By whom a cluster was observed."""
_RENEW = timedelta(days=30)
"""How old the day may be that the registry knows a cluster to have had mail on."""
_AGAIN_SECONDS = 5.0
"""Between two attempts to write what the registry did not take."""


class Label(NamedTuple):
    """What a cluster is."""

    name: LabelName | Literal["observed"]
    """The operator's word, which goes before; `observed` where there is none."""
    since: datetime
    by: str
    """A token's id, `user@host` of a command, or OBSERVED_BY."""
    observed: datetime | None = None
    """When it first was above the observed-bulk numbers, whatever the operator says."""


class Labels:
    """(customer, cluster) -> label."""

    def __init__(
        self, store: ClusterLabelStore, clock: Callable[[], datetime], alarm: Callable[[str, str], None]
    ) -> None:
        """`alarm` is `Metrics.alarm`."""
        self._store, self._clock, self._alarm = store, clock, alarm
        self._known: dict[tuple[str, str], ClusterLabel] = {}
        self._writing: dict[tuple[str, str, str], asyncio.Task[None]] = {}
        self._closing = asyncio.Event()

    def of(self, customer: str, cluster: str) -> Label | None:
        """What the cluster of a message is; None where nothing was said of it."""
        known = self._known.get((customer, cluster))
        if known is None:
            return None
        now = self._clock()
        if now - known.seen > _RENEW:
            self._known[customer, cluster] = replace(known, seen=now)
            self._in_background("renew", customer, cluster, lambda: self._store.renew(customer, cluster, now))
        return _label(known)

    def note_observed(self, customer: str, cluster: str, now: datetime) -> Label:
        """The cluster is above the observed-bulk numbers: its label, which is `observed` unless the operator said
        something else.

        It holds here at once. In the registry, where the first to note it decides since when, it is written off the
        loop, and again until that has succeeded; other processes know within five seconds.
        """
        known = self._known.get((customer, cluster))
        if known is None or known.observed is None:
            blank = known or ClusterLabel(customer, cluster, None, None, "", "", None, now)
            known = self._known[customer, cluster] = replace(blank, observed=now, seen=now)
            self._in_background("observed", customer, cluster, lambda: self._note(customer, cluster, now))
        found = _label(known)
        assert found is not None
        return found

    def load(self, stored: ClusterLabel) -> None:
        """What the registry holds, of this process or another."""
        known = self._known.get((stored.customer, stored.cluster))
        if stored.observed is None and known is not None and known.observed is not None:
            stored = replace(stored, observed=known.observed)  # its writing is under way
        self._known[stored.customer, stored.cluster] = stored

    def expire(self) -> None:
        """Forget those of clusters that had no mail for KEPT."""
        oldest = self._clock() - KEPT
        self._known = {key: held for key, held in self._known.items() if held.seen >= oldest}

    async def close(self) -> None:
        """Write what is not written yet; what the registry does not take now is lost, and noted anew by later mail."""
        self._closing.set()
        while self._writing:
            await asyncio.wait(self._writing.values())

    def _note(self, customer: str, cluster: str, now: datetime) -> None:
        self._store.note_observed(customer, cluster, now)

    def _in_background(self, what: str, customer: str, cluster: str, write: Callable[[], None]) -> None:
        """Write until it has succeeded; one such write at a time."""
        name = (what, customer, cluster)
        if name in self._writing:
            return
        task = asyncio.get_running_loop().create_task(self._written(write, f"cluster {cluster} of {customer}"))
        self._writing[name] = task
        task.add_done_callback(lambda _: self._writing.pop(name, None))

    async def _written(self, write: Callable[[], None], what: str) -> None:
        told = False
        while True:
            try:
                return await asyncio.to_thread(write)
            except RegistryError as error:
                if not told:
                    self._alarm("labels", f"{what}: not stored, tried again: {error}")
            told = True
            if self._closing.is_set():
                return None
            try:
                async with asyncio.timeout(_AGAIN_SECONDS):
                    await self._closing.wait()
            except TimeoutError:
                pass


def _label(known: ClusterLabel) -> Label | None:
    if known.label is not None and known.since is not None:
        return Label(known.label, known.since, known.by, known.observed)
    return None if known.observed is None else Label("observed", known.observed, OBSERVED_BY, known.observed)
