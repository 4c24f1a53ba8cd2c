"""HyperLogLog: how many different things were added, in a fixed room (Flajolet et al. 2007; Heule et al. 2013).

As Redis's PFADD and PFCOUNT, with fewer registers: 4,096 octets, standard error 1.6 %. Up to 256 things it holds their
hashes, and is exact.
"""

from collections.abc import Iterable
from hashlib import blake2b
from math import log

_BITS = 12
_REGISTERS = 1 << _BITS
_EXACT = 256
_ALPHA = 0.7213 / (1 + 1.079 / _REGISTERS)


class Sketch:
    """Things that were added."""

    __slots__ = ("_few", "_registers")

    def __init__(self) -> None:
        self._few: set[int] | None = set()
        self._registers = bytearray()

    def add(self, things: Iterable[str]) -> None:
        """Add some; what was added before changes nothing."""
        for thing in things:
            hashed = int.from_bytes(blake2b(thing.encode("utf-8", "surrogatepass"), digest_size=8).digest())
            if self._few is None:
                _note(self._registers, hashed)
            else:
                self._few.add(hashed)
                if len(self._few) > _EXACT:
                    self._registers, self._few = self._dense(), None

    @property
    def octets(self) -> int:
        """Of what it holds, about."""
        return len(self._registers) if self._few is None else 32 * len(self._few)

    def _dense(self) -> bytearray:
        registers = bytearray(self._registers or _REGISTERS)
        for hashed in self._few or ():
            _note(registers, hashed)
        return registers


def count(sketches: Iterable[Sketch], *more: str) -> int:
    """How many different things are in any of them, or among `more`."""
    every = list(sketches)
    if more:
        extra = Sketch()
        extra.add(more)
        every.append(extra)
    if all(each._few is not None for each in every):
        return len(set().union(*(each._few or () for each in every)))
    registers = bytes(_REGISTERS)
    for each in every:
        registers = bytes(map(max, registers, each._dense()))
    return _estimate(registers)


def _note(registers: bytearray, hashed: int) -> None:
    at = hashed & (_REGISTERS - 1)
    rank = 64 - _BITS - (hashed >> _BITS).bit_length() + 1
    if rank > registers[at]:
        registers[at] = rank


def _estimate(registers: bytes) -> int:
    empty = registers.count(0)
    raw = _ALPHA * _REGISTERS**2 / sum(2.0**-rank * registers.count(rank) for rank in range(64 - _BITS + 2))
    if raw <= 2.5 * _REGISTERS and empty:
        return round(_REGISTERS * log(_REGISTERS / empty))
    return round(raw)
