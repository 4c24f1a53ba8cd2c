"""Values of CSS declarations; tests/visible has what becomes of them."""

import pytest
import tinycss2

from filters.values import CLEAR, UNREADABLE, Colour, Length, Values, attribute_colour, attribute_length, read


def _read(declaration: str, *, quirks: bool = False) -> Values | None:
    node = tinycss2.parse_one_declaration(declaration)
    return read(node.lower_name, node.value, quirks=quirks)


@pytest.mark.parametrize(
    ("declaration", "values"),
    [
        ("display:none", {"display": "none"}),
        ("display:inline flow-root", {"display": "block"}),
        ("display:inherit", {"display": "inherit"}),
        ("opacity:50%", {"opacity": 0.5}),
        ("font:italic 12px/1.5 Arial", {"font-size": Length(12, "px")}),
        ("font-size:var(--x)", {"font-size": UNREADABLE}),
        ("color:#fff", {"color": Colour(1, 1, 1)}),
        ("margin:1px 2px 3px 4px", {"margin-top": Length(1, "px"), "margin-left": Length(4, "px")}),
        ("overflow:hidden", {"overflow-x": "hidden", "overflow-y": "hidden"}),
        ("background:none", {"background-image": None, "background-color": CLEAR}),
        ("background:initial", {"background-color": "initial", "background-image": "initial"}),
        ("clip-path:inset(50%)", {"clip-path": True}),
        ("transform:scale(0)", {"transform": True}),
        ("transform:none", {"transform": False}),
        ("filter:opacity(25%)", {"filter": 0.25}),
    ],
)
def test_a_declaration_says(declaration: str, values: Values) -> None:
    assert _read(declaration) == values


@pytest.mark.parametrize(
    "declaration",
    ["display:nonesuch", "display:none none none", "font-size:-1px", "font-size:1", "color:whitish", "opacity:x",
     "margin:1px 1px 1px 1px 1px", "margin:red", "overflow:no", "clip:1px", "border:0", "font:Arial", "visibility:none"],
)  # fmt: skip
def test_what_is_no_value_says_nothing(declaration: str) -> None:
    assert _read(declaration) is None


def test_quirks_need_neither_unit_nor_hash() -> None:
    assert _read("font-size:1", quirks=True) == {"font-size": Length(1, "px")}
    assert _read("color:ffffff", quirks=True) == {"color": Colour(1, 1, 1)}


def test_attributes() -> None:
    assert attribute_colour("FFFFFF") == attribute_colour("#fff") == attribute_colour("White") == Colour(1, 1, 1)
    assert attribute_colour("") is None and attribute_colour("no colour") is None
    assert attribute_length("50%") == Length(50, "%") and attribute_length("7") == Length(7, "px")
    assert attribute_length("auto") is None and attribute_length("1.2.3") is None
