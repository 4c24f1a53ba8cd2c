"""Sorting: prepared entries put in the order of their keys before they are written, a million at a time.

Keys are as good as random. A batch of 20,000 in a tree of millions of standings therefore touches nearly as many pages
as it has rows, each of which is written twice, and the larger the registry the fewer rows a second it takes. Of
entries sorted beforehand a batch covers a small part of the tree, and they share pages.

What does not fit into memory lies in one unlinked file, as it was prepared: sealed.
"""

import pickle
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

from consent.records import Prepared

_RANGE = 1 << 16


class Sorter:
    """Takes prepared entries of one customer and gives all of them again, in parts of ascending keys.

    The same entries, added in the same order, always give the same parts, each with its entries in the order they
    came in. Memory is that of one addition and one part. Use it as a context.
    """

    def __init__(self, parts: int, folder: Path | None = None) -> None:
        """`parts` is into how many the keys are divided, at most 65,536; `folder` where the file lies, None: the
        system's for temporary files. Raises ValueError."""
        if not 1 <= parts <= _RANGE:
            raise ValueError("parts must be from 1 to 65536")
        self._parts = parts
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._places: list[list[int]] = [[] for _ in range(parts)]
        self.entries = 0
        """Entries added."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give up the file."""
        self._file.close()

    def add(self, prepared: Prepared) -> None:
        """Put entries aside. Raises OSError when there is no room."""
        parts = self._parts
        groups: list[list[int]] = [[] for _ in range(parts)]
        for at, key in enumerate(prepared.keys):
            groups[(key[1] << 8 | key[2]) * parts // _RANGE].append(at)
        stopping = set(prepared.stopping)
        for part, group in enumerate(groups):
            if group:
                self._places[part].append(self._file.tell())
                pickle.dump(_taken(prepared, group, stopping), self._file, pickle.HIGHEST_PROTOCOL)
        self.entries += len(prepared.keys)

    def parts(self) -> Iterator[Prepared]:
        """The parts that hold anything, in order. Nothing may be added meanwhile."""
        for places in self._places:
            pieces = []
            for place in places:
                self._file.seek(place)
                # Our own file, without a name: nobody else could have written it.
                pieces.append(pickle.load(self._file))  # noqa: S301
            if pieces:
                yield joined(pieces)


def _taken(prepared: Prepared, group: list[int], stopping: set[int]) -> Prepared:
    return Prepared(
        prepared.customer,
        [prepared.keys[at] for at in group],
        [prepared.salts[at] for at in group],
        [prepared.bodies[at] for at in group],
        [prepared.sealed[at] for at in group],
        [prepared.standings[at] for at in group],
        [at for at, whole in enumerate(group) if whole in stopping] if stopping else [],
        prepared.hashed,
        prepared.recorded,
    )


def joined(pieces: list[Prepared]) -> Prepared:
    """Prepared entries of one customer as one, in their order. A subject may be in several of them."""
    keys: list[bytes] = []
    stopping: list[int] = []
    for piece in pieces:
        stopping += [len(keys) + at for at in piece.stopping]
        keys += piece.keys
    standings = [standing for piece in pieces for standing in piece.standings]
    if len(set(keys)) < len(keys):
        often = {key for key, times in Counter(keys).items() if times > 1}
        standings = ["" if key in often else standing for key, standing in zip(keys, standings, strict=True)]
    return Prepared(
        pieces[0].customer,
        keys,
        [salt for piece in pieces for salt in piece.salts],
        [body for piece in pieces for body in piece.bodies],
        [sealed for piece in pieces for sealed in piece.sealed],
        standings,
        stopping,
        any(piece.hashed for piece in pieces),
        max(piece.recorded for piece in pieces),
    )
