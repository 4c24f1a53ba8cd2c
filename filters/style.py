"""Style: what holds for one element after cascade and inheritance (CSS Cascade level 4). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from filters.page import Element
from filters.sheet import Rule
from filters.values import (
    CLEAR,
    CURRENT,
    SIZES,
    UNREADABLE,
    WIDE,
    Colour,
    Length,
    Value,
    Values,
    attribute_colour,
    attribute_length,
)

BLACK = Colour(0, 0, 0)
_LINK = Colour(0, 0, 238 / 255)
"""Of a link to which nothing gives another."""
_MEDIUM = 16.0
_PIXELS = {"px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 9.6 / 2.54, "q": 2.4 / 2.54,
           "rem": _MEDIUM}  # fmt: skip
_FONT_SIZES = (10.0, 13.0, 16.0, 18.0, 24.0, 32.0, 48.0)
"""Pixels of `font size=1` to 7 (HTML section 15.3.4)."""
_SCALES = {"h1": 2.0, "h2": 1.5, "h3": 1.17, "h5": 0.83, "h6": 0.67, "small": 1 / 1.2, "sub": 1 / 1.2,
           "sup": 1 / 1.2, "big": 1.2}  # fmt: skip
_NONE = frozenset((
    "head", "title", "style", "script", "template", "link", "meta", "base", "area", "datalist", "param", "rp",
))  # fmt: skip
_BLOCKS = frozenset((
    "html", "body", "address", "article", "aside", "blockquote", "center", "dd", "details", "dialog", "dir",
    "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5",
    "h6", "header", "hgroup", "hr", "legend", "li", "main", "menu", "nav", "ol", "p", "pre", "search",
    "section", "summary", "ul",
))  # fmt: skip
_TABLES = {"table": "table", "tr": "table-row", "td": "table-cell", "th": "table-cell", "tbody": "table-row-group",
           "thead": "table-header-group", "tfoot": "table-footer-group", "caption": "table-caption"}  # fmt: skip
_SIZED = frozenset((
    "img", "table", "td", "th", "col", "hr", "pre", "iframe", "video",
))  # fmt: skip
"""Elements whose `width` and `height` attributes are lengths."""

LOOKED_AT = frozenset((
    "style", "hidden", "bgcolor", "color", "text", "link", "width", "height", "size", "href", "open",
))  # fmt: skip
"""Attributes on which it depends what is seen of an element, beside the rules that it has; of `href` that it stands."""


@dataclass(slots=True)
class Style:
    """What holds for one element."""

    display: str
    visibility: str
    size: float
    """Of its letters, in CSS pixels."""
    ink: Colour
    """Of its letters."""
    colour: Colour
    """What `currentcolor` means."""
    indent: float
    """`text-indent` in CSS pixels."""
    opacity: float = 1.0
    """Its own; that of what it stands in comes on top."""
    ground: Colour | None = None
    """Its background colour."""
    image: Colour | None = None
    """What a gradient makes of its background, on average."""
    values: Values = field(default_factory=dict)
    """All that is declared for it, by property; those that inherit are above."""

    @property
    def is_out(self) -> bool:
        """Whether it is taken out of the flow by its position."""
        return self.values.get("position") in ("absolute", "fixed")

    @property
    def is_box(self) -> bool:
        """Whether it has a width and a height of its own."""
        floats = self.values.get("float", "none") != "none"
        return self.is_out or floats or self.display not in ("inline", "contents")

    @property
    def clips(self) -> bool:
        """Whether what is larger than it is cut off."""
        return any(self.values.get(name, "visible") != "visible" for name in ("overflow-x", "overflow-y"))

    def pixels(self, name: str, whole: float | None) -> float | None:
        """A length in CSS pixels; percentages are of `whole`. None where there is none, or no number."""
        return pixels(self.values.get(name), self.size, whole)


def pixels(value: Value, size: float, whole: float | None) -> float | None:
    """A length in CSS pixels beside letters of a size; percentages are of `whole`."""
    if not isinstance(value, Length):
        return None
    if value.unit == "%":
        return None if whole is None else value.number * whole / 100
    if value.unit == "em":
        return value.number * size
    if value.unit in ("ex", "ch"):
        return value.number * size / 2
    if value.unit in ("vw", "vh", "vmin", "vmax"):
        return value.number * 8
    return value.number * _PIXELS[value.unit]


def root_style() -> Style:
    """What holds where nothing is declared: black letters of 16 pixels."""
    return Style("block", "visible", _MEDIUM, BLACK, BLACK, 0.0)


def styled(
    element: Element,
    rules: Sequence[Rule],
    own: tuple[Values, Values],
    parent: Style,
    width: int,
    *,
    quirks: bool,
) -> Style:
    """What holds for an element: by its attributes, its rules with the strongest last, and its style attribute
    (plain, important), within what holds for its parent."""
    values: dict[str, Value] = {}
    _hints(element, values)
    for rule in rules:
        values.update(rule.plain)
    values.update(own[0])
    for rule in rules:
        values.update(rule.important)
    values.update(own[1])
    for name, value in list(values.items()):
        if value == "inherit" and name in parent.values and name not in _INHERITED:
            values[name] = parent.values[name]
        elif isinstance(value, str) and value in WIDE and name not in _INHERITED and name != "display":
            del values[name]
    size = _size(element, values, parent, quirks=quirks)
    colour = _colour(values.get("color"), element, parent)
    fill = values.get("-webkit-text-fill-color")
    style = Style(
        _display(element, values.get("display")),
        _word(values.get("visibility"), parent.visibility, "visible"),
        size,
        fill if isinstance(fill, Colour) else colour,
        colour,
        _indent(values.get("text-indent"), parent, size, width),
        _share(values.get("opacity")) * _share(values.get("filter")),
        _ground(values.get("background-color"), colour),
        image if isinstance(image := values.get("background-image"), Colour) else None,
        values,
    )
    if style.display == "inherit":
        style.display = parent.display
    return style


_INHERITED = frozenset(("color", "visibility", "font-size", "text-indent", "-webkit-text-fill-color"))


def _hints(element: Element, values: dict[str, Value]) -> None:
    """What HTML's own attributes declare (HTML section 15.3), weaker than every rule."""
    given = element.attributes
    if not given:
        return
    if "hidden" in given:
        values["display"] = "none"
    if element.name in ("body", "table", "tr", "td", "th", "tbody", "thead", "tfoot", "col") and "bgcolor" in given:
        values["background-color"] = attribute_colour(given["bgcolor"])
    if element.name == "font" and "color" in given:
        values["color"] = attribute_colour(given["color"])
    elif element.name == "body" and "text" in given:
        values["color"] = attribute_colour(given["text"])
    elif element.name == "a":
        body = next((each for each in element.lineage() if each.name == "body"), None)
        if body is not None and "link" in body.attributes:
            values["color"] = attribute_colour(body.attributes["link"])
    _measures(element, given, values)
    if values.get("color", BLACK) is None:
        del values["color"]


def _measures(element: Element, given: Mapping[str, str], values: dict[str, Value]) -> None:
    if element.name in _SIZED:
        for name in ("width", "height"):
            if name in given:
                values[name] = attribute_length(given[name])
    if element.name == "font" and "size" in given:
        values["font-size"] = _font_size(given["size"].strip())


def _font_size(text: str) -> Value:
    digits = text.lstrip("+-")
    if not digits.isdigit() or len(digits) > 3:
        return None
    step = int(digits)
    if text.startswith(("+", "-")):
        step = 3 + step if text[0] == "+" else 3 - step
    return Length(_FONT_SIZES[min(7, max(1, step)) - 1], "px")


def _display(element: Element, value: Value) -> str:
    if isinstance(value, str) and value not in ("initial", "unset", "revert", "revert-layer"):
        return "none" if value == UNREADABLE else value
    if value in ("initial", "unset"):
        return "inline"
    if element.name in _NONE:
        return "none"
    return "block" if element.name in _BLOCKS else _TABLES.get(element.name, "inline")


def _word(value: Value, inherited: str, initial: str) -> str:
    if value == UNREADABLE:
        return "hidden"
    if not isinstance(value, str) or value in ("inherit", "unset", "revert", "revert-layer"):
        return inherited
    return initial if value == "initial" else value


def _size(element: Element, values: Values, parent: Style, *, quirks: bool) -> float:
    value = values.get("font-size")
    if isinstance(value, Length):
        return pixels(value, parent.size, parent.size) or 0.0
    if isinstance(value, str):
        if value in SIZES:
            return SIZES[value]
        if value in ("smaller", "larger"):
            return parent.size / 1.2 if value == "smaller" else parent.size * 1.2
        if value == UNREADABLE:
            return 0.0
        return _MEDIUM if value == "initial" else parent.size
    if element.name == "table" and quirks:
        return _MEDIUM
    return parent.size * _SCALES.get(element.name, 1.0)


def _colour(value: Value, element: Element, parent: Style) -> Colour:
    if isinstance(value, Colour):
        return value
    if value == UNREADABLE:
        return CLEAR
    if value == "initial":
        return BLACK
    if value in ("inherit", "unset", CURRENT):
        return parent.colour
    if element.name == "a" and "href" in element.attributes:
        return _LINK
    return BLACK if element.name == "mark" else parent.colour


def _indent(value: Value, parent: Style, size: float, width: int) -> float:
    if isinstance(value, Length):
        if value.unit == "%" and value.number >= 100:
            return float("inf")  # behind the right end of whatever box it is
        return pixels(value, size, width) or 0.0
    return 0.0 if value == "initial" else parent.indent


def _share(value: Value) -> float:
    if isinstance(value, float):
        return value
    return 0.0 if value == UNREADABLE else 1.0


def _ground(value: Value, colour: Colour) -> Colour | None:
    if isinstance(value, Colour):
        return value
    return colour if value == CURRENT else None
