"""Media: whether a media query holds for a mail reader's screen (Media Queries level 4). Pure.

The screen is in colour, has a mouse, and is light, as most are; a query that cannot be read holds for none.
"""

from collections.abc import Sequence
from typing import Any

WIDTHS = (800, 375)
"""CSS pixels: a window and a telephone."""
_HEIGHT = 900
_PIXELS = {"px": 1.0, "em": 16.0, "rem": 16.0, "pt": 4 / 3, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}
_SAID = {
    "prefers-color-scheme": "light",
    "prefers-reduced-motion": "no-preference",
    "prefers-contrast": "no-preference",
    "hover": "hover",
    "any-hover": "hover",
    "pointer": "fine",
    "any-pointer": "fine",
    "scripting": "none",
}
_SIDES = {"width": 0, "device-width": 0, "height": 1, "device-height": 1}


def holds(query: Sequence[Any], width: int) -> bool:
    """Whether one of the queries between commas holds on a screen of this width, in CSS pixels."""
    each: list[Any] = []
    lists = [each]
    for piece in query:
        if piece == ",":
            each = []
            lists.append(each)
        elif piece.type not in ("whitespace", "comment"):
            each.append(piece)
    if lists == [[]]:
        return True
    return any(_one(tokens, width) for tokens in lists)


def _one(tokens: list[Any], width: int) -> bool:
    words = [token.lower_value if token.type == "ident" else "" for token in tokens]
    turned = False
    if words and words[0] in ("not", "only"):
        turned = words[0] == "not"
        tokens, words = tokens[1:], words[1:]
    if not tokens:
        return False
    right = True
    if words[0]:
        right = words[0] in ("screen", "all")
        tokens, words = tokens[1:], words[1:]
        if tokens and (words[0] != "and" or len(tokens) == 1):
            return False
        tokens = tokens[1:]
    found = _conditions(tokens, width) if tokens else True
    if found is None:
        return False
    return (right and found) != turned


def _conditions(tokens: Sequence[Any], width: int) -> bool | None:
    """Conditions joined by `and` or `or`; None where one cannot be read."""
    joined = {token.lower_value for token in tokens[1::2] if token.type == "ident"}
    if len(tokens) % 2 == 0 or len(joined) != (len(tokens) > 1) or not joined <= {"and", "or"}:
        return None
    found = [_condition(token, width) for token in tokens[::2]]
    if None in found:
        return None
    return any(found) if joined == {"or"} else all(found)


def _condition(block: Any, width: int) -> bool | None:
    if block.type != "() block":
        return None
    tokens = [token for token in block.content if token.type not in ("whitespace", "comment")]
    if not tokens:
        return None
    if tokens[0].type == "() block":
        return _conditions(tokens, width)
    if tokens[0].type == "ident" and tokens[0].lower_value == "not":
        found = _conditions(tokens[1:], width)
        return None if found is None else not found
    if len(tokens) >= 3 and tokens[0].type == "ident" and tokens[1] == ":":
        return _feature(tokens[0].lower_value, tokens[2], width)
    if len(tokens) == 1 and tokens[0].type == "ident":
        return tokens[0].lower_value in ("color", "width", "height", "hover", "pointer", "any-hover", "any-pointer")
    return _range(tokens, width)


def _feature(name: str, value: Any, width: int) -> bool | None:
    if name in _SAID:
        return bool(value.type == "ident" and value.lower_value == _SAID[name])
    if name == "orientation":
        return bool(value.type == "ident" and value.lower_value == ("landscape" if width > _HEIGHT else "portrait"))
    plain = name.removeprefix("min-").removeprefix("max-").removeprefix("-webkit-min-").removeprefix("-webkit-max-")
    if plain == "device-pixel-ratio" and value.type == "number":
        return bool(value.value <= 1 if "min-" in name else value.value >= 1 if "max-" in name else value.value == 1)
    amount = _pixels(value)
    if plain not in _SIDES or amount is None:
        return None
    have = (width, _HEIGHT)[_SIDES[plain]]
    if name.startswith("min-"):
        return have >= amount
    return have <= amount if name.startswith("max-") else have == amount


def _range(tokens: Sequence[Any], width: int) -> bool | None:
    """`(width <= 600px)`, `(400px < width < 900px)`."""
    sides: list[float] = []
    signs: list[str] = []
    for token in tokens:
        if token.type == "literal":
            if token.value == "=" and signs and len(signs) > len(sides) - 1:
                signs[-1] += "="
            else:
                signs.append(token.value)
        elif token.type == "ident" and token.lower_value in _SIDES:
            sides.append((width, _HEIGHT)[_SIDES[token.lower_value]])
        elif (amount := _pixels(token)) is not None:
            sides.append(amount)
        else:
            return None
    if len(sides) != len(signs) + 1 or not signs or not set(signs) <= {"<", ">", "<=", ">=", "="}:
        return None
    compared = zip(sides, signs, sides[1:], strict=False)
    return all(_compare(left, sign, right) for left, sign, right in compared)


def _compare(left: float, sign: str, right: float) -> bool:
    if left == right:
        return "=" in sign
    return left < right if sign[0] == "<" else sign[0] == ">" and left > right


def _pixels(token: Any) -> float | None:
    if token.type == "dimension" and token.lower_unit in _PIXELS:
        return float(token.value) * _PIXELS[token.lower_unit]
    return 0.0 if token.type == "number" and token.value == 0 else None
