"""What holds for an element; tests/visible has what Chromium says of it."""

from filters.page import Element
from filters.style import BLACK, Style, pixels, root_style, styled
from filters.values import Colour, Length, Values


def _styled(name: str, own: Values, parent: Style | None = None, **attributes: str) -> Style:
    return styled(Element(name, attributes, None), (), (own, {}), parent or root_style(), 800, quirks=False)


def test_colour_and_size_are_inherited_and_opacity_is_not() -> None:
    above = _styled("p", {"color": Colour(1, 0, 0), "font-size": Length(50, "%"), "opacity": 0.5})
    below = _styled("span", {}, above)
    assert (below.ink, below.size, below.opacity) == (Colour(1, 0, 0), 8.0, 1.0)


def test_a_link_is_blue_unless_it_inherits() -> None:
    above = _styled("p", {"color": Colour(1, 0, 0)})
    assert _styled("a", {}, above, href="x").ink == Colour(0, 0, 238 / 255)
    assert _styled("a", {"color": "inherit"}, above, href="x").ink == Colour(1, 0, 0)
    assert _styled("a", {"color": "initial"}, above, href="x").ink == BLACK


def test_attributes_are_weaker_than_declarations() -> None:
    assert _styled("td", {}, None, bgcolor="#ffffff").ground == Colour(1, 1, 1)
    assert _styled("td", {"background-color": BLACK}, None, bgcolor="#ffffff").ground == BLACK
    assert _styled("p", {}, None, hidden="").display == "none"
    assert _styled("font", {}, None, size="+2").size == 24.0


def test_lengths() -> None:
    assert pixels(Length(2, "em"), 10, None) == 20
    assert pixels(Length(3, "pt"), 10, None) == 4
    assert pixels(Length(50, "%"), 10, 300) == 150
    assert pixels(Length(50, "%"), 10, None) is None and pixels("auto", 10, 300) is None
