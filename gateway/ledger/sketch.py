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
_HIGHS = int.from_bytes(b"\x80" * _REGISTERS)
"""The highest bit of each register, which no rank has."""


class Sketch:
    """Things that were added."""

    __slots__ = ("_asked", "_few", "_registers")

    def __init__(self) -> None:
        self._few: set[int] | None = set()
        self._registers = bytearray()
        self._asked: bytearray | None = None
        """The registers that `_few` come to, once somebody has asked for them."""

    def add(self, things: Iterable[str]) -> None:
        """Add some; what was added before changes nothing."""
        for thing in things:
            hashed = int.from_bytes(blake2b(thing.encode("utf-8", "surrogatepass"), digest_size=8).digest())
            if self._few is None:
                _note(self._registers, hashed)
            else:
                self._few.add(hashed)
                if self._asked is not None:
                    _note(self._asked, hashed)
                if len(self._few) > _EXACT:
                    self._registers, self._few, self._asked = self._dense(), None, None

    @property
    def octets(self) -> int:
        """Of what it holds, about."""
        return len(self._registers) if self._few is None else 32 * len(self._few)

    def _dense(self) -> bytearray:
        if self._few is None:
            return self._registers
        if self._asked is None:
            self._asked = bytearray(_REGISTERS)
            for hashed in self._few:
                _note(self._asked, hashed)
        return self._asked


def count(sketches: Iterable[Sketch], *more: str) -> int:
    """How many different things are in any of them, or among `more`."""
    every = list(sketches)
    if more:
        extra = Sketch()
        extra.add(more)
        every.append(extra)
    if all(each._few is not None for each in every):
        return len(set().union(*(each._few or () for each in every)))
    registers = 0
    for each in every:
        registers = _larger(registers, int.from_bytes(each._dense()))
    return _estimate(registers.to_bytes(_REGISTERS))


def _larger(one: int, other: int) -> int:
    """The larger of each two registers, of all at once."""
    not_less = ((one | _HIGHS) - other) & _HIGHS
    whole = not_less | (not_less - (not_less >> 7))
    return other ^ ((one ^ other) & whole)


def _note(registers: bytearray, hashed: int) -> None:
    at = hashed & (_REGISTERS - 1)
    rank = 64 - _BITS - (hashed >> _BITS).bit_length() + 1
    if rank > registers[at]:
        registers[at] = rank


def _estimate(registers: bytes) -> int:
    empty = registers.count(0)
    total, left = 0.0, _REGISTERS
    for rank in range(64 - _BITS + 2):
        with_it = registers.count(rank)
        total += 2.0**-rank * with_it
        left -= with_it
        if not left:
            break
    raw = _ALPHA * _REGISTERS**2 / total
    if raw <= 2.5 * _REGISTERS and empty:
        return round(_REGISTERS * log(_REGISTERS / empty))
    return round(raw)
