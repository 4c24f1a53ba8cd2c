"""Shown: what a reader sees of the mailboxes in a header field: names decoded, quotes and comments opened.

Pure, linear, never raises. It reads as mail programs do, who show what they can; whether a field is well formed is for
`filters.message` and the rules about it.
"""

import re
from binascii import Error, a2b_base64, a2b_qp
from encodings import normalize_encoding
from encodings.aliases import aliases
from typing import NamedTuple

from config.domain import domain_name

_LONGEST_DOMAIN = 253
LONGEST = 16_384
"""Octets of a field that are read; what comes after them nobody sees."""

_TOKEN = re.compile(
    r'"(?P<quoted>(?:[^"\\]++|\\.)*+)"?|\((?P<comment>(?:[^()\\]++|\\.)*+)\)?|<(?P<angle>[^<>]*+)>?'
    r"|(?P<end>[,;])|(?P<text>[^\"(<,;]++)",
    re.DOTALL,
)
_SPEC = rb"([A-Za-z0-9._+=-]{1,64})@((?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,63})"
_PLAIN = re.compile(rb"(?:\"([A-Za-z0-9 .,'&_-]*+)\"|([A-Za-z0-9 .'&_-]*+)) ?<" + _SPEC + rb">\Z|" + _SPEC + rb"\Z")
"""One mailbox as nearly all mail writes it."""
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*+)\?=")
_BETWEEN = re.compile(r"(?<=\?=)[ \t\r\n]+(?==\?)")
_NO_CHARSETS = {"base64_codec", "bz2_codec", "hex_codec", "mbcs", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"}
_CODECS = (set(aliases.values()) | {"utf_8_sig", "koi8_u", "cp1006", "iso8859_16"}) - _NO_CHARSETS
"""Codecs of text. No other name is looked up: Python keeps for ever what it did not find."""


class Mailbox(NamedTuple):
    """One mailbox of a field as it is shown."""

    name: str
    """Display name and comments; empty where there is none."""
    address: str
    """local-part@domain as written, in lower case."""
    domain: str
    """The domain in lower-case A-labels, or as written where it has none; empty without an `@`."""


def plain_domain(text: str) -> str:
    """A domain in lower-case A-labels; as it is, in lower case, where it is no domain name."""
    if len(text) > _LONGEST_DOMAIN:
        return text.lower()
    try:
        return domain_name(text)
    except ValueError:
        return text.lower()


def mailboxes(value: bytes) -> tuple[Mailbox, ...]:
    """The mailboxes of one unfolded field, in order."""
    plain = _PLAIN.match(value)
    if plain:
        name, domain = (plain[1] or plain[2] or b"").decode().strip(), (plain[4] or plain[6]).decode().lower()
        return (Mailbox(name, f"{(plain[3] or plain[5]).decode().lower()}@{domain}", domain),)
    found: list[Mailbox] = []
    before: list[str] = []
    comments: list[str] = []
    address: str | None = None
    for token in _TOKEN.finditer(text_of(value)):
        kind, text = token.lastgroup, token[token.lastgroup] if token.lastgroup else ""
        if kind == "end":
            _add(found, before, comments, address)
            before, comments, address = [], [], None
        elif kind == "angle":
            address = text
        elif kind == "comment":
            comments.append(_PAIR.sub(r"\1", text))
        else:
            before.append(_PAIR.sub(r"\1", text) if kind == "quoted" else text)
    _add(found, before, comments, address)
    return tuple(found)


def _add(found: list[Mailbox], before: list[str], comments: list[str], address: str | None) -> None:
    words = "".join(before).strip()
    if address is None:
        words, _, address = words.rpartition(" ") if "@" in words.rpartition(" ")[2] else (words, "", "")
    address = _spec(address)
    name = " ".join(decoded(part) for part in (words, *comments) if part).strip()
    if name or address:
        found.append(Mailbox(name, address.lower(), plain_domain(address.rpartition("@")[2]) if "@" in address else ""))


def _spec(text: str) -> str:
    """The address in what stands between angle brackets, or in place of them; a source route is left out."""
    parts = text.split()
    if len(parts) > 1:
        spec = next((part for part in reversed(parts) if "@" in part), "")
        # White space around the `@` and dots is an obsolete form (RFC 5322 section 4.4).
        text = "".join(parts) if spec.startswith(("@", ".")) or spec.endswith(("@", ".")) else spec or text
    return text.strip().rpartition(":")[2].strip("<>")


def text_of(value: bytes) -> str:
    """The characters of a field: UTF-8 (RFC 6532), else what they are in Western Europe."""
    value = value[:LONGEST]
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")


def decoded(text: str) -> str:
    """The text with its encoded words decoded (RFC 2047), also where they should not stand; others stay as they are."""
    if "=?" not in text:
        return text
    text = _BETWEEN.sub("", text)
    made: list[str] = []
    octets, codec, at = b"", "", 0
    for word in _WORD.finditer(text):
        each = _octets(word[2], word[3])
        if each is None:
            continue
        new = _codec(word[1])
        if word.start() != at or new != codec:
            # A character may be cut in two between two words that follow each other.
            made += [octets.decode(codec, "replace") if octets else "", text[at : word.start()]]
            octets = b""
        octets, codec, at = octets + each, new, word.end()
    made += [octets.decode(codec, "replace") if octets else "", text[at:]]
    return "".join(made)


def _octets(encoding: str, text: str) -> bytes | None:
    try:
        plain = text.encode("ascii")
        return a2b_base64(plain + b"==") if encoding in "bB" else a2b_qp(plain, header=True)
    except (Error, UnicodeEncodeError):
        return None


def _codec(charset: str) -> str:
    """The codec of a charset, with or without a language (RFC 2231 section 5); that of UTF-8 for an unknown one."""
    return known_codec(charset) or "utf_8"


def known_codec(charset: str) -> str:
    """Python's codec of a charset, as Python would find it; "" for an unknown one."""
    name = normalize_encoding(charset.partition("*")[0]).lower().replace(".", "_")
    name = aliases.get(name, name)
    return name if name in _CODECS else ""
