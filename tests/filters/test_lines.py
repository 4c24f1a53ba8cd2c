"""filters/lines.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.lines import lines_of_html, lines_of_text


def shown(html: str) -> list[str]:
    return [text for text in lines_of_html(html).texts if text]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>one<p>two", ["one", "two"]),
        ("one<br>two", ["one", "two"]),
        ("wo<span></span>rd <!-- x -->and <b>bold</b>", ["word and bold"]),
        ("<table><tr><td>a</td><td>b</td></tr></table>", ["a", "b"]),
        ("<title>t</title><style>p {}</style><script>if (a < b) x()</script>shown", ["shown"]),
        ('<div style="DISPLAY : none !important">a<b>b</b><br>c</div>shown', ["shown"]),
        ("<p hidden>a</p><span style='font-size:0'>b</span>shown", ["shown"]),
        ("<p style='color:red;'>shown</p>", ["shown"]),
        ('<img src=x alt="Half price"> now', ["Half price now"]),
        ("f&uuml;r 5&nbsp;&euro; &#x41;", ["für 5 € A"]),
        ("a\x00b", ["ab"]),
        ("", []),
        ("<", ["<"]),
    ],
)
def test_what_a_recipient_reads(html: str, expected: list[str]) -> None:
    assert shown(html) == expected


@pytest.mark.parametrize(
    "html",
    [
        "own<div class='gmail_quote'>q<p>q</p></div>",
        "own<blockquote type=cite>q<br>q</blockquote>",
        "own<div class='x gmail_signature'>q</div>",
        "own<div id=divRplyFwdMsg></div><p>q</p>q",
    ],
)
def test_what_is_marked_as_quoted_is_set_apart(html: str) -> None:
    lines = lines_of_html(html)
    assert {text: at in lines.quoted for at, text in enumerate(lines.texts) if text} == {"own": False, "q": True}


def test_a_block_that_is_no_quotation_is_none() -> None:
    assert not lines_of_html("<blockquote>own</blockquote><div class=x>own</div>").quoted


def test_plain_text_keeps_its_lines() -> None:
    assert lines_of_text("a\r\n\r\n b ").texts == ["a", "", "b"]


@pytest.mark.parametrize(
    "html", ["<div>" * 50_000, "<b>" * 50_000 + "<p>" * 5_000, "<table><tr><td>" * 15_000, "<!--" * 60_000]
)
def test_nesting_does_no_harm(html: str) -> None:
    assert shown(html + "x") in (["x"], [])


@given(st.text())
def test_anything_is_read_and_gives_lines(html: str) -> None:
    assert not any("\n" in text for text in lines_of_html(html).texts)
