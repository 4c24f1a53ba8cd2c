"""Encoded words (RFC 2047): what readers see in their place, and what is wrong with them. Pure."""

import re
from base64 import b64decode
from functools import lru_cache
from quopri import decodestring

from filters.shown import known_codec

WORD = re.compile(rb"=\?([!-<>@-~]{1,60})\?([bBqQ])\?([^?\s]*+)\?=")
"""An encoded word; a language may stand behind the character set (RFC 2231 section 5)."""
LONGEST = 75
"""Characters of an encoded word (RFC 2047 section 2); longer ones are not remembered."""
_BEGUN = re.compile(rb"=\?[\w.:+-]{1,60}(?:\*[\w-]{1,20})?\?.\?")
_BETWEEN = re.compile(rb"(?<=\?=)[ \t]++(?==\?)")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*+={0,2}\Z")
_NO_DIGITS = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_WIDE = re.compile(
    rb"(?i)utf-?(?:16|32|7)|unicode-1-1|iso-2022|hz|gb|big5|cn-|euc-|shift|s?jis|ks_?c|cp9|ms9|windows-(?:31j|9)|x-"
)
"""Character sets in which an octet that looks like ASCII, or is below 32, may be a piece of a character."""
_UTF = re.compile(rb"(?i)utf-?(?:16|32|7)|unicode-1-1")


def joined(value: bytes) -> bytes:
    """The value without the white space between adjacent encoded words, which nobody shows (RFC 2047 section 6.2)."""
    return _BETWEEN.sub(b"", value)


def octets(found: re.Match[bytes]) -> bytes:
    """What an encoded word holds, in UTF-8 or another character set that contains ASCII as it is."""
    return _usual(*found.groups()) if len(found[0]) <= LONGEST else _octets(*found.groups())


def _octets(charset: bytes, encoding: bytes, text: bytes) -> bytes:
    if encoding in b"qQ":
        held = decodestring(text, header=True)
    else:
        digits = text.translate(None, _NO_DIGITS)  # as lenient readers do; what is left over is dropped
        digits = digits[: len(digits) - (len(digits) % 4 == 1)]
        held = b64decode(digits + b"=" * (-len(digits) % 4))
    if not _WIDE.match(charset):
        return held
    if _UTF.match(charset) and held.isascii() and held.decode("ascii").isprintable():
        # UTF-16 in name only: readers show the text as it stands. UTF-7 is read both ways.
        return held + b" " + held.decode("utf-7", "replace").encode("utf-8", "replace") if b"7" in charset else held
    codec = known_codec(charset.decode("ascii"))
    return held.decode(codec, "replace").encode("utf-8", "replace") if codec else held.replace(b"\x1b", b"")


_usual = lru_cache(maxsize=512)(_octets)
"""Several rules look at the same few words of a message."""


def decoded(value: bytes) -> bytes:
    """The value with its encoded words replaced by what they hold: what a reader sees that decodes before it parses."""
    return WORD.sub(octets, joined(value))


def control(value: bytes) -> str | None:
    """The first control octet that an encoded word hides, such as "NUL"; line ends at a word's own end pass.

    A web form often leaves one there; within, it cuts the text in two for some readers (Mailsploit).
    """
    return next(filter(None, (_hidden(octets(found)) for found in WORD.finditer(value))), None)


def octet(number: int) -> str:
    """How evidence names an octet."""
    return {0: "NUL", 10: "LF", 13: "CR", 27: "ESC", 127: "DEL"}.get(number, f"octet {number:02X}")


def fault(value: bytes) -> str | None:
    """What is wrong with the encoded words of a value, or None."""
    rest = WORD.sub(b"", value)
    if b"=?" in rest and _BEGUN.search(rest):
        return "broken encoded word"
    for found in WORD.finditer(value):
        if found[2] in b"bB" and not _BASE64.match(found[3]):
            return "encoded word whose base64 is none"
        held = octets(found)
        if b"=?" in held and WORD.search(held):
            return "encoded word within an encoded word"
        hidden = _hidden(held)
        if hidden:
            return f"encoded word that holds {hidden}"
    return None


def _hidden(held: bytes) -> str | None:
    control = _CONTROL.search(held.rstrip(b"\r\n"))
    return octet(control[0][0]) if control else None
