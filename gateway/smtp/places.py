"""Places: a bounded number of something in this process, shared so that who holds many never takes the last ones."""

from collections import Counter


class Places:
    """Taken and given back by holders: addresses, customers.

    A holder may take one more while it holds fewer than are free. So one that takes all it can get stops at half, n of
    them leave one part in n + 1 free, and who holds nothing is refused only when there is nothing at all (dynamic
    thresholds: Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998). A reserve is kept for those who
    are known.
    """

    def __init__(self, total: int, *, reserve: int = 0, most: int | None = None) -> None:
        """`most`: what one holder may have however many are free; None: no bound of its own."""
        self.total, self.reserve, self._most = total, reserve, most
        self.taken = 0
        self._held: Counter[str] = Counter()

    def held(self, holder: str) -> int:
        """How many it holds."""
        return self._held[holder]

    def take(self, holder: str, *, known: bool = False) -> bool:
        """Take one, if it may."""
        free = self.total - self.taken - (0 if known else self.reserve)
        held = self._held[holder]
        if held >= free or (self._most is not None and held >= self._most):
            return False
        self._held[holder] = held + 1
        self.taken += 1
        return True

    def give(self, holder: str) -> None:
        """Give one back."""
        self.taken -= 1
        self._drop(holder)

    def move(self, holder: str, to: str) -> None:
        """Somebody else is found to hold it; nobody is refused what it has already."""
        self._drop(holder)
        self._held[to] += 1

    def _drop(self, holder: str) -> None:
        self._held[holder] -= 1
        if self._held[holder] <= 0:
            del self._held[holder]
