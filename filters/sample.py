"""A sample of a long text that is the same for near-identical texts, wherever in them the same passages stand. Pure.

The text is cut where its letters make a certain pattern, each letter counting as one of a few classes that the key
decides. The pieces are put in order by the classes of the letters that they begin with, and those that come first are
taken, until there are enough. So a change is seen in the piece it is made in, and what stands before, behind or between
moves nothing; and nobody outside can write where it is not looked.
"""

from functools import lru_cache
from hashlib import blake2b
from itertools import accumulate

_CLASSES = 5
"""Classes of octets that make a pattern, each with as many letters."""
_PATTERN = bytes((0, 1, 2))
"""It stands every two hundred octets, more or less."""
_BEGINNING = 24
"""Octets by which two pieces are told apart."""
_LONGEST = 1024
"""Octets of a piece that are taken: a text of few letters is one piece, which would take the place of all others."""


def sample(text: str, key: bytes, most: int) -> str:
    """Pieces of a text in their order, in `most` octets of UTF-8, or all of one that has no more."""
    octets = text.encode("utf-8", "replace")
    if len(octets) <= most:
        return text
    pieces = octets.translate(_classes(key)).split(_PATTERN)
    step = len(_PATTERN)
    begins = list(accumulate(map(len, pieces), initial=0))
    # Of those that begin alike one is taken: else what is said again and again would push out the rest.
    places = {piece[:_BEGINNING]: at for at, piece in enumerate(pieces)}
    taken: list[tuple[int, int]] = []
    left = most
    for beginning in sorted(places):
        at = places[beginning]
        begin = begins[at] + at * step
        end = min(begins[at + 1] + at * step + step, begin + _LONGEST)
        taken.append((begin, min(end, begin + left)))
        left -= end - begin
        if left <= 0:
            break
    return b"".join([octets[begin:end] for begin, end in sorted(taken)]).decode("utf-8", "ignore")


@lru_cache(maxsize=4)
def _classes(key: bytes) -> bytes:
    """The class of each octet: letters of either case are alike, and white space is."""
    order = sorted(range(256), key=lambda at: (not chr(at).isascii() or not chr(at).isalpha(), _digest(key, at)))
    classes = {at: number % _CLASSES for number, at in enumerate(each for each in order if not 65 <= each <= 90)}
    return bytes(classes[32 if at in b"\t\r\n" else at + 32 if 65 <= at <= 90 else at] for at in range(256))


def _digest(key: bytes, at: int) -> bytes:
    return blake2b(bytes((at,)), digest_size=8, key=key, person=b"sample").digest()
