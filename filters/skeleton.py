"""Skeletons: what a text looks like whatever its letters are (UTS 39 section 4), and in which scripts it is written.

Pure. The tables are Unicode's confusables.txt and Scripts.txt as confusable-homoglyphs ships them, read by that library
when this module is imported. Other tables would give other verdicts, so these are pinned by their hash.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any
from unicodedata import normalize

from confusable_homoglyphs.utils import load

PINNED = {
    "confusables.json": "bf5e9c50227d95403d8edf2185a644d42dada609f3aee6f93b03827d1deb723d",
    "categories.json": "0cd578a3ebc3ce3528ac37252ac190378f115682ebb44bae318b6cb0fee1a79e",
}
"""SHA-256 of each table, as JSON with its keys sorted."""

IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Characters that are not displayed (Default_Ignorable_Code_Point), as they stand in a character class."""

_IGNORABLE = re.compile(f"[{IGNORABLE}]+")
_MARK = "\u200e"
"""The library's right-to-left keys stand between two of these."""

TOGETHER = (
    frozenset({"HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"HAN", "HANGUL"}),
    frozenset({"HAN", "BOPOMOFO"}),
)
"""Scripts that are one way of writing (UTS 39 section 5.1)."""
BESIDE_LATIN = frozenset({
    "ARABIC", "BENGALI", "BOPOMOFO", "DEVANAGARI", "ETHIOPIC", "GEORGIAN", "GUJARATI", "GURMUKHI", "HAN", "HANGUL",
    "HEBREW", "HIRAGANA", "KANNADA", "KATAKANA", "KHMER", "LAO", "MALAYALAM", "MYANMAR", "ORIYA", "SINHALA",
    "TAMIL", "TELUGU", "THAANA", "THAI", "TIBETAN",
})  # fmt: skip
"""Scripts in use whose letters nobody takes for Latin ones (UTS 39 section 5.2, less Armenian)."""


class OtherTables(RuntimeError):
    """The tables are not those that the verdicts were made with; the text names the file."""


def _tables(name: str, pinned: str) -> Any:
    """One of the library's tables; raises OtherTables."""
    table = load(name)
    found = sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()
    if found != pinned:
        raise OtherTables(
            f"confusable-homoglyphs: {name} has SHA-256 {found}, not {pinned}: install the version that this one"
            " requires, and unset CONFUSABLE_DATA"
        )
    return table


def _prototypes(table: Mapping[str, list[dict[str, str]]]) -> dict[int, str]:
    """Each character that looks like another, with its prototype (UTS 39 section 4).

    The library has each pair both ways. All that look alike form a star, with the prototype in its middle; of a pair
    alone either may be it, but for the one that stands in a prototype of several characters.
    """
    several = {character for key in table if len(key.strip(_MARK)) > 1 for character in key}
    found: dict[int, str] = {}
    for key, others in table.items():
        character, prototype = key.strip(_MARK), others[0]["c"]
        if len(character) > 1 or len(others) > 1:
            continue
        alone = len(table[prototype]) == 1 and len(prototype.strip(_MARK)) == 1
        if alone and (key not in several, not key.isascii(), key) < (
            prototype not in several, not prototype.isascii(), prototype,
        ):  # fmt: skip
            continue
        found[ord(character)] = prototype.strip(_MARK)
    return found


_PROTOTYPES = _prototypes(_tables("confusables.json", PINNED["confusables.json"]))
_CATEGORIES = _tables("categories.json", PINNED["categories.json"])
_RANGES: list[tuple[int, int, str]] = sorted(
    (first, last, _CATEGORIES["iso_15924_aliases"][script])
    for first, last, script, _ in _CATEGORIES["code_points_ranges"]
)
_STARTS = [first for first, _, _ in _RANGES]
del _CATEGORIES


def skeleton(text: str) -> str:
    """The text with every character as its prototype: two texts that look alike have one skeleton."""
    if not text.isascii():
        text = _IGNORABLE.sub("", normalize("NFD", text))
    text = text.translate(_PROTOTYPES)
    return text if text.isascii() else normalize("NFD", text)


@lru_cache(maxsize=4096)
def script(character: str) -> str:
    """The script of a character, such as LATIN; COMMON and INHERITED are those of all scripts."""
    point = ord(character)
    at = bisect_right(_STARTS, point) - 1
    return _RANGES[at][2] if at >= 0 and point <= _RANGES[at][1] else "UNKNOWN"


def scripts(text: Iterable[str]) -> frozenset[str]:
    """The scripts of a text, without those characters that all scripts share."""
    return frozenset(map(script, text)) - {"COMMON", "INHERITED", "UNKNOWN"}


def mixed(found: frozenset[str]) -> bool:
    """Whether one word in these scripts is written as no language is: beyond "moderately restrictive" (UTS 39
    section 5.2), and Armenian beside Latin."""
    other = found - {"LATIN"}
    if len(other) > 1 and not any(other <= together for together in TOGETHER):
        return True
    return len(other) < len(found) and not other <= BESIDE_LATIN
