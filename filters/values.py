"""Values: the CSS properties that decide what is seen, taken from declarations. Pure.

As browsers do, a value that is none is left out, so that what was declared before it holds. One that a browser may
read and we do not (`var()`, `calc()`) is UNREADABLE: what has it counts as not seen.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tinycss2 import color4

Token = Any
"""A component value of tinycss2, which has no types."""


class Length(NamedTuple):
    """A number with its unit in lower case; `%` for a percentage, "" for none."""

    number: float
    unit: str


class Colour(NamedTuple):
    """Red, green, blue and alpha, from 0 to 1."""

    red: float
    green: float
    blue: float
    alpha: float = 1.0


UNREADABLE = "unreadable"
CURRENT = "currentcolor"
WIDE = frozenset(("inherit", "initial", "unset", "revert", "revert-layer"))
"""Keywords that every property takes."""
CLEAR = Colour(0, 0, 0, 0)
SIZES = {"xx-small": 9.0, "x-small": 10.0, "small": 13.0, "medium": 16.0, "large": 18.0, "x-large": 24.0,
         "xx-large": 32.0, "xxx-large": 48.0}  # fmt: skip
"""Pixels of the absolute font sizes."""

Value = str | Length | Colour | float | bool | None
Values = Mapping[str, Value]

_MOVED = frozenset(("var", "calc", "env", "min", "max", "clamp", "attr"))
_DISPLAYS = frozenset((
    "none", "block", "inline", "inline-block", "flow-root", "flex", "inline-flex", "grid", "inline-grid",
    "table", "inline-table", "table-cell", "table-row", "table-row-group", "table-header-group",
    "table-footer-group", "table-column", "table-column-group", "table-caption", "list-item", "contents",
    "ruby", "run-in", "-webkit-box", "-webkit-inline-box",
))  # fmt: skip
_KEYWORDS = {
    "display": _DISPLAYS,
    "visibility": frozenset(("visible", "hidden", "collapse")),
    "position": frozenset(("static", "relative", "absolute", "fixed", "sticky")),
    "float": frozenset(("none", "left", "right", "inline-start", "inline-end")),
    "overflow-x": frozenset(("visible", "hidden", "clip", "scroll", "auto", "overlay")),
    "overflow-y": frozenset(("visible", "hidden", "clip", "scroll", "auto", "overlay")),
    "content-visibility": frozenset(("visible", "auto", "hidden")),
}
_LENGTHS = frozenset((
    "width", "height", "max-width", "max-height", "left", "right", "top", "bottom", "text-indent",
    "margin-left", "margin-top",
))  # fmt: skip
_UNITS = frozenset((
    "px", "pt", "pc", "in", "cm", "mm", "q", "em", "rem", "ex", "ch", "vw", "vh", "vmin", "vmax",
))  # fmt: skip
_NOT_NEGATIVE = frozenset(("width", "height", "max-width", "max-height", "font-size"))


def _shown(tokens: Iterable[Token]) -> list[Token]:
    return [token for token in tokens if token.type not in ("whitespace", "comment")]


def read(name: str, tokens: Iterable[Token], *, quirks: bool) -> Values | None:
    """What one declaration says of the properties here; None where it says nothing, or is not valid."""
    reader = _READERS.get(name)
    if reader is None:
        return None
    given = _shown(tokens)
    if not given:
        return None
    if len(given) == 1 and given[0].type == "ident" and given[0].lower_value in WIDE:
        return dict.fromkeys(_LONGHANDS.get(name, (name,)), given[0].lower_value)
    if name not in ("background", "background-image", "transform") and any(
        token.type == "function" and token.lower_name in _MOVED for token in given
    ):
        return dict.fromkeys(_LONGHANDS.get(name, (name,)), UNREADABLE)
    return reader(name, given, quirks)


def colour(token: Token) -> Colour | str | None:
    """A colour, CURRENT, or None for what is neither."""
    try:
        found = color4.parse_color(token)
        if found is None:
            return None
        if isinstance(found, str):
            return CURRENT
        red, green, blue = (min(1.0, max(0.0, float(each))) for each in found.to("srgb").coordinates[:3])
        return Colour(red, green, blue, min(1.0, max(0.0, float(found.alpha))))
    except (NotImplementedError, TypeError, ValueError, ArithmeticError):
        # What the library says of colour spaces that it does not convert, and of numbers that are none.
        return None


def attribute_colour(text: str) -> Colour | None:
    """The colour of an HTML attribute, which needs no `#` (HTML section 2.3.6)."""
    plain = text.strip().lower()
    for written in (plain, f"#{plain}"):
        found = colour(written) if written else None
        if isinstance(found, Colour):
            return found
    return None


def attribute_length(text: str) -> Length | None:
    """The length of an HTML attribute: digits, and `%` where it is a percentage (HTML section 2.3.4.4)."""
    plain = text.strip()
    digits = plain[: len(plain) - len(plain.lstrip("0123456789."))]
    try:
        return Length(float(digits), "%" if plain[len(digits) :].startswith("%") else "px")
    except ValueError:
        return None


def _length(token: Token, quirks: bool) -> Length | None:
    if token.type == "dimension" and token.lower_unit in _UNITS:
        return Length(float(token.value), token.lower_unit)
    if token.type == "percentage":
        return Length(float(token.value), "%")
    if token.type == "number" and (quirks or token.value == 0):
        return Length(float(token.value), "px")
    return None


def _keyword(name: str, given: Sequence[Token], _quirks: bool) -> Values | None:
    word = given[0].lower_value if given[0].type == "ident" else ""
    if name == "display" and len(given) == 2 and all(token.type == "ident" for token in given):
        word = given[1].lower_value if word in ("block", "inline") else word  # `block flow`
        return {name: "block" if word in ("flow", "flow-root") else word}
    return {name: word} if len(given) == 1 and word in _KEYWORDS[name] else None


def _size(name: str, given: Sequence[Token], quirks: bool) -> Values | None:
    token = given[0]
    if len(given) != 1:
        return None
    if token.type == "ident":
        named = token.lower_value
        if name == "font-size" and (named in SIZES or named in ("smaller", "larger")):
            return {name: named}
        known = ("auto", "none", "min-content", "max-content", "fit-content")
        return {name: "auto"} if name != "font-size" and named in known else None
    found = _length(token, quirks)
    return None if found is None or (name in _NOT_NEGATIVE and found.number < 0) else {name: found}


def _opacity(name: str, given: Sequence[Token], _quirks: bool) -> Values | None:
    if len(given) != 1 or given[0].type not in ("number", "percentage"):
        return None
    value = float(given[0].value) / (100 if given[0].type == "percentage" else 1)
    return {name: min(1.0, max(0.0, value))}


def _coloured(name: str, given: Sequence[Token], quirks: bool) -> Values | None:
    found = colour(given[0]) if len(given) == 1 else None
    if found is None and quirks and len(given) == 1 and given[0].type in ("ident", "number", "dimension"):
        found = attribute_colour(given[0].serialize())
    return None if found is None else {name: found}


def _background(name: str, given: Sequence[Token], quirks: bool) -> Values | None:
    made: dict[str, Value] = {"background-image": None}
    if name == "background":
        made["background-color"] = CLEAR
    for token in given:
        if token.type == "function" and "gradient" in token.lower_name:
            stops = [found for each in token.arguments if isinstance(found := colour(each), Colour)]
            if stops:
                made["background-image"] = Colour(*(sum(channel) / len(stops) for channel in zip(*stops, strict=True)))
        elif name == "background" and token.type not in ("url", "literal", "percentage", "string"):
            found = colour(token)
            if found is not None:
                made["background-color"] = found
            elif token.type == "function" and token.lower_name == "var":
                made["background-color"] = UNREADABLE
    return made


def _font(_name: str, given: Sequence[Token], quirks: bool) -> Values | None:
    for token in given[:-1]:
        if token.type in ("dimension", "percentage") or (token.type == "number" and token.value == 0):
            return _size("font-size", [token], quirks)
        if token.type == "ident" and (token.lower_value in SIZES or token.lower_value in ("smaller", "larger")):
            return {"font-size": token.lower_value}
    return None


def _sides(name: str, given: Sequence[Token], quirks: bool) -> Values | None:
    """`margin` and `inset`: the sides that can push something away."""
    if len(given) > 4:
        return None
    found = [
        "auto" if token.type == "ident" and token.lower_value == "auto" else _length(token, quirks) for token in given
    ]
    if None in found:
        return None
    top, right = found[0], found[min(1, len(found) - 1)]
    left = found[3] if len(found) == 4 else right
    bottom = found[2] if len(found) > 2 else top
    if name == "margin":
        return {"margin-top": top, "margin-left": left}
    return {"top": top, "right": right, "bottom": bottom, "left": left}


def _overflow(_name: str, given: Sequence[Token], quirks: bool) -> Values | None:
    across = _keyword("overflow-x", given[:1], quirks)
    along = _keyword("overflow-y", given[-1:], quirks)
    return {**across, **along} if across and along and len(given) <= 2 else None


def _clip(name: str, given: Sequence[Token], quirks: bool) -> Values | None:
    """Whether `clip` or `clip-path` leaves nothing."""
    token = given[0]
    if token.type != "function":
        return {name: False} if token.type == "ident" else None
    lengths = [found for each in token.arguments if (found := _length(each, quirks)) is not None]
    if name == "clip":
        gone = len(lengths) == 4 and (
            lengths[1].number - lengths[3].number < 2 or lengths[2].number - lengths[0].number < 2
        )
    elif token.lower_name == "inset":
        gone = any(each.unit == "%" and each.number >= 50 for each in lengths)
    else:
        gone = token.lower_name in ("circle", "ellipse", "polygon") and all(each.number == 0 for each in lengths)
    return {name: gone}


def _transform(name: str, given: Sequence[Token], quirks: bool) -> Values | None:
    """Whether a `transform` leaves nothing to be seen: nothing of its size, or far away."""
    gone = False
    for token in given:
        if token.type != "function":
            continue
        kind, arguments = token.lower_name, _shown(token.arguments)
        numbers = [float(each.value) for each in arguments if each.type == "number"]
        lengths = [each for argument in arguments if (each := _length(argument, quirks)) is not None]
        if kind.startswith("scale") and kind != "scalez":
            gone = gone or any(abs(number) < 0.1 for number in numbers)
        elif kind.startswith("translate") and kind != "translatez":
            gone = gone or any(each.number <= -500 for each in lengths)
        elif any(each.type == "function" for each in arguments):
            gone = True
    return {name: gone}


def _filter(_name: str, given: Sequence[Token], quirks: bool) -> Values | None:
    for token in given:
        if token.type == "function" and token.lower_name == "opacity":
            found = _opacity("filter", _shown(token.arguments), quirks)
            return found or None
    return {"filter": 1.0}


_LONGHANDS = {
    "background": ("background-color", "background-image"),
    "margin": ("margin-top", "margin-left"),
    "inset": ("top", "right", "bottom", "left"),
    "overflow": ("overflow-x", "overflow-y"),
    "font": ("font-size",),
}
_READERS: Mapping[str, Callable[[str, Sequence[Token], bool], Values | None]] = {
    **dict.fromkeys(_KEYWORDS, _keyword),
    **dict.fromkeys((*_LENGTHS, "font-size"), _size),
    "opacity": _opacity,
    **dict.fromkeys(("color", "background-color", "-webkit-text-fill-color"), _coloured),
    **dict.fromkeys(("background", "background-image"), _background),
    "font": _font,
    **dict.fromkeys(("margin", "inset"), _sides),
    "overflow": _overflow,
    **dict.fromkeys(("clip", "clip-path"), _clip),
    "transform": _transform,
    "filter": _filter,
}
PROPERTIES = frozenset(_READERS)
"""Names of the properties that are looked at."""
