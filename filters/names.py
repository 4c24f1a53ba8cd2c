"""Names: whether a display name is that of a brand or of a person, however it is written. Pure."""

import re
from functools import lru_cache
from unicodedata import normalize

from filters.skeleton import skeleton

LONGEST = 256
"""Characters of a name that are compared."""

_WORDS = re.compile(r"[^\W_]+")
_SHAPES = str.maketrans({"i": "l", "ĸ": "k", "ʍ": "rn", "ʜ": "h", "ᴛ": "t", "ʙ": "b", "ᴎ": "n", "п": "n"})
"""In capitals and in many typefaces these are one to a reader."""
_ACCENTS = re.compile("[\u0300-\u036f]+")


def _shapes(text: str) -> list[str]:
    """The words of a text as what they look like: their skeletons before and after capitals are gone, no accents."""
    text = skeleton(normalize("NFKC", text)).casefold()
    text = _ACCENTS.sub("", normalize("NFD", skeleton(text).casefold()))
    return _WORDS.findall(text.translate(_SHAPES))


@lru_cache(maxsize=4096)
def words(text: str) -> tuple[str, ...]:
    """The words of a name of LONGEST characters at most, each as what it looks like."""
    return tuple(_shapes(text))


_SAID_WITH_BRANDS = frozenset(
    _shapes(
        "account accounts admin administration alert alerts app at billing care center centre client co com company"
        " contact corp corporation customer customers de department desk dept email from help helpdesk inc info"
        " information limited llc ltd mail message messages net news no noreply notice notification notifications"
        " notify of official online org payment payments plc reply safety secure security service services support"
        " system team the update updates user verification verify via www your"
        " assistance assistenza atencion cliente clientes compte compta conto cuenta dienst equipe equipo gmbh ag bv nv"
        " sa sas sarl srl spa oy ab konto kunden kundendienst kundenservice kundenbetreuung klantenservice seguridad"
        " securite servicio servizio sicherheit soporte suporte"
    )
)
"""What people add to the name of a firm without naming another."""
_TITLES = frozenset(
    _shapes(
        "ceo cfo cto coo cio ciso cmo chief executive financial officer chairman chairwoman chair president vice vp svp"
        " evp director managing md founder owner partner head of the dr prof professor mr mrs ms miss sir dame phd mba"
        " jr sr ii iii inc ltd llc gmbh from at"
    )
)


@lru_cache(maxsize=4096)
def _joined(text: str) -> str:
    return "".join(words(text))


def holds_none(name: str, brands: tuple[str, ...]) -> bool:
    """Whether none of the brands can be in a name. Asked first, for speed: so it is with nearly all."""
    return _any_of(brands).search(_joined(name[:LONGEST])) is None


@lru_cache(maxsize=64)
def _any_of(brands: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(_joined(brand)) for brand in brands) or r"(?!)")


def is_brand(name: str, brand: str) -> bool:
    """Whether a name is a brand's and nothing else: "PayPal", "PayPal Security Team", "Pay-Pal"."""
    name = name[:LONGEST]
    wanted, joined = _joined(brand), _joined(name)
    if not wanted or wanted not in joined:
        return False
    if joined.replace(wanted, "", 1) in _SAID_WITH_BRANDS | {""}:
        return True
    return wanted == "".join(word for word in words(name) if _own(word, brand))


def _own(word: str, brand: str) -> bool:
    return word not in _SAID_WITH_BRANDS or word in words(brand)


def names_brand(name: str, brand: str) -> bool:
    """Whether a brand stands in a name, word by word, among others."""
    name = name[:LONGEST]
    return _joined(brand) in _joined(name) and _within(words(brand), words(name))


def is_person(name: str, person: str) -> bool:
    """Whether a name is a person's: in any order, with titles, without middle initials."""
    return _core(name[:LONGEST]) == _core(person[:LONGEST]) != ()


@lru_cache(maxsize=4096)
def _core(name: str) -> tuple[str, ...]:
    """The words of a person's name, in no order of their own."""
    found = [word for word in words(name) if word not in _TITLES]
    long = [word for word in found if len(word) > 1]
    return tuple(sorted(long if len(long) > 1 else found))


def _within(wanted: tuple[str, ...], found: tuple[str, ...]) -> bool:
    size = len(wanted)
    return size > 0 and any(found[at : at + size] == wanted for at in range(len(found) - size + 1))
