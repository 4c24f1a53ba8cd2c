"""Likeness: what a domain looks like, and which domains of others look the same.

Pure. Two domains look alike when their skeletons are one (UTS 39 section 4); near, when they are once accents, small
capitals and what else the tables keep apart are disregarded. Everything about one domain is worked out once.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple
from unicodedata import normalize

from filters.skeleton import mixed, scripts, skeleton

_ACCENTS = re.compile("[\u0300-\u036f]+")
_NEAR = str.maketrans(
    {"ĸ": "k", "ᴋ": "k", "ʍ": "rn", "ᴍ": "rn", "ʜ": "h", "ᴛ": "t", "ʙ": "b", "ƅ": "b", "п": "n", "π": "n", "ᴎ": "n",
     "ɢ": "g", "ʟ": "l", "ɴ": "n", "ʀ": "r", "ʏ": "y", "w": "vv", "ɜ": "3", "ø": "o", "ł": "l", "đ": "d"}
)  # fmt: skip
"""Shapes that the tables keep apart and readers do not."""
_DECEIVING = (frozenset({"CYRILLIC"}), frozenset({"GREEK"}), frozenset({"ARMENIAN"}), frozenset({"CHEROKEE"}))
"""Scripts in which whole words look like Latin ones."""
LONGEST = 253
"""Characters of a domain name."""


class Look(NamedTuple):
    """What one domain looks like."""

    exact: str
    """Its skeleton in lower case."""
    near: str
    """The same more coarsely: what look-alikes are filed under."""
    foreign: bool
    """It holds letters of another script than Latin."""
    mixed: str
    """The scripts of its first label that no language mixes so, such as "CYRILLIC, LATIN"."""
    whole: str
    """The script of its first label that is written in one script, looks Latin, and stands under a Latin ending."""


def look(domain: str) -> Look:
    """What a domain, in A-labels or in its own script, looks like."""
    return _look(domain[:LONGEST])


@lru_cache(maxsize=8192)
def _look(domain: str) -> Look:
    exact = near = domain.lower()
    if "xn--" not in exact and exact.isascii():
        exact = skeleton(exact).lower()
        return Look(exact, exact.translate(_NEAR), False, "", "")
    labels = [_in_own_script(label) for label in exact.split(".")]
    shown = ".".join(labels)
    exact = skeleton(shown).lower()
    near = _ACCENTS.sub("", normalize("NFKD", exact).translate(_NEAR))
    mixes = whole = ""
    for label in labels:
        found = scripts(label)
        if not mixes and mixed(found):
            mixes = ", ".join(sorted(found))
        if not whole and found in _DECEIVING and labels[-1].isascii() and _looks_latin(label):
            whole = next(iter(found))
    return Look(exact, near, bool(scripts(shown) - {"LATIN"}), mixes, whole)


def _looks_latin(label: str) -> bool:
    return _ACCENTS.sub("", skeleton(label).translate(_NEAR)).isascii()


def _in_own_script(label: str) -> str:
    """The U-label of an A-label (RFC 5890 section 2.3.2.1); any other label as it is."""
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode").lower()
    except UnicodeError:
        return label


class Holders:
    """Who holds which domains, found by what they look like. A look-up takes the same time however many there are."""

    def __init__(self) -> None:
        self._held: dict[str, dict[str, str]] = {}
        self.view: Mapping[str, Mapping[str, str]] = MappingProxyType(self._held)
        """`Look.near` -> each domain that looks so, with its holder: a customer's id, or "" for the operator."""

    def add(self, holder: str, domains: Iterable[str]) -> None:
        """These domains are its own now."""
        for domain in domains:
            self._held.setdefault(look(domain).near, {})[domain] = holder

    def remove(self, holder: str, domains: Iterable[str]) -> None:
        """These are no longer, unless another has taken them meanwhile."""
        for domain in domains:
            near = look(domain).near
            alike = self._held.get(near, {})
            if alike.get(domain) == holder:
                del alike[domain]
                if not alike:
                    del self._held[near]


class Alike(NamedTuple):
    """A domain held by somebody else that a domain, or one above it, looks like."""

    holder: str
    """A customer's id, or "" for the operator."""
    exact: bool
    """By skeleton and in another script, not only nearly."""


def alike(domain: str, customer: str, held: Mapping[str, Mapping[str, str]]) -> Alike | None:
    """Whose domain this one, or one above it, looks like without being it; None where nobody else's."""
    looks = look(domain)
    near, own, exact = looks.near, domain, looks.exact
    while near:
        others = held.get(near)
        if others:
            found = None
            for other, holder in others.items():
                if (other == own) is not (holder == customer):
                    return None  # another's very domain, or one of several of its own that look alike
                if other != own and found is None:
                    found = Alike(holder, looks.foreign and look(other).exact == exact)
            if found:
                return found
        near, own, exact = near.partition(".")[2], own.partition(".")[2], exact.partition(".")[2]
    return None
