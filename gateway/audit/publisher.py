"""Publisher: takes heads to the registry, at most once in an interval, off the writer's thread.

The registry may be slow or away; no decision waits for it.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from gateway.audit.head import Head

log = logging.getLogger("postern.audit")

Publish = Callable[[Head], None]
"""Keeps a head where the journal's disk is not; may raise, may take long."""


class Publisher:
    """A thread of its own with the newest head that was offered."""

    def __init__(self, publish: Publish, clock: Callable[[], datetime], interval: timedelta) -> None:
        self._publish, self._clock, self._interval = publish, clock, interval
        self._latest: Head | None = None
        self._published: Head | None = None
        self._last: datetime | None = None
        self._wake = threading.Event()
        self._closing = False
        self.failures = 0
        """Heads that could not be published."""
        self._thread = threading.Thread(target=self._run, name="postern-audit-heads", daemon=True)
        self._thread.start()

    def offer(self, head: Head) -> None:
        """This head is the newest; it is published now, or when the interval has passed."""
        self._latest = head
        if self._last is None or self._clock() - self._last >= self._interval:
            self._wake.set()

    def close(self) -> None:
        """Publish the newest head and end the thread. Raises nothing: what fails is logged and counted."""
        self._closing = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing:
            # The time-out serves a journal that has fallen silent with a head not yet published.
            self._wake.wait(self._interval.total_seconds())
            self._wake.clear()
            self._try()

    def _try(self) -> None:
        head = self._latest
        if head is None or head is self._published:
            return
        self._last = self._clock()
        try:
            self._publish(head)
        except Exception:
            self.failures += 1
            log.exception("audit head not published: process %s, record %d", head.process, head.n)
        else:
            self._published = head
