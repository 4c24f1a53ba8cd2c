"""filters/parts.py."""

from base64 import b64encode

import pytest

from filters.message import Message
from filters.parts import MOST_TEXT, texts


def part(head: str, body: bytes) -> bytes:
    return head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body


def of(head: str, body: bytes) -> list[list[tuple[bool, str]]]:
    return [[tuple(each) for each in group] for group in texts(Message(b"From: a@b.example\r\n" + part(head, body)))]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("Content-Type: text/plain; charset=utf-8", "für alle".encode()),
        ("Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable", b"f=FCr al=\r\nle"),
        ("Content-Type: text/plain; charset=utf-16\nContent-Transfer-Encoding: BASE64", b64encode("für alle".encode("utf-16"))),
        ("Content-Type: text/plain", "für alle".encode("windows-1252")),
        ("Subject: none", "für alle".encode()),
        ("Content-Type: text/plain; charset=no-such", "für alle".encode()),
    ],
)  # fmt: skip
def test_one_text_in_many_encodings_is_one_text(head: str, body: bytes) -> None:
    assert of(head, body) == [[(False, "für alle")]]


def test_a_codec_that_takes_long_is_not_used() -> None:
    assert of("Content-Type: text/plain; charset=punycode", b"abc-") == [[(False, "abc-")]]


MIXED = (
    b"preamble\r\n--o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n"
    b"--i\r\nContent-Type: text/plain\r\n\r\nplain\r\n--i\r\nContent-Type: text/html\r\n\r\n<p>html\r\n--i--\r\n"
    b"--o\r\nContent-Type: text/plain; name=a.txt\r\nContent-Disposition: attachment\r\n\r\nattached\r\n"
    b"--o\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nanother mail\r\n"
    b"--o\r\n\r\nwithout a header\r\n--o--\r\nepilogue"
)


def test_alternatives_are_one_group_and_attachments_none() -> None:
    assert of('Content-Type: multipart/mixed; boundary="o"', MIXED) == [
        [(False, "plain"), (True, "<p>html")],
        [(False, "without a header")],
    ]


def test_a_part_without_end_is_read_to_the_end() -> None:
    assert of("Content-Type: multipart/mixed; boundary=o", b"--o\r\n\r\nopen") == [[(False, "open")]]


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("Content-Type: multipart/mixed", b"--o\r\n\r\nx"),
        ("Content-Type: multipart/mixed; boundary=o", b"no part"),
        ("Content-Type: multipart/mixed; boundary=o", b"--o"),
        ("Content-Type: multipart/mixed; boundary=o", b"--o\r\nContent-Type: text/plain"),
        ("Content-Type: image/png", b"\x89PNG"),
    ],
)  # fmt: skip
def test_what_has_no_text_has_none(head: str, body: bytes) -> None:
    assert of(head, body) == []


def test_text_behind_a_large_attachment_is_found() -> None:
    body = b"--o\r\nContent-Type: image/png\r\n\r\n" + b"x" * 3_000_000 + b"\r\n--o\r\n\r\ntext\r\n--o--"
    assert of("Content-Type: multipart/mixed; boundary=o", body) == [[(False, "text")]]


def test_no_more_is_decoded_than_the_bound_and_no_more_parts_are_opened() -> None:
    found = of(
        "Content-Type: multipart/mixed; boundary=o", b"--o\r\n\r\n" + b"a" * MOST_TEXT + b"\r\n--o\r\n\r\nmore\r\n--o--"
    )
    assert [len(text) for group in found for _, text in group] == [MOST_TEXT]
    assert len(of("Content-Type: multipart/mixed; boundary=o", b"--o\r\n\r\nx\r\n" * 200)) == 100
    nested = b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (at, at + 1) for at in range(50)
    )
    assert of("Content-Type: multipart/mixed; boundary=b0", nested + b"--b50\r\n\r\nx") == []
