"""Unseen: characters in a name that are not displayed, or that change the order in which the rest is. Pure.

Many are honest where a script needs them: joiners in Persian and Indic names and in emoji, marks of direction in Hebrew
and Arabic ones, a space of no width in Thai. What is left serves nobody who reads the name.
"""

import re
from collections import Counter
from collections.abc import Iterator
from unicodedata import bidirectional, category

from filters.skeleton import IGNORABLE, script

_UNSEEN = re.compile(f"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u2800\ufff9-\ufffb{IGNORABLE}]")
_OVERRIDDEN = re.compile("\u202e([^\u202c\u2069]*+)")
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u2067")
_ISOLATES = frozenset("\u2066\u2068\u2069")
"""Software puts these around every name it inserts into a sentence, whatever its script."""
_JOINERS = frozenset("\u200c\u200d")
_JOINED = frozenset({
    "ARABIC", "SYRIAC", "NKO", "MONGOLIAN", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL",
    "TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "TIBETAN", "MYANMAR", "KHMER", "THAANA",
})  # fmt: skip
_UNSPACED = frozenset({
    "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "HAN", "HIRAGANA", "KATAKANA",
})  # fmt: skip
_FILLERS = {"\u115f": "HANGUL", "\u1160": "HANGUL", "\u3164": "HANGUL", "\uffa0": "HANGUL", "\u17b4": "KHMER",
            "\u17b5": "KHMER", "\u034f": "HEBREW", "\u2800": "BRAILLE"}  # fmt: skip
"""Characters that are needed beside others of one script, and are blank elsewhere."""
_ALPHABETS = frozenset({"LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "HEBREW", "ARABIC"})
_BLACK_FLAG = "\U0001f3f4"


def reversed_text(text: str) -> bool:
    """Whether a right-to-left override shows letters in another order than they stand in (UAX 9 section 2.2)."""
    return any(any(bidirectional(each) == "L" for each in found[1]) for found in _OVERRIDDEN.finditer(text))


def unseen(text: str) -> str:
    """Characters that are not displayed and that no script here needs, as "U+200B x3, U+FEFF"; else ""."""
    if (text.isascii() and text.isprintable()) or not _UNSEEN.search(text):
        return ""
    counts = Counter(f"U+{ord(each):04X}" for each in _needless(text))
    return ", ".join(name if count == 1 else f"{name} x{count}" for name, count in counts.most_common(5))


def _needless(text: str) -> Iterator[str]:
    rtl: bool | None = None
    for found in _UNSEEN.finditer(text):
        at, each = found.start(), found[0]
        before, behind = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
        if each in _DIRECTION:
            rtl = any(bidirectional(other) in ("R", "AL") for other in text) if rtl is None else rtl
            needed = rtl
        elif each in _ISOLATES:
            needed = True
        else:
            needed = _needed(each, before, behind, text, at)
        if not needed:
            yield each


def _needed(each: str, before: str, behind: str, text: str, at: int) -> bool:
    """Whether the characters beside it need it."""
    if each in _JOINERS:
        return bool(before) and (script(before) in _JOINED or _pictorial(before))
    if each == "\u200b":
        return bool({script(other) for other in (before, behind) if other} & _UNSPACED)
    if each in _FILLERS:
        return any(script(other) == _FILLERS[each] for other in (before, behind) if other and other not in _FILLERS)
    if "\ufe00" <= each <= "\ufe0f" or "\U000e0100" <= each <= "\U000e01ef":
        return bool(before) and script(before) not in _ALPHABETS and not _UNSEEN.match(before)
    if "\u180b" <= each <= "\u180f":
        return bool(before) and script(before) == "MONGOLIAN"
    if "\U000e0020" <= each <= "\U000e007f":
        # The letters of a flag's region follow the flag (UTS 51 annex C); nothing else may.
        return _BLACK_FLAG in text[max(0, at - 8) : at]
    return False


def _pictorial(character: str) -> bool:
    """Whether it is an emoji, or what stands behind one before a joiner."""
    return character == "\ufe0f" or character >= "\U0001f000" or category(character) in ("So", "Sk")
