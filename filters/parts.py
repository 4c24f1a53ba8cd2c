"""The text parts of a message that a recipient is shown, decoded. Pure, and bounded in octets looked at.

Parts are found by their delimiter lines, so what lies between costs one search; what a part's fields mean and how its
body is decoded is the business of Python's email package.
"""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message as Part
from functools import lru_cache
from typing import NamedTuple

from filters.message import Message

MOST_TEXT = 256 * 1024
"""Octets of decoded text that are looked at in a message."""
_MOST_PARTS = 100
_DEEPEST = 10
_LONGEST_HEADER = 4096
_CHARSETS = re.compile(r"(?:utf-?(?:8|16|32)|us-ascii|ascii|iso-|latin|windows-|cp|koi8|big5|gb|euc|shift|mac|tis|hz)")
"""Character sets by which text is decoded: some codecs of the library take a time that grows with the square."""


class Text(NamedTuple):
    """One text part."""

    html: bool
    text: str


def texts(message: Message) -> list[list[Text]]:
    """The text parts in order, each with its alternatives, of which a recipient is shown one.

    Attachments and attached messages are none; what cannot be decoded is read as far as that goes.
    """
    if message.texts is None:
        fields = [field for name in _FIELDS for field in message.all(name)[:1]]
        block = b"".join(b"%s:%s\r\n" % (field.name.encode(), field.value[:_LONGEST_HEADER]) for field in fields)
        message.texts = _Reader(message).part(block, message.body_start, len(message.raw), 0)
    found: list[list[Text]] = message.texts
    return found


_FIELDS = ("content-type", "content-transfer-encoding", "content-disposition")


class _Head(NamedTuple):
    """What the fields of a part mean."""

    kind: str
    attached: bool
    boundary: str | None
    charset: str
    plain: bool
    """Whether its octets are those of the text."""


@lru_cache(maxsize=256)
def _head(block: bytes) -> _Head:
    """The meaning of a header block; there are few in all mail, but for boundaries."""
    part: Part = message_from_bytes(block + b"\r\n")
    kind = part.get_content_type()
    return _Head(
        kind,
        part.get_content_disposition() == "attachment",
        part.get_boundary() if kind.startswith("multipart/") else None,
        (part.get_content_charset() or "").lower(),
        str(part.get("content-transfer-encoding", "")).lower() in ("", "7bit", "8bit"),
    )


class _Reader:
    def __init__(self, message: Message) -> None:
        self._raw = message.raw
        self._octets = MOST_TEXT
        self._parts = _MOST_PARTS

    def part(self, block: bytes, start: int, end: int, depth: int) -> list[list[Text]]:
        """What one part shows, that stands between two offsets under this header block."""
        head = _head(block)
        if head.kind.startswith("multipart/"):
            return self._within(head, start, end, depth)
        if head.kind not in ("text/plain", "text/html") or head.attached:
            return []
        # An encoded octet takes three at most.
        return [
            [
                Text(
                    head.kind == "text/html",
                    self._decoded(block, head, bytes(self._raw[start : min(end, start + 3 * self._octets)])),
                )
            ]
        ]

    def _within(self, outer: _Head, start: int, end: int, depth: int) -> list[list[Text]]:
        if not outer.boundary or depth >= _DEEPEST:
            return []
        shown: list[list[Text]] = []
        for begin, stop in self._between(outer.boundary.encode("ascii", "replace"), start, end):
            head = bytes(self._raw[begin : min(stop, begin + _LONGEST_HEADER)])
            length = 0 if head.startswith(b"\r\n") else head.find(b"\r\n\r\n") + 2
            body = begin + length + 2 if length != 1 else stop
            if length == 1:  # no blank line: all is header
                continue
            shown += self.part(head[:length], body, stop, depth + 1)
            if self._octets <= 0:
                break
        return (
            [[text for group in shown for text in group]] if outer.kind == "multipart/alternative" and shown else shown
        )

    def _between(self, boundary: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where the parts of a multipart begin and end."""
        line = b"\r\n--" + boundary
        at = self._raw.find(line, max(0, start - 2), end)
        while at >= 0 and self._parts > 0:
            after = at + len(line)
            if self._raw[after : after + 2] == b"--":
                return
            begin = self._raw.find(b"\r\n", after, end)
            if begin < 0:
                return
            at = self._raw.find(line, begin, end)
            self._parts -= 1
            yield begin + 2, at if at >= 0 else end

    def _decoded(self, block: bytes, head: _Head, body: bytes) -> str:
        octets = body
        if not head.plain:
            part = message_from_bytes(block + b"\r\n")
            part.set_payload(body.decode("ascii", "surrogateescape"))
            payload = part.get_payload(decode=True)
            octets = payload if isinstance(payload, bytes) else b""
        octets = octets[: self._octets]
        self._octets -= len(octets)
        charset = head.charset
        if not charset:
            try:
                return octets.decode()
            except UnicodeDecodeError:
                charset = "windows-1252"
        try:
            return octets.decode(charset if _CHARSETS.match(charset) else "utf-8", "replace")
        except (LookupError, UnicodeError):
            return octets.decode("utf-8", "replace")
