"""A dictionary of bounded size that forgets what was not touched for long. As `get` and `put` of clusters.lua."""

from collections.abc import Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Generations(Generic[K, V]):
    """Two dictionaries: all that is put goes into the newer; when that is full it is the older, which is forgotten."""

    __slots__ = ("_bound", "_new", "_old")

    def __init__(self, bound: int) -> None:
        """`bound` entries are in one generation: at least so many are kept, and at most twice as many."""
        self._bound = bound
        self._new: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """What is there; to keep it, `put` it again."""
        found = self._new.get(key)
        return self._old.get(key) if found is None else found

    def put(self, key: K, value: V) -> None:
        """Into the newer generation."""
        self._new[key] = value
        if len(self._new) >= self._bound:
            self._old, self._new = self._new, {}

    def drop(self, key: K) -> None:
        """Out of both."""
        self._new.pop(key, None)
        self._old.pop(key, None)

    def items(self) -> Iterator[tuple[K, V]]:
        """All there is."""
        yield from self._new.items()
        for key, value in self._old.items():
            if key not in self._new:
                yield key, value

    def __len__(self) -> int:
        return sum(1 for _ in self.items())
