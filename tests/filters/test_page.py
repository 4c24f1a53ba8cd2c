"""The tree of an HTML part, and its bounds."""

import pytest

from filters.page import DEEPEST, LONGEST, MOST_ELEMENTS, Page, TooMuch, read


def test_elements_text_and_links_stand_in_order() -> None:
    page = read("<!doctype html><p>a<br>b<a href=x>c</a><a>no link</a>")
    paragraph = page.links[0].parent
    assert paragraph is not None and paragraph.name == "p"
    assert [each if isinstance(each, str) else each.name for each in paragraph.parts] == ["a", "br", "b", "a", "a"]
    assert [each.name for each in page.links[0].lineage()] == ["a", "p", "body", "html", "#page"]
    assert not page.quirks and read("<p>").quirks


def test_what_only_outlook_reads_is_none() -> None:
    page = read("<!--[if mso]><a href=1>x</a><![endif]--><![if !mso]><a href=2>y</a><![endif]>")
    assert [link.attributes["href"] for link in page.links] == ["2"]


def test_what_is_no_part_of_a_head_ends_it() -> None:
    page = read("<style>a{}</style><td><a href=x>y</a></td>")
    assert "head" not in [each.name for each in page.links[0].lineage()]
    assert [style.text for style in page.styles] == ["a{}"]


def test_text_has_the_alternative_texts_of_images() -> None:
    assert read("<a href=x>a<b>b</b><img alt=leave></a>").links[0].text.split() == ["ab", "leave"]


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("x" * (LONGEST + 1), "longer"),
        ("<p>x</p>" * (MOST_ELEMENTS + 1), "elements"),
        ("<i>" * (DEEPEST + 5), "deep"),
    ],
)
def test_what_is_beyond_a_bound_is_not_read(html: str, said: str) -> None:
    with pytest.raises(TooMuch, match=said):
        read(html)


@pytest.mark.parametrize("html", ["", "\x00", "<", "</p>", "<!--", "<a href='", "\ud800", "<\u0130>"])
def test_nothing_raises(html: str) -> None:
    assert isinstance(read(html), Page)
