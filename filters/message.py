"""Message: a lossless, lazy view of the bytes as received.

Pure. Never raises and never changes a byte: what is wrong with a message is data for rules. Header fields are an
ordered list, never a dict, so that doubled fields are seen. Lines end in CRLF only; the edge has refused the rest.
"""

import re
from collections.abc import Iterator, Sequence
from email.errors import MessageDefect, NonASCIILocalPartDefect, ObsoleteHeaderDefect
from email.headerregistry import HeaderRegistry
from functools import cached_property
from mmap import mmap
from typing import Any, Literal, NamedTuple

from consent.address import Address, AddressError
from filters.received import Hop, read
from filters.shown import LONGEST, Mailbox, mailboxes

_NAME = re.compile(rb"[!-9;-~]+\Z")
_PLAIN_FIELD = re.compile(rb"([!-9;-~]++):([^\r\n]*+(?:\r\n[ \t][^\r\n]*+)*+)\r\n|[\x00-\xff]")
"""A field in which every line is as it should be; else one octet, so that nothing is looked for further on: from every
octet of a long line to its end, that would take time that grows with the square."""
_ADDR_SPEC = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+"
_MAILBOX = re.compile(
    rb"[ \t]*+(?:(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~. \t-]*+|\"(?:[^\"\\\r\n]|\\[ -~])*+\"[ \t]*+)<(?P<spec>"
    + _ADDR_SPEC
    + rb")>|(?P<bare>"
    + _ADDR_SPEC
    + rb"))[ \t]*\Z"
)
"""One mailbox as nearly all mail writes it: `addr`, `Name <addr>`, `"Name" <addr>`."""
_SLOPPY_MAILBOX = re.compile(
    rb"(?P<shown>[^<>\"()\\:;\x00-\x08\x0a-\x1f]*+)<(?P<spec>" + _ADDR_SPEC + rb")>(?P<bare>)[ \t]*\Z"
)
"""The same with a display name that is no phrase, such as the address itself or raw 8-bit: there is but one address."""
_ROUTE = re.compile(rb"<[ \t]*@")
_ENCODED_WORD = re.compile(rb"=\?[^?\s]{1,60}\?[bBqQ]\?[^?\s]*+\?=")
_PLACEHOLDER = b"encoded-word"
_AMBIGUOUS = re.compile(r'encoded-word|=\?|".*[@,;:<>\\].*"')
"""In an addr-spec: what readers take apart differently."""

_MBOX_LINE = re.compile(
    rb">*+From [^\s:]++ ++(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ 0-9]?[0-9] \d\d:\d\d(?::\d\d)?"
    rb"(?: [A-Z]{1,5}| [+-]\d{4})? \d{4}(?: [+-]\d{4})?\Z"
)
"""What separates messages in an mbox file (RFC 4155 appendix A), quoted or not."""
_USUAL = bytes([9, 10, 13, *range(32, 127)])

_FROM = HeaderRegistry()
_LONGEST_PARSED = 1024
"""Octets of address fields above which they are not parsed. The library's parser is recursive and takes time that grows
with the square: 15 ms at this size at worst, seconds at 16 KiB, and all other sessions wait meanwhile."""

Defect = Literal[
    "", "no colon", "name is not printable ASCII", "space before the colon", "folded first line", "mbox line"
]  # fmt: skip
MBOX_LINE: Defect = "mbox line"
"""The line of an mbox file that was left above the first field. No reader takes it for a field, and it is no part of
the message, so it is taken out on the way (gateway/transform.py): behind a line of ours it would end the header block
for many readers."""


class Field(NamedTuple):
    """One header field as it stands in the message."""

    name: str
    """Lower-case. What stands before the first colon, or the whole first line where there is none; of a line that an
    mbox file left, "mbox line"."""
    value: bytes
    """After the colon, folds included, without the last CRLF."""
    start: int
    """Offset of its first octet in the message; `end` is that after its last CRLF."""
    end: int
    defect: Defect = ""

    @property
    def unfolded(self) -> bytes:
        """The value on one line, outer white space removed (RFC 5322 section 2.2.3)."""
        return self.value.replace(b"\r\n", b"").strip(b" \t")


class Message:
    """The bytes of one message and what is read from them."""

    def __init__(self, raw: bytes | mmap) -> None:
        self.raw = raw
        self._mailboxes: dict[str, tuple[Address, ...] | None] = {}
        self._shown: dict[str, tuple[Mailbox, ...]] = {}
        self.shown_texts: list[list[Any]] | None = None
        """Its texts as `filters.unsubscribe` reads them: once for all who ask."""
        self.plain_text: str | None = None
        """All of them as `filters.content` looks for words in them."""

    @cached_property
    def body_start(self) -> int:
        """Offset of the first octet after the blank line; the message's length where there is none."""
        if self.raw[:2] == b"\r\n":
            return 2
        at = self.raw.find(b"\r\n\r\n")
        return len(self.raw) if at < 0 else at + 4

    @cached_property
    def header(self) -> bytes:
        """The header block with the CRLF of its last line, without the blank line."""
        if self.raw[:2] == b"\r\n":
            return b""
        at = self.raw.find(b"\r\n\r\n")
        return bytes(self.raw[: len(self.raw) if at < 0 else at + 2])

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """Header fields from top to bottom. A line that is none is a Field with a defect."""
        return _split_plain(self.header) or tuple(_split(self.header))

    @cached_property
    def unusual(self) -> bytes:
        """The octets of the header block that are neither printable ASCII nor white space, in order."""
        return self.header.translate(None, _USUAL)

    def all(self, name: str) -> Sequence[Field]:
        """The fields of a (lower-case) name, from top to bottom."""
        return self._by_name.get(name, ())

    @cached_property
    def _by_name(self) -> dict[str, list[Field]]:
        found: dict[str, list[Field]] = {}
        for field in self.fields:
            found.setdefault(field.name, []).append(field)
        return found

    @cached_property
    def trace(self) -> tuple[Hop, ...]:
        """The Received fields, read, from top to bottom."""
        return tuple(read(field.unfolded, field.start) for field in self.all("received"))

    @cached_property
    def message_id(self) -> str:
        """The first Message-ID, printable ASCII only, cut to 250 characters; "" where there is none."""
        ids = self.all("message-id")
        text = ids[0].unfolded[:250].decode("ascii", "ignore") if ids else ""
        return text if text.isprintable() else "".join(c for c in text if c.isprintable())

    def mailboxes(self, name: str) -> tuple[Address, ...] | None:
        """All mailboxes in all fields of a name, groups opened; None where one of the fields cannot be read, or where
        they are longer together than `_LONGEST_PARSED`."""
        if name not in self._mailboxes:
            self._mailboxes[name] = self._read_mailboxes(name)
        return self._mailboxes[name]

    def shown(self, name: str) -> tuple[Mailbox, ...]:
        """The mailboxes in all fields of a name as readers see them, well formed or not; of the fields together
        `LONGEST` octets are read."""
        if name not in self._shown:
            found, left = list[Mailbox](), LONGEST
            for field in self.all(name):
                found += mailboxes(field.unfolded[:left])
                left -= len(field.value)
                if left <= 0:
                    break
            self._shown[name] = tuple(found)
        return self._shown[name]

    @cached_property
    def seen(self) -> tuple[tuple[str, Mailbox], ...]:
        """(field, mailbox) for each that says who writes or who is answered, as readers see them."""
        return tuple((name, each) for name in ("from", "sender", "reply-to") for each in self.shown(name))

    @cached_property
    def seen_oddly(self) -> tuple[tuple[str, Mailbox], ...]:
        """Those of `seen` that hold more than printable ASCII."""
        return tuple(each for each in self.seen if not (_is_plain(each[1].name) and _is_plain(each[1].address)))

    def _read_mailboxes(self, name: str) -> tuple[Address, ...] | None:
        fields = self.all(name)
        if not fields:
            return ()
        if sum(len(field.value) for field in fields) > _LONGEST_PARSED:
            return None
        found: list[Address] = []
        for field in fields:
            mailboxes = _read_mailboxes(field.unfolded)
            if mailboxes is None:
                return None
            found += mailboxes
        return tuple(found)


def _split_plain(header: bytes) -> tuple[Field, ...]:
    """The fields of a header block in which every line is as it should be; () for any other, and for an empty one."""
    fields, at = [], 0
    for found in _PLAIN_FIELD.finditer(header):
        if found[1] is None:
            return ()
        at = found.end()
        fields.append(Field(found[1].lower().decode("ascii"), found[2], found.start(), at))
    return tuple(fields) if at == len(header) else ()


def _split(header: bytes) -> Iterator[Field]:
    """The fields of any header block, what is none among them as a Field with a defect."""
    lines = header.split(b"\r\n")
    if lines[-1] == b"":
        lines.pop()
    offset = index = 0
    while index < len(lines) and _MBOX_LINE.match(lines[index]):
        if lines[index + 1 : index + 2] and lines[index + 1][:1] in (b" ", b"\t"):
            break  # without it, what continues it would continue a line of ours
        start, offset = offset, offset + len(lines[index]) + 2
        yield Field(MBOX_LINE, b"", start, min(offset, len(header)), MBOX_LINE)
        index += 1
    while index < len(lines):
        first, start = lines[index], offset
        offset += len(first) + 2
        index += 1
        last = index
        while last < len(lines) and lines[last][:1] in (b" ", b"\t"):
            offset += len(lines[last]) + 2
            last += 1
        name, colon, value = first.partition(b":")
        if last > index:
            value = b"\r\n".join([value, *lines[index:last]])
        index = last
        defect: Defect = ""
        if first[:1] in (b" ", b"\t"):
            defect = "folded first line"
        elif not colon:
            defect = "no colon"
        elif not _NAME.match(name):
            defect = "space before the colon" if _NAME.match(name.rstrip(b" \t")) else "name is not printable ASCII"
        text = name.strip(b" \t").lower().decode("ascii", "backslashreplace")
        yield Field(text, value, start, min(offset, len(header)), defect)


def _read_mailboxes(value: bytes) -> list[Address] | None:
    """The mailboxes of one unfolded field, where every reader would find the same; else None."""
    plain = _MAILBOX.match(value) or _sloppy(value)
    try:
        if plain:
            spec = plain["spec"] or plain["bare"]
            return None if b"=?" in spec else [Address.parse(spec.decode())]
        if _ROUTE.search(value):
            return None
        # Encoded words are words of a display name and nothing else (RFC 2047 section 5); the library would decode them
        # and read the result as syntax.
        words = _ENCODED_WORD.sub(_PLACEHOLDER, value)
        if b"=?" in words:
            return None  # something like an encoded word that not every reader takes for one
        header = _FROM("from", words.decode("utf-8", "surrogateescape"))
        if any(not _harmless(defect) for defect in header.defects):
            return None
        specs = [address.addr_spec for address in header.addresses]  # type: ignore[attr-defined]
        if any(_AMBIGUOUS.search(spec) for spec in specs):
            return None
        return [Address.parse(spec) for spec in specs]
    except AddressError:
        return None
    except Exception:  # noqa: BLE001 - the library's parser raises many kinds on malformed input: it cannot be read
        return None


def _sloppy(value: bytes) -> re.Match[bytes] | None:
    """One mailbox behind a display name that is no phrase; an address in that name must be the mailbox itself."""
    found = _SLOPPY_MAILBOX.match(value)
    if found is None:
        return None
    shown = found["shown"].strip(b" \t,")
    return found if b"@" not in shown or shown.lower() == found["spec"].lower() else None


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and "=?" not in text


def _harmless(defect: MessageDefect) -> bool:
    """Obsolete forms, such as the unquoted dot of `John Q. Public`, are read alike by everybody; so is UTF-8."""
    return isinstance(defect, ObsoleteHeaderDefect | NonASCIILocalPartDefect)
