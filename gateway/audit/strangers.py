"""Strangers: refusals of clients that no customer answers for, counted, so that they cannot fill the disk."""

from datetime import datetime, timedelta

from gateway.audit.upkeep import Refusals, Refused

WINDOW = timedelta(minutes=1)
MAX_KEYS = 1000
"""Clients, reasons and customers counted apart in one window; the rest is one number."""


class Strangers:
    """Counts in windows of a minute, each begun by a refusal; each becomes one record when `due` is asked after it."""

    def __init__(self, *, window: timedelta = WINDOW, max_keys: int = MAX_KEYS) -> None:
        self._window, self._max_keys = window, max_keys
        self._since: datetime | None = None
        self._counts: dict[tuple[str, str, str], int] = {}
        self._other = 0

    def count(self, client: str, reason: str, now: datetime, customer: str = "") -> None:
        """One more refusal of the client at this address, for this reason code; `customer`: whose account it tried."""
        if self._since is None:
            self._since = now
        key = (client, reason, customer)
        held = self._counts.get(key)
        if held is not None or len(self._counts) < self._max_keys:
            self._counts[key] = (held or 0) + 1
        else:
            self._other += 1

    def due(self, now: datetime) -> Refused | None:
        """The record of the window that is over, once; None while it runs, or when nobody was refused."""
        return self.flush(now) if self._since is not None and now - self._since >= self._window else None

    def flush(self, now: datetime) -> Refused | None:
        """The record of what was counted up to now, whether the window is over or not: for the end of the process."""
        if self._since is None:
            return None
        counts = tuple(Refusals(*key, count) for key, count in self._counts.items())
        total = sum(self._counts.values()) + self._other
        record = Refused(self._since, now, total, counts, self._other)
        self._since, self._counts, self._other = None, {}, 0
        return record
