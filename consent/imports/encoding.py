"""Encoding: in which one a file is written, decided over the whole of it before any row is read.

A file without a byte order mark is UTF-8 when all of it is; one bad octet three million rows down must not make that
row read otherwise than the first. So there is one cheap pass over all octets, which also tells how many lines there
are and whether there is a NUL anywhere.
"""

import codecs
from dataclasses import dataclass

from consent.imports.source import Source

_SAMPLE = 4096
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NOT_IN_CP1252 = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")
TITLES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1252": "Windows-1252",
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """What the pass over a file found."""

    name: str
    """Of the Python codec; decode with errors="replace"."""
    damaged: bool
    """Some octets are no text in it; they read as U+FFFD."""
    nul: bool
    """There is a NUL character somewhere."""
    lines: int
    """Line ends: an estimate of the rows, for progress."""

    @property
    def title(self) -> str:
        """For people."""
        return TITLES[self.name]


def decide(source: Source) -> Encoding:
    """The encoding of `source`, by one pass over it, or two when it is not what its start says.

    A byte order mark decides; UTF-16 without one is recognised by the NUL that every second octet of a header is. Else
    it is UTF-8 if all of it is valid, or nearly all: where more characters beyond ASCII are valid UTF-8 than not, it is
    UTF-8 with damage (Windows-1252 text is hardly ever valid by chance). Else it is Windows-1252.
    """
    head = source.head(_SAMPLE)
    name = next((codec for mark, codec in _MARKS if head.startswith(mark)), "") or _utf16(head) or "utf-8"
    decoder = codecs.getincrementaldecoder(name)("strict")
    if name.startswith("utf-16"):
        return _utf16_facts(source, name)
    nul, feeds, returns, valid = False, 0, 0, True
    for chunk in source.chunks():
        nul = nul or b"\0" in chunk
        feeds += chunk.count(b"\n")
        returns += chunk.count(b"\r")
        if valid:
            valid = _decodes(decoder, chunk, final=False)
    valid = valid and _decodes(decoder, b"", final=True)
    if not valid:
        name, valid = _not_utf8(source)
    return Encoding(name, not valid, nul, max(feeds, returns))


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _utf16(head: bytes) -> str:
    """The codec when `head` is unmistakably UTF-16 without a mark: mostly ASCII, so every second octet is NUL."""
    if len(head) < 4:
        return ""
    even, odd = head[0::2], head[1::2]
    if odd.count(0) >= 0.9 * len(odd) and even.count(0) <= 0.01 * len(even):
        return "utf-16-le"
    if even.count(0) >= 0.9 * len(even) and odd.count(0) <= 0.01 * len(odd):
        return "utf-16-be"
    return ""


def _utf16_facts(source: Source, name: str) -> Encoding:
    decoder = codecs.getincrementaldecoder(name)("replace")
    nul, damaged, lines = False, False, 0
    for chunk in source.chunks():
        text = decoder.decode(chunk)
        nul = nul or "\0" in text
        damaged = damaged or "\ufffd" in text
        lines += max(text.count("\n"), text.count("\r"))
    return Encoding(name, damaged or "\ufffd" in decoder.decode(b"", True), nul, lines)


def _not_utf8(source: Source) -> tuple[str, bool]:
    """The codec of text that is not all UTF-8, and whether it is all text in that one."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    beyond = bad = 0
    whole = True
    for chunk in source.chunks():
        text = decoder.decode(chunk)
        beyond += len(text) - len(text.encode("ascii", "ignore"))
        bad += text.count("\ufffd")
        whole = whole and not any(octet in chunk for octet in _NOT_IN_CP1252)
    return ("utf-8", False) if beyond > 2 * bad else ("cp1252", whole)
