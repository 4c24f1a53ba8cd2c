"""The fingerprint of a message's content: features that near-identical mail has in common. Pure.

A feature is three words in a row of the text that was written for this message (`own`), hashed. Names, numbers and
addresses in it change the few features they stand in; the order of blocks, the encoding, the markup and the subject
change none. Of all features those with the smallest hashes are kept: of two texts that share a part, the same features
of that part are. Hashes are keyed, so nobody outside can write words whose hashes are smallest.
"""

import re
from array import array
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from itertools import groupby
from sys import byteorder
from typing import NamedTuple
from unicodedata import normalize

from filters.lines import lines_of_html, lines_of_text
from filters.message import Message
from filters.own import Own, disclaims, own_text, without_disclaimers, without_habits
from filters.parts import Text, texts
from filters.sample import sample

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
_LONGEST_WORD = 64
"""Letters of a word that is kept: else what is kept could be made as large as all mail."""
_FEW = 96
"""Different features, or fewer, among which the smallest are looked for, of those of a long text."""
LOOKED_AT = 64 * 1024
"""Characters of a text that are looked at. Who writes as many before what many get, different ones each time, could
hide a short text behind far fewer: of what is shared, less than half of the features would be left."""
LONGEST = 16 * 1024
"""Octets of a text up to which all of it has features; of a longer one a sample has."""
_WORD = re.compile(
    r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\W_\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+"
)
"""A word; in scripts that put no space between words, a letter."""
_OF_ASCII = bytes(
    ord("0" if chr(at).isdigit() else chr(at) if chr(at).isalnum() else " ") for at in range(128)
) + bytes(128)
"""The same in text of ASCII: what is between words is a space. Each digit is 0, since words that have any are."""
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
    senders = message.shown("from")
    author = senders[0].name if senders else ""
    shown = [_shown(alternatives, author) for alternatives in texts(message)]
    features = _features([(own.written, own.names) for own in shown], key, 0)
    if not _are_enough(features, FEWEST):
        # Mail that is nothing but a quotation may be a forwarded one, or the mark may be a ruse: it is like others that
        # quote the same.
        features = _features([(own.quoted, own.others) for own in shown], key, _QUOTED)
        if not _are_enough(features, _QUOTED_FEWEST):
            return NONE
    return _smallest(features)


def words(lines: Iterable[str]) -> list[str]:
    """The words by which texts are compared, without addresses and URLs; what has a digit is `0`, once in a row."""
    text = "\n".join(lines)
    if text.isascii():
        return _once(_words_of_ascii(text.casefold()))
    # Most lines are ASCII, and the general pattern takes three times as long.
    found: list[str] = []
    for plain, group in groupby(text.split("\n"), str.isascii):
        text = "\n".join(group)
        found += _words_of_ascii(text.casefold()) if plain else _words_of_any(text)
    return _once(found)


def _once(found: list[str]) -> list[str]:
    if "0" not in found:
        return found
    return [word for word, before in zip(found, ["", *found], strict=False) if word != "0" or before != "0"]


def _words_of_ascii(text: str) -> list[str]:
    text = _without_addresses(text).encode().translate(_OF_ASCII).decode()
    found = text.split()
    return [word if word.isalpha() else "0" for word in found] if "0" in text else found


def _words_of_any(text: str) -> list[str]:
    text = _JOINERS.sub("", normalize("NFKC", text)).casefold()
    return [word if word.isalpha() else "0" for word in _WORD.findall(_without_addresses(text))]


def _without_addresses(text: str) -> str:
    """A casefolded text without what is an address or a URL."""
    if not _has_address(text):
        return text
    return "\n".join(
        " ".join(each for each in line.split() if not _is_address(each)) if _has_address(line) else line
        for line in text.split("\n")
    )


def _has_address(text: str) -> bool:
    return "@" in text or "://" in text or "www." in text


def _is_address(text: str) -> bool:
    return "@" in text or "://" in text or text.startswith("www.")


def _shown(alternatives: list[Text], author: str) -> Own:
    """What is shown of the alternatives: HTML, unless there is next to nothing in it."""
    found = []
    for each in sorted(alternatives, key=lambda text: not text.html):
        own = _own(each, author)
        if len(alternatives) == 1:
            return own
        written = without_habits(without_disclaimers(own.written), own.names)[0]
        if _says_enough(written):
            return own
        quoted = without_habits(without_disclaimers(own.quoted), own.others)[0]
        found.append((len(written) + len(quoted), own))
    return max(found, key=lambda each: each[0])[1]


def _own(text: Text, author: str) -> Own:
    """A text taken apart; a long one as far as it is looked at, where not most of that is quoted."""
    if text.html:
        return own_text(lines_of_html(text.text), author)
    begun = text.text[: text.text.rfind("\n", 0, LOOKED_AT)] if len(text.text) > LOOKED_AT else text.text
    own = own_text(lines_of_text(begun), author)
    if begun is text.text or sum(map(len, own.written)) > len(begun) // 2:
        return own
    return own_text(lines_of_text(text.text), author)


def _says_enough(lines: list[str]) -> bool:
    return len(words(lines[:8])) >= FEWEST or len(words(lines)) >= FEWEST


def _features(texts: list[tuple[list[str], set[str]]], key: bytes, salt: int) -> list[int]:
    """All features of texts, each with the names of who wrote it; of a long one those of a sample."""
    kept: list[str] = []
    left_out: list[str] = []
    for lines, names in texts:
        stay, go = without_habits(lines, names)
        kept += stay
        left_out += go
    found = words(_sampled(kept, key))
    if disclaims(found) or disclaims(words(left_out)):
        kept = []
        for lines, names in texts:
            kept += without_habits(without_disclaimers(lines), names)[0]
        found = words(_sampled(kept, key))
    return _hashed(found, _hashes(key, salt))


def _sampled(lines: list[str], key: bytes) -> list[str]:
    if sum(map(len, lines)) <= LONGEST // 4:
        return lines  # an octet is a quarter of a character at least
    return [sample("\n".join(lines)[:LOOKED_AT], key, LONGEST)]


def _hashed(found: list[str], hashes: "_Hashes") -> list[int]:
    """The features of a text of these words, in their order.

    Of each word there are three numbers, in eight octets each. All are added at once, as one number, to those of the
    next word and of the one after it: the sum has 61 bits and more, and they do not reach the next eight octets. What
    counts of it, bits 29 to 60, is shifted to the upper four.
    """
    if len(found) < _IN_A_ROW:
        return []
    numbers = b"".join(map(hashes.__getitem__, found))
    number = int.from_bytes(numbers, "little")
    sums = number + (number >> 4 * 64) + (number >> 8 * 64) << 3
    halves = array("I", sums.to_bytes(len(numbers) + 8, "little"))
    if byteorder == "big":
        halves.byteswap()
    return halves[1 : 6 * (len(found) - 2) : 6].tolist()


def _are_enough(features: list[int], fewest: int) -> bool:
    """Whether so many of them are different."""
    return len(set(features[: 2 * fewest])) >= fewest or len(set(features)) >= fewest


def _smallest(features: list[int]) -> Fingerprint:
    if len(features) > _FEW:
        bound = 2**32 * _FEW // len(features)
        few = {each for each in features if each < bound}
        if len(few) > FEATURES:
            return Fingerprint(tuple(sorted(few)[:FEATURES]), False)
    every = set(features)
    return Fingerprint(tuple(sorted(every)[:FEATURES]), len(every) <= FEATURES)


class _Hashes(dict[str, bytes]):
    """Words and the numbers by which they count as the first, second or third of a feature, eight octets each."""

    def __init__(self, key: bytes, salt: int) -> None:
        self._key, self._salt = key, salt

    def __missing__(self, word: str) -> bytes:
        digest = blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8, key=self._key).digest()
        number = int.from_bytes(digest)
        first, second, third = (number * place & _MASK for place in _PLACES)
        packed = b"".join(each.to_bytes(8, "little") for each in (first + self._salt & _MASK, second, third))
        if len(word) <= _LONGEST_WORD:
            if len(self) >= _WORDS:
                self.clear()
            self[word] = packed
        return packed


@lru_cache(maxsize=4)
def _hashes(key: bytes, salt: int) -> _Hashes:
    """What hashes words under a key; features with a salt are others than those without."""
    return _Hashes(key, salt)
