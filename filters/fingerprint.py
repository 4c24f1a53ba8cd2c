"""The fingerprint of a message's content: features that near-identical mail has in common. Pure.

A feature is three words in a row of the text that was written for this message (`own`), hashed. Names, numbers and
addresses in it change the few features they stand in; the order of blocks, the encoding, the markup and the subject
change none. Of all features those with the smallest hashes are kept: of two texts that share a part, the same features
of that part are. Hashes are keyed, so nobody outside can write words whose hashes are smallest.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import blake2b
from heapq import nsmallest
from typing import NamedTuple
from unicodedata import normalize

from filters.lines import lines_of_html, lines_of_text
from filters.message import Message
from filters.own import own_text
from filters.parts import Text, texts

FEATURES = 64
"""Kept of a message."""
FEWEST = 12
"""Different features below which a text says too little to be known again."""
_IN_A_ROW = 3
_QUOTED = 0x5BD1E995
"""Keeps features of quoted text apart from those of the same text in its first message."""
_QUOTED_FEWEST = 40
_MASK = (1 << 61) - 1
_PLACES = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)
"""By which a word counts as the first, second or third of a feature."""
_WORDS = 16_384
"""Words whose hashes are kept: most mail is written in those that other mail is written in."""
_SORTED = 1_000
"""Features up to which sorting them all is the quickest way to the smallest."""
_WORD = re.compile(
    r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\W_\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+"
)
"""A word; in scripts that put no space between words, a letter."""
_WORD_OF_ASCII = re.compile("[a-z0-9]+")
"""The same in text of ASCII, in lower case."""
_JOINERS = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+")
"""What is not seen between letters."""


class Fingerprint(NamedTuple):
    """Features of one message."""

    features: tuple[int, ...]
    """From 0 to 2**32 - 1, ascending; none where the message says too little to be known again."""
    all: bool = True
    """Whether they are all there were; else those with the smallest hashes."""


NONE = Fingerprint(())


def fingerprint(message: Message, key: bytes) -> Fingerprint:
    """The fingerprint under a secret key of 16 to 64 octets, which must be the same on all nodes."""
    written: list[str] = []
    quoted: list[str] = []
    senders = message.shown("from")
    for alternatives in texts(message):
        own, rest = _shown(alternatives, senders[0].name if senders else "")
        written += own
        quoted += rest
    features = _features(written, key, 0)
    if len(features) < FEWEST:
        # Mail that is nothing but a quotation may be a forwarded one, or the mark may be a ruse: it is like others that
        # quote the same.
        features = _features(quoted, key, _QUOTED)
        if len(features) < _QUOTED_FEWEST:
            return NONE
    smallest = sorted(features)[:FEATURES] if len(features) <= _SORTED else nsmallest(FEATURES, features)
    return Fingerprint(tuple(smallest), len(features) <= FEATURES)


def words(lines: Iterable[str]) -> list[str]:
    """The words by which texts are compared, without addresses and URLs; what has a digit is `0`, once in a row."""
    text = "\n".join(lines)
    if not text.isascii():
        text = _JOINERS.sub("", normalize("NFKC", text))
    text = text.casefold()
    if "@" in text or "://" in text or "www." in text:
        text = " ".join(each for each in text.split() if not _is_address(each))
    # Two patterns with one meaning: most mail is ASCII, and the general one takes three times as long.
    every = _WORD_OF_ASCII.findall(text) if text.isascii() else _WORD.findall(text)
    found = [word if word.isalpha() else "0" for word in every]
    if "0" not in found:
        return found
    return [word for word, before in zip(found, ["", *found], strict=False) if word != "0" or before != "0"]


def _is_address(text: str) -> bool:
    return "@" in text or "://" in text or text.startswith("www.")


def _shown(alternatives: list[Text], author: str) -> tuple[list[str], list[str]]:
    """Own and quoted lines of the alternative that is shown: HTML, unless there is next to nothing in it."""
    best: tuple[list[str], list[str]] = [], []
    alone = len(alternatives) == 1
    for each in sorted(alternatives, key=lambda text: not text.html):
        found = own_text(lines_of_html(each.text) if each.html else lines_of_text(each.text), author)
        if alone or _says_enough(found[0]):
            return found
        best = max(best, found, key=lambda lines: len(lines[0]) + len(lines[1]))
    return best


def _says_enough(lines: list[str]) -> bool:
    return len(words(lines[:8])) >= FEWEST or len(words(lines)) >= FEWEST


def _features(lines: Iterable[str], key: bytes, salt: int) -> set[int]:
    """All features of a text."""
    hashes = list(map(_hasher(key), words(lines)))
    return {
        ((first + second + third + salt) & _MASK) >> 29
        for (first, _, _), (_, second, _), (_, _, third) in zip(hashes, hashes[1:], hashes[2:], strict=False)
    }


@lru_cache(maxsize=4)
def _hasher(key: bytes) -> Callable[[str], tuple[int, int, int]]:
    """What hashes a word under a key, for each of the places that it may have in a feature."""

    @lru_cache(maxsize=_WORDS)
    def hashed(word: str) -> tuple[int, int, int]:
        digest = blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest()
        number = int.from_bytes(digest)
        first, second, third = (number * place & _MASK for place in _PLACES)
        return first, second, third

    return hashed
