"""What is seen of an HTML part, beside the cases of tests/visible: contrast, texts, bounds."""

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.page import TooMuch
from filters.sheet import forget, sheet
from filters.values import Colour
from filters.visible import LONGEST_KEY, MOST_VERDICTS, Shown, contrast
from tests.bench.visible import WORST, judged, newsletter
from tests.rig.seen import all_parts


def test_contrast_is_that_of_wcag() -> None:
    assert contrast(Colour(0, 0, 0), Colour(1, 1, 1)) == pytest.approx(21)
    grey = 0x76 / 255
    assert contrast(Colour(grey, grey, grey), Colour(1, 1, 1)) == pytest.approx(4.54, abs=0.01)


def test_why_a_link_is_not_seen() -> None:
    shown = Shown('<p style="opacity:0"><a href="x">y</a></p>')
    assert [shown.unseen(link, 800) for link in shown.links] == ["contrast"]


def test_what_stands_around_a_link() -> None:
    shown = Shown("<td>To leave <a href=' x '>click  here</a>.</td>")
    (link,) = shown.links
    assert (link.href, link.text, shown.around(link)) == ("x", "click here", "To leave click here.")


def test_one_width_is_enough_without_media_queries() -> None:
    assert len(Shown("<p>x</p>").widths) == 1
    assert len(Shown("<style>@media print{p{color:red}}</style>").widths) == 2


def test_what_is_remembered_says_the_same() -> None:
    styles = ("", "<style>i{font-size:2px} .x{opacity:0} @media (max-width:500px){u{display:none}}</style>")
    links = "".join(
        f"<p {around}><i><a {own} href=/u/{at}>{'<img width=1>' if at % 5 == 0 else 'x'}</a></i></p><u><a href=x>y</a></u>"
        for at, around in enumerate(("", "class=x", "style=color:#fff", "hidden", 'style="opacity:.5"', "title=a"))
        for own in ("", "style=font-size:9px", "style=left:-80%;position:absolute", "name=n")
    )
    pages = [part.html for part in all_parts()] + [style + links for style in styles]
    fresh = []
    for page in pages:
        forget()
        fresh.append(_answers(page))
    assert [_answers(page) for page in pages] == fresh
    assert [_answers(page) for page in reversed(pages)] == fresh[::-1]


def _answers(page: str) -> list[str]:
    shown = Shown(page)
    return [shown.unseen(link, width) for link in shown.links for width in (800, 375)]


def test_what_is_remembered_is_bounded() -> None:
    forget()
    pieces = "".join(f"<p style=left:{number}px><a href=x>y</a></p>" for number in range(3 * MOST_VERDICTS))
    long = f"<p style='left:{'0' * LONGEST_KEY}1px'><a href=x>y</a></p>"
    assert set(_answers(pieces + long)) == {""}
    verdicts = sheet("", True).verdicts
    assert 0 < len(verdicts) <= MOST_VERDICTS
    assert all(len(key) <= LONGEST_KEY for _, key in verdicts)


@pytest.mark.parametrize("size", [2048, 20_480, 204_800])
def test_the_footer_of_a_newsletter_is_seen(size: int) -> None:
    shown = Shown(newsletter(size))
    *_, link = shown.links
    assert [shown.unseen(link, width) for width in shown.widths] == ["", ""]


@pytest.mark.parametrize("name", WORST)
def test_no_part_takes_long(name: str) -> None:
    html = WORST[name]()
    forget()
    begun = process_time()
    judged(html)
    # The bound is CPU time and far above what is needed (docs/performance.md); what grew with the square took minutes.
    assert process_time() - begun < 10


TAGS = st.sampled_from(["<p>", "</p>", "<table>", "<td>", "</table>", "<a href=x>", "</a>", "<style>", "</style>", "<b>",
                        "<!--", "-->", "<p style='", "'>", "color:", "#fff", "{", "}", "@media ", ";", "calc(", "x", "<",
                        "<img width=", "a", ":not(", ")", "\x00", "\ud800", "font:0 a", "<font size=", "+9>"])  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(TAGS | st.text(max_size=5), max_size=40).map("".join))
def test_no_html_raises(html: str) -> None:
    try:
        shown = Shown(html)
        for link in shown.links:
            assert shown.unseen(link, 800).isprintable()
    except TooMuch:
        pass
