"""Style rules and the elements that have them; tests/visible/sheets.txt has what Chromium says of them."""

import pytest

from filters.page import TooMuch, read
from filters.sheet import LONGEST, MOST_SELECTORS, Matcher, declared, sheet
from filters.values import Length

PAGE = read('<!doctype html><p class="f"><b>x</b><i>y</i><a id="u" class="u v" href="/u/1" lang="en-GB">z</a></p>')
LINK = PAGE.links[0]


@pytest.mark.parametrize(
    "selector",
    ["a", "A", "*", ".u", ".u.v", "#u", "p a", "p > a", "i + a", "b ~ a", "html body p.f > a#u", "a:not(.x)",
     "a:is(.x, .u)", "a:where(.u)", ":link", "a:last-child", "a:only-of-type", "a:nth-child(3)", "a:nth-child(2n+1)",
     "a:nth-last-child(1)", "a:nth-last-of-type(1)", "[href]", "[href='/u/1']", "[href^='/u']", "[class~=v]",
     "[lang|=en]", "[href*=U i]", "p:has(> b) a", "p:has(b + i) a", ":root a", "a:any-link"],
)  # fmt: skip
def test_it_matches(selector: str) -> None:
    assert Matcher(sheet(f"{selector}{{opacity:0}}", False)).of(LINK)


@pytest.mark.parametrize(
    "selector",
    ["b", ".x", "#x", "a p", "body > a", "b + a", "i ~ b", "a:not(.u)", "a:first-child", "a:hover", "a::before",
     "a:nosuch", "a:nth-child(2)", "a:nth-child(x)", "[href=x]", "[class*='']", "[title]", "p:has(td) a", ":root", "a:empty",
     "a,", "a:lang(fr)", "x|a", "a:nth-child(1 of .u)"],
)  # fmt: skip
def test_it_does_not_match(selector: str) -> None:
    assert not Matcher(sheet(f"{selector}{{opacity:0}}", False)).of(LINK)


def test_the_strongest_stands_last() -> None:
    rules = Matcher(sheet("#u{opacity:1} .u{opacity:.2} a{opacity:.3} .v{opacity:.4}", False)).of(LINK)
    assert [rule.plain["opacity"] for rule in rules] == [0.3, 0.2, 0.4, 1.0]


def test_a_style_attribute() -> None:
    assert declared("font-size:1px!important;opacity:0;nonsense", False) == (
        {"opacity": 0.0},
        {"font-size": Length(1, "px")},
    )


@pytest.mark.parametrize(
    "text",
    [
        "x" * (LONGEST + 1),
        "".join(f".a{i}{{color:red}}" for i in range(MOST_SELECTORS + 1)),
        ":not(" * 5000 + "a" + ")" * 5000 + "{color:red}",
        "@media all{" * 10 + "a{color:red}" + "}" * 10,
    ],
    ids=["long", "many", "selectors within selectors", "media within media"],
)
def test_what_is_beyond_a_bound_is_not_judged(text: str) -> None:
    with pytest.raises(TooMuch):
        sheet(text, False)


def test_what_takes_too_long_to_match_is_not_judged() -> None:
    page = read("<i></i>" * 40_000 + '<a class="u" href="x">y</a>')
    rules = sheet("".join(f"i ~ b ~ i ~ .u{{color:#{i:06d}}}" for i in range(3000)), True)
    with pytest.raises(TooMuch, match="too long to match"):
        Matcher(rules).of(page.links[0])
