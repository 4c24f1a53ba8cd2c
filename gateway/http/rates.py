"""Rates: how often one token may ask. A token bucket each, in this process's memory."""

from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from math import ceil

from gateway.http.problems import Problem

BURST_SECONDS = 10.0
"""A bucket holds what so many seconds refill."""
MOST_BUCKETS = 10_000
"""Tokens remembered; of more, the one that asked longest ago is forgotten, and its bucket is full again."""


class Rates:
    """One bucket for each token that asked."""

    def __init__(self, per_second: float, monotonic: Callable[[], float]) -> None:
        self._per_second, self._most, self._monotonic = per_second, per_second * BURST_SECONDS, monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Token's id -> (what was in its bucket, when)."""

    def take(self, token: str, cost: float = 1.0) -> None:
        """Take `cost` out of a token's bucket; raises Problem 429 while it does not hold so much.

        What costs more than a whole bucket takes the whole bucket.
        """
        now = self._monotonic()
        held, at = self._buckets.pop(token, (self._most, now))
        held = min(self._most, held + (now - at) * self._per_second)
        cost = min(cost, self._most)
        enough = held >= cost
        self._buckets[token] = (held - cost if enough else held, now)
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        if not enough:
            seconds = ceil((cost - held) / self._per_second)
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"this token asks more than {self._per_second:g} times a second: try again in {seconds} s",
                {"Retry-After": str(seconds)},
            )
