"""Columns: where each named column of a header stands, and how the same few cells are taken from every row.

A reader finds its columns once; per row it makes one call. Names come trimmed and case-folded (`row.Format.reader`),
may stand twice (R-247), and rows may be shorter or longer than the header.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter

from consent.imports.row import ImportRefused

Pick = Callable[[Sequence[str]], tuple[str, ...]]
"""One row's cells -> the wanted ones, in the order they were asked for, as written."""


class Columns:
    """The columns of one header."""

    def __init__(self, header: Sequence[str]) -> None:
        self.names = tuple(header)
        self._places: dict[str, list[int]] = {}
        for place, name in enumerate(self.names):
            self._places.setdefault(name, []).append(place)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def first(self, *names: str) -> int | None:
        """Where the first of `names` that is there stands for the first time; None when none is there."""
        return next((self._places[name][0] for name in names if name in self._places), None)

    def every(self, *names: str) -> list[int]:
        """All places at which any of `names` stands, in order."""
        return sorted(place for name in set(names) for place in self._places.get(name, ()))

    def needed(self, title: str, *names: str) -> int:
        """Like `first`; raises ImportRefused when none of `names` is there."""
        place = self.first(*names)
        if place is None:
            wanted = " or ".join(f'"{name}"' for name in names)
            raise ImportRefused(
                f"{title}: the header has no column {wanted}. Headers are read in English: export again with English as"
                " the account's language, or name the columns so."
            )
        return place

    def picker(self, *places: int | None) -> Pick:
        """The function that takes the cells at `places` from a row; None, and what a short row lacks, give ""."""
        width = len(self.names)
        wanted = [width if place is None else place for place in places]
        get: Callable[[list[str]], tuple[str, ...]]
        if len(wanted) > 1:
            get = itemgetter(*wanted)
        else:  # of one place it would give no tuple

            def get(row: list[str]) -> tuple[str, ...]:
                return tuple(row[place] for place in wanted)

        def pick(cells: Sequence[str]) -> tuple[str, ...]:
            if len(cells) == width:
                return get([*cells, ""])
            return get([*cells[:width], *[""] * max(1, width + 1 - len(cells))])

        return pick

    def filled(self, *names: str) -> Callable[[Sequence[str]], tuple[str, str]]:
        """The function that finds, of those of `names` that are there, the first whose cell is not blank in a row:
        (name, cell trimmed), or (the first that is there, or of all, "")."""
        there = [name for name in names if name in self._places]
        pick = self.picker(*(self.first(name) for name in there))
        empty = ((there or list(names) or [""])[0], "")

        def find(cells: Sequence[str]) -> tuple[str, str]:
            for name, cell in zip(there, pick(cells), strict=True):
                if told := cell.strip():
                    return name, told
            return empty

        return find
