"""Import pace: how much is written in one transaction, so that nobody waits long behind it.

An import runs at the lowest priority and yet keeps everybody else from recording while its transaction lasts. On an
idle machine twenty thousand entries take a quarter of a second; where others use all of the processors they take many
seconds. So a transaction is as large as takes about `SECONDS`, by the time the last one took.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from consent.records import Prepared

SECONDS = 0.1
FEWEST = 250
"""Entries of a transaction however long they take: below that, commits are most of the work."""
_FIRST = 1000


class Pace:
    """The size of the next transaction."""

    def __init__(self, most: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`most` entries at most."""
        self._most, self._monotonic = most, monotonic
        self.entries = min(_FIRST, most)
        """Of the next transaction."""

    @contextmanager
    def timed(self, entries: int) -> Iterator[None]:
        """Time a transaction of so many entries. One that took too long makes the next smaller; one that could have
        been larger makes it larger, twice as large at most."""
        began = self._monotonic()
        yield
        taken = max(self._monotonic() - began, 1e-6)
        fits = int(entries * SECONDS / taken)
        if taken > SECONDS:
            self.entries = min(self._most, max(FEWEST, fits))
        elif fits > self.entries:
            self.entries = min(self._most, fits, 2 * self.entries)


def cut(prepared: Prepared, start: int, end: int) -> Prepared:
    """The entries from `start` up to `end`."""
    if start <= 0 and end >= len(prepared.keys):
        return prepared
    return Prepared(
        prepared.customer,
        prepared.keys[start:end],
        prepared.salts[start:end],
        prepared.bodies[start:end],
        prepared.sealed[start:end],
        prepared.standings[start:end],
        [at - start for at in prepared.stopping if start <= at < end],
        prepared.hashed,
        prepared.recorded,
    )
