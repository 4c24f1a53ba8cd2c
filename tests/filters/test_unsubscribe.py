"""Unsubscribe: what is asked before the rules; tests/cases/bulk.txt has the rule itself."""

import pytest

from filters.message import Message
from filters.unsubscribe import WORDS, header_uris, plain_texts, uris

MIXED = (
    b"From: news@acme.example\r\nList-Unsubscribe: <mailto:a@acme.example>,\r\n <https://u.example/1 2>\r\n"
    b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n'
    b"--b\r\n\r\nplain https://u.example/3.\r\n--b\r\nContent-Type: text/html\r\n\r\n"
    b'<p>rich <a href="https://u.example/4?a=1&amp;b=2">x</a> <a href="http://u.example/5">y</a>\r\n--b--\r\n'
)


def test_uris_of_header_and_texts_are_named() -> None:
    message = Message(MIXED)
    assert header_uris(message) == ("mailto:a@acme.example", "https://u.example/12")
    assert uris(message) == ("https://u.example/12", "https://u.example/3", "https://u.example/4?a=1&b=2")


def test_texts_are_those_a_recipient_reads() -> None:
    assert [" ".join(text.split()) for text in plain_texts(Message(MIXED))] == [
        "plain https://u.example/3.",
        "rich x y",
    ]


@pytest.mark.parametrize("raw", [b"", b"List-Unsubscribe: <<>>\xff\r\n\r\n", b"Content-Type: text/html\r\n\r\n<\xff"])
def test_nothing_raises(raw: bytes) -> None:
    assert uris(Message(raw)) == ()


def test_words_are_in_lower_case() -> None:
    assert all(word == word.casefold() for word in WORDS)


def test_of_many_links_all_are_named_wherever_ours_stands() -> None:
    body = b" ".join(b"https://click.example/%d" % each for each in range(500))
    found = uris(Message(b"From: a@b.example\r\n\r\n" + body + b"\r\nhttps://u.example/last\r\n"))
    assert (len(found), found[-1]) == (501, "https://u.example/last")
