"""The fingerprint of a message's content: features that near-identical mail has in common. Pure.

A feature is three words in a row of the text that was written for this message (`own`), hashed. Names, numbers and
addresses in it change the few features they stand in; the order of blocks, the encoding, the markup and the subject
change none. Of all features those with the smallest hashes are kept: of two texts that share a part, the same features
of that part are. Hashes are keyed, so nobody outside can write words whose hashes are smallest.
"""

import re
from collections.abc import Iterable
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
_WORD = re.compile(
    r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\W_\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+"
)
"""A word; in scripts that put no space between words, a letter."""
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
    hasher = _Hasher(key)
    features = hasher.features(written, 0)
    if len(features) < FEWEST:
        # Mail that is nothing but a quotation may be a forwarded one, or the mark may be a ruse: it is like others that
        # quote the same.
        features = hasher.features(quoted, _QUOTED)
        if len(features) < _QUOTED_FEWEST:
            return NONE
    return Fingerprint(tuple(nsmallest(FEATURES, features)), len(features) <= FEATURES)


def words(lines: Iterable[str]) -> list[str]:
    """The words by which texts are compared, without addresses and URLs; what has a digit is `0`, once in a row."""
    text = "\n".join(lines)
    if not text.isascii():
        text = _JOINERS.sub("", normalize("NFKC", text))
    text = text.casefold()
    if "@" in text or "://" in text or "www." in text:
        text = " ".join(each for each in text.split() if not _is_address(each))
    found = [word if word.isalpha() else "0" for word in _WORD.findall(text)]
    return [word for word, before in zip(found, ["", *found], strict=False) if word != "0" or before != "0"]


def _is_address(text: str) -> bool:
    return "@" in text or "://" in text or text.startswith("www.")


def _shown(alternatives: list[Text], author: str) -> tuple[list[str], list[str]]:
    """Own and quoted lines of the alternative that is shown: HTML, unless there is next to nothing in it."""
    best: tuple[list[str], list[str]] = [], []
    for each in sorted(alternatives, key=lambda text: not text.html):
        found = own_text(lines_of_html(each.text) if each.html else lines_of_text(each.text), author)
        if len(words(found[0])) >= FEWEST:
            return found
        best = max(best, found, key=lambda lines: len(lines[0]) + len(lines[1]))
    return best


class _Hasher:
    """Hashes words once each."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[str, int] = {}

    def features(self, lines: Iterable[str], salt: int) -> set[int]:
        """All features of a text."""
        hashes = [self._word(word) for word in words(lines)]
        return {
            ((a * 0x9E3779B97F4A7C15 + b * 0xC2B2AE3D27D4EB4F + c * 0x165667B19E3779F9 + salt) & _MASK) >> 29
            for a, b, c in zip(hashes, hashes[1:], hashes[2:], strict=False)
        }

    def _word(self, word: str) -> int:
        known = self._known.get(word)
        if known is None:
            digest = blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8, key=self._key).digest()
            known = self._known[word] = int.from_bytes(digest)
        return known
