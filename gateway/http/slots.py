"""Slots: how many requests of a kind that lasts run at once, and how many of them are one customer's."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from gateway.http.problems import LATER, Problem


class Slots:
    """A bounded number of slots, of which one customer leaves some to the others. For the event loop."""

    def __init__(self, most: int, of_one: int, what: str) -> None:
        """`what` says what so many of do: "files are being received"."""
        self._most, self._of_one, self._what = most, of_one, what
        self._held: Counter[str] = Counter()

    def check(self, customer: str) -> None:
        """Raise Problem 503 while a customer gets no slot."""
        if self._held.total() >= self._most:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"{self._most} {self._what}; try again later", LATER)
        if self._held[customer] >= self._of_one:
            text = f"{self._of_one} {self._what} for this customer; try again later"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, text, LATER)

    @contextmanager
    def held(self, customer: str) -> Iterator[None]:
        """Hold a slot during the block."""
        self._held[customer] += 1
        try:
            yield
        finally:
            self._held[customer] -= 1
