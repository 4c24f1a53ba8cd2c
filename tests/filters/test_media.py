"""Media queries; tests/visible/media.txt has what Chromium says of them."""

import pytest
import tinycss2

from filters.media import holds


def _holds(query: str, width: int = 800) -> bool:
    return holds(tinycss2.parse_component_value_list(query), width)


@pytest.mark.parametrize(
    "query",
    ["", "all", "screen", "only screen", "not print", "print, screen", "(min-width:800px)", "(max-width:50em)",
     "(width:800px)", "(color)", "(hover)", "((min-width:1px) or (max-width:1px))", "(not (min-width:801px))",
     "(400px < width <= 800px)", "(width > 1px) and (height > 1px)", "(prefers-color-scheme: light)"],
)  # fmt: skip
def test_it_holds(query: str) -> None:
    assert _holds(query)


@pytest.mark.parametrize(
    "query",
    ["print", "not all", "not screen", "(min-width:801px)", "(max-width:799px)", "(nosuch:1)", "not (nosuch:1)",
     "screen and", "screen (color)", "(width < 800px)", "(prefers-color-scheme: dark)", "only", "()", "(width ~ 3px)",
     "(min-width:1px) and (color) or (hover)", "(min-width:1quux)", "tv and (color)"],
)  # fmt: skip
def test_it_does_not_hold(query: str) -> None:
    assert not _holds(query)


def test_a_telephone_is_narrower() -> None:
    assert _holds("(max-width:600px)", 375) and _holds("(orientation: portrait)", 375)
