"""Answers out of bytes: however cut, however odd, bounded, never an exception."""

from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.nexthop.answers import MAX_LINE, MAX_LINES, MAX_SHOWN, Answer, AnswerParser


def parse(data: bytes) -> list[Answer]:
    parser = AnswerParser()
    answers = parser.feed(data)
    assert not parser.broken
    return answers


def test_a_reply_is_its_code_enhanced_code_and_text() -> None:
    (answer,) = parse(b"250 2.0.0 Ok: queued as 4XyZ\r\n")
    assert answer == Answer(250, ("Ok: queued as 4XyZ",), "2.0.0")
    assert answer.line == "250 2.0.0 Ok: queued as 4XyZ"
    assert answer.positive


def test_lines_of_one_reply_are_kept_and_their_repeated_enhanced_code_is_not() -> None:
    (answer,) = parse(b"550-5.1.1 No such\r\n550-5.1.1 user\r\n550 5.1.1 here\r\n")
    assert answer == Answer(550, ("No such", "user", "here"), "5.1.1")
    assert answer.line == "550 5.1.1 No such user here"
    assert not answer.positive


def test_an_enhanced_code_of_another_class_is_text() -> None:
    assert parse(b"550 2.1.1 odd\r\n") == [Answer(550, ("2.1.1 odd",), None)]
    assert parse(b"550 5.1.1234 odd\r\n") == [Answer(550, ("5.1.1234 odd",), None)]


def test_bare_line_feeds_end_lines() -> None:
    assert parse(b"250-a\n250 b\n220 c\r\n") == [Answer(250, ("a", "b")), Answer(220, ("c",))]


@pytest.mark.parametrize("data", [b"250\r\n", b"250\n", b"250 \r\n"])
def test_a_code_alone_is_a_reply(data: bytes) -> None:
    assert parse(data) == [Answer(250, ("",))]


def test_what_cannot_be_printed_is_replaced() -> None:
    (answer,) = parse(b"250 a\x00b\x1b[31m\xff\xc3\xa9 a\rb\r\n")
    assert answer.text == ("a?b?[31m\ufffd\u00e9 a?b",)


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n",
        b"\r\n",
        b"25\r\n",
        b"2500 x\r\n",
        b"199 x\r\n",
        b"600 x\r\n",
        b"250_x\r\n",
        b"250-a\r\n251 b\r\n",
        b"250-a\r\nb\r\n",
        b"\xb2\xb5\xb0 x\r\n",
        b"250 " + b"a" * MAX_LINE + b"\r\n",
        b"2" * (MAX_LINE + 1),
        b"250-a\r\n" * (MAX_LINES + 1),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
def test_what_is_no_reply_breaks_the_stream_for_good(data: bytes) -> None:
    parser = AnswerParser()
    assert parser.feed(data) == []
    assert parser.broken
    assert parser.feed(b"250 Ok\r\n") == []


def test_answers_before_the_break_are_given() -> None:
    parser = AnswerParser()
    assert parser.feed(b"250 Ok\r\nrubbish\r\n") == [Answer(250, ("Ok",))]
    assert parser.broken


def test_the_line_for_the_audit_is_bounded() -> None:
    (answer,) = parse(b"".join([b"250-" + b"a" * 3000 + b"\r\n"] * 9 + [b"250 a\r\n"]))
    assert len(answer.line) == MAX_SHOWN


def test_the_parser_knows_whether_it_is_between_replies() -> None:
    parser = AnswerParser()
    seen = []
    for piece in (b"250-a\r\n", b"250 b\r\n", b"2"):
        parser.feed(piece)
        seen.append(parser.between)
    assert seen == [False, True, False]


_lines = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b"250 Ok", b"250-a", b"250-2.1.0 b", b"250 2.1.0 c", b"550 5.1.1 No", b"354", b"x" * 4100]),
)


@given(
    st.lists(_lines, max_size=8),
    st.sampled_from([b"\r\n", b"\n"]),
    st.lists(st.integers(1, 50), min_size=1, max_size=9),
)
def test_how_the_bytes_are_cut_makes_no_difference(lines: list[bytes], end: bytes, sizes: list[int]) -> None:
    stream = b"".join(line + end for line in lines)
    whole, pieces = AnswerParser(), AnswerParser()
    expected = whole.feed(stream)
    got: list[Answer] = []
    for size in cycle(sizes):
        if not stream:
            break
        got += pieces.feed(stream[:size])
        stream = stream[size:]
    assert got == expected
    assert pieces.broken == whole.broken
    for answer in got:
        assert 200 <= answer.code < 600
        assert answer.line.isprintable()


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    parser = AnswerParser()
    assert all(200 <= answer.code < 600 for answer in parser.feed(data))
    if parser.broken:
        assert parser.feed(b"250 Ok\r\n") == []
