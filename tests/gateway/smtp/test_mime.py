"""Bounds on MIME: parts and depth, whatever the cutting, without searching the body."""

import re
import time
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.message import Message
from gateway.smtp.body import IN_MEMORY, Body, Budget
from gateway.smtp.mime import MOST_HYPHENS, excess

PLENTY = 1 << 30


def judged(data: bytes, parts: int = 10, depth: int = 5, *, step: int = 65_536) -> str:
    """What is too much of a message."""
    body = Body(Budget(PLENTY, PLENTY), PLENTY, None, stuffed=False)
    for at in range(0, len(data), step):
        body.add(data[at : at + step])
    body.end()
    assert body.fault == ""
    try:
        return excess(Message(body.view()), body.hyphens, parts, depth)
    finally:
        body.close()


def multipart(*parts: bytes, boundary: str = "b", quoted: bool = False) -> bytes:
    """A multipart entity."""
    shown = f'"{boundary}"' if quoted else boundary
    inner = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return (
        f"Content-Type: multipart/mixed; boundary={shown}\r\n\r\npre\r\n".encode()
        + inner
        + f"--{boundary}--\r\n".encode()
    )


TEXT = b"Content-Type: text/plain\r\n\r\nhello\r\n-- \r\nAnn\r\n"


def nested(depth: int, same: bool = False) -> bytes:
    """Multiparts within one another, so many."""
    inner = TEXT
    for level in range(depth):
        inner = multipart(inner, boundary="b" if same else f"b{level}", quoted=bool(level % 2))
    return inner


def test_what_real_mail_looks_like_passes() -> None:
    message = EmailMessage(policy=SMTP)
    message["From"] = "ann@acme.example"
    message.set_content("plain")
    message.add_alternative("<p>html</p>", subtype="html")
    for number in range(5):
        message.add_attachment(b"\0\xff" * 1000, maintype="application", subtype="pdf", filename=f"{number}.pdf")
    forwarded = EmailMessage(policy=SMTP)
    forwarded.set_content("see below")
    forwarded.add_attachment(message)
    assert judged(forwarded.as_bytes()) == ""


@pytest.mark.parametrize("step", [1, 2, 3, 7, 65_536])
def test_parts_are_counted_over_all_levels_in_any_cutting(step: int) -> None:
    assert judged(multipart(*[TEXT] * 10), step=step) == ""
    assert judged(multipart(*[TEXT] * 11), step=step) == "more than 10 parts"
    assert judged(multipart(TEXT, multipart(*[TEXT] * 8, boundary="c")), step=step) == ""
    assert judged(multipart(TEXT, multipart(*[TEXT] * 9, boundary="c")), step=step) == "more than 10 parts"
    assert judged(multipart(multipart(*[TEXT] * 5, boundary="c"), *[TEXT] * 5), step=step) == "more than 10 parts"


@pytest.mark.parametrize("same", [False, True])
def test_depth_is_bounded(same: bool) -> None:
    assert judged(nested(5, same)) == ""
    assert judged(nested(6, same)) == "nested more than 5 deep"
    assert judged(nested(200, same), parts=1000) == "nested more than 5 deep"


def test_messages_within_messages_count_as_levels() -> None:
    within = b"Content-Type: message/rfc822\r\n\r\n"
    assert judged(within * 5 + TEXT) == ""
    assert judged(within * 6 + TEXT) == "nested more than 5 deep"
    assert judged(multipart(within * 4 + TEXT)) == ""
    assert judged(multipart(within * 5 + TEXT)) == "nested more than 5 deep"
    assert judged(multipart(within * 2 + multipart(within * 2 + TEXT, boundary="c"))) == "nested more than 5 deep"


def test_a_closed_multipart_is_left_and_its_boundary_means_nothing_any_more() -> None:
    inner = multipart(TEXT, boundary="c")
    assert judged(multipart(*[inner] * 5)) == ""
    assert judged(multipart(inner + b"--c\r\n" * 50)) == ""


def test_folded_odd_and_missing_boundaries() -> None:
    folded = b'Content-Type:\r\n multipart/mixed;\r\n\tBOUNDARY="a \\"b\\""\r\n\r\n' + b'--a "b"\r\n\r\nx\r\n' * 11
    assert judged(folded) == "more than 10 parts"
    assert judged(b"Content-Type: multipart/mixed\r\n\r\n" + b"--\r\n" * 50) == ""
    assert judged(b"content-type: MULTIPART/mixed; boundary=b\r\n\r\n" + b"--b \t\r\n\r\n" * 11) == "more than 10 parts"


def test_text_that_is_not_composite_may_hold_any_lines() -> None:
    assert judged(TEXT + b"-- comment\r\n" * (MOST_HYPHENS + 5)) == ""
    assert judged(multipart(TEXT + b"-- comment\r\n" * 5000)) == ""
    assert judged(multipart(TEXT + b"-- comment\r\n" * MOST_HYPHENS)).startswith("10000 lines or more")


@pytest.mark.parametrize("step", [1, 5, 65_536])
def test_lines_with_hyphens_are_found_in_a_body_in_a_file(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.smtp.body.IN_MEMORY", 9)
    assert judged(multipart(*[TEXT] * 10), step=step) == ""
    assert judged(multipart(*[TEXT] * 11), step=step) == "more than 10 parts"
    assert judged(nested(6), step=step) == "nested more than 5 deep"


@given(st.lists(st.sampled_from([b"\r\n", b"--", b"-", b"a", b"\r\n--"]), max_size=30), st.integers(1, 9))
def test_lines_with_hyphens_are_found_in_any_cutting(parts: list[bytes], step: int) -> None:
    data = b"".join(parts) + b"\r\n"
    body = Body(Budget(PLENTY, PLENTY), PLENTY, None, stuffed=False)
    for at in range(0, len(data), step):
        body.add(data[at : at + step])
    body.end()
    assert list(body.hyphens()) == [found.start() + 1 for found in re.finditer(rb"\n--", data)]
    body.close()


PIECES = [
    b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: message/rfc822\r\n", b'boundary="', b"\r\n", b"--b",
    b"--", b"content-type:", b";", b"multipart/", b"\\", b'"', b" ", b"=b", b"\xff",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_whatever_a_message_holds_it_is_judged(parts: list[bytes]) -> None:
    assert judged(PIECES[0] + b"".join(parts) + b"\r\n", parts=3, depth=2) in (
        "", "more than 3 parts", "nested more than 2 deep",
    )  # fmt: skip


def test_a_large_message_and_the_worst_one_take_little_time() -> None:
    large = multipart(TEXT, b"Content-Type: image/png\r\n\r\n" + (b"A" * 76 + b"\r\n") * (20 * IN_MEMORY // 78))
    worst = multipart(TEXT, *[multipart(TEXT, boundary=f"c{level}") for level in range(2000)])
    for data in (large, worst):
        body = Body(Budget(PLENTY, PLENTY), PLENTY, None, stuffed=False)
        body.add(data)
        body.end()
        message = Message(body.view())
        start = time.process_time()
        assert excess(message, body.hyphens, 100_000, 200) == ""
        assert time.process_time() - start < 0.5
        body.close()
