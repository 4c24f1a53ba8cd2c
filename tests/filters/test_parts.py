"""The text parts of a message."""

import pytest

from filters.message import Message
from filters.parts import Text, texts


def test_alternatives_are_one_group() -> None:
    raw = (
        b'Content-Type: multipart/mixed; boundary="m"\r\n\r\n--m\r\nContent-Type: multipart/alternative; boundary="a"\r\n'
        b"\r\n--a\r\n\r\none\r\n--a\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPHA+\r\n--a--\r\n"
        b"--m\r\nContent-Disposition: attachment\r\n\r\nno\r\n--m\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n"
        b"\xe9\r\n--m--\r\n"
    )
    assert texts(Message(raw)) == [[Text(False, "one"), Text(True, "<p>")], [Text(False, "é")]]


@pytest.mark.parametrize(
    "raw", [b"", b"\r\n", b"Content-Type: multipart/mixed\r\n\r\nx", b"Content-Type: \xff\r\n\r\nx"]
)
def test_nothing_raises(raw: bytes) -> None:
    texts(Message(raw))
