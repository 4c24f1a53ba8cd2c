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
from typing import Literal, NamedTuple

from consent.address import Address, AddressError

_NAME = re.compile(rb"[!-9;-~]+\Z")
_ADDR_SPEC = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+"
_MAILBOX = re.compile(
    rb"[ \t]*+(?:(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~. \t-]*+|\"(?:[^\"\\\r\n]|\\[ -~])*+\"[ \t]*+)<("
    + _ADDR_SPEC
    + rb")>|("
    + _ADDR_SPEC
    + rb"))[ \t]*\Z"
)
"""One mailbox as nearly all mail writes it: `addr`, `Name <addr>`, `"Name" <addr>`. The rest goes to the library."""

_FROM = HeaderRegistry()
_LONGEST_PARSED = 16 * 1024
"""Octets of an address field above which it is not parsed: the library's parser is recursive."""

Defect = Literal["", "no colon", "name is not printable ASCII", "space before the colon", "folded first line"]


class Field(NamedTuple):
    """One header field as it stands in the message."""

    name: str
    """Lower-case. What stands before the first colon, or the whole first line where there is none."""
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
        return tuple(_split(self.header))

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
    def message_id(self) -> str:
        """The first Message-ID, printable ASCII only, cut to 250 characters; "" where there is none."""
        ids = self.all("message-id")
        return "".join(c for c in ids[0].unfolded[:250].decode("ascii", "ignore") if c.isprintable()) if ids else ""

    def mailboxes(self, name: str) -> tuple[Address, ...] | None:
        """All mailboxes in all fields of a name, groups opened; None where one of the fields cannot be read."""
        found: list[Address] = []
        for field in self.all(name):
            mailboxes = _read_mailboxes(field.unfolded)
            if mailboxes is None:
                return None
            found += mailboxes
        return tuple(found)


def _split(header: bytes) -> Iterator[Field]:
    lines = header.split(b"\r\n")
    if lines[-1] == b"":
        lines.pop()
    offset = index = 0
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
        defect: Literal[
            "", "no colon", "name is not printable ASCII", "space before the colon", "folded first line"
        ] = ""
        if first[:1] in (b" ", b"\t"):
            defect = "folded first line"
        elif not colon:
            defect = "no colon"
        elif not _NAME.match(name):
            defect = "space before the colon" if _NAME.match(name.rstrip(b" \t")) else "name is not printable ASCII"
        text = name.strip(b" \t").lower().decode("ascii", "backslashreplace")
        yield Field(text, value, start, min(offset, len(header)), defect)


def _read_mailboxes(value: bytes) -> list[Address] | None:
    plain = _MAILBOX.match(value)
    try:
        if plain:
            return [Address.parse((plain[1] or plain[2]).decode())]
        if len(value) > _LONGEST_PARSED:
            return None
        header = _FROM("from", value.decode("utf-8", "surrogateescape"))
        if any(not _harmless(defect) for defect in header.defects):
            return None
        return [Address.parse(address.addr_spec) for address in header.addresses]  # type: ignore[attr-defined]
    except AddressError:
        return None
    except (ValueError, IndexError, AttributeError, TypeError, RecursionError):
        # The library's parser raises these on some malformed input; such a field cannot be read.
        return None


def _harmless(defect: MessageDefect) -> bool:
    """Obsolete forms, such as the unquoted dot of `John Q. Public`, are read alike by everybody; so is UTF-8."""
    return isinstance(defect, ObsoleteHeaderDefect | NonASCIILocalPartDefect)
