"""The wire: command lines, paths, line ends, dots. Pure functions of bytes; no socket and no clock.

Only CRLF ends a line, of commands and of data alike, and only CRLF.CRLF ends data. Whoever relaxes that opens SMTP
smuggling: bytes that one server reads inside a message and the next one reads as a new message.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from consent.address import Address, AddressError

MAX_COMMAND = 2048
"""Octets of a command line with CRLF: 512 and room for what extensions add (RFC 5321 section 4.5.3.1.4)."""
MAX_AUTH_LINE = 12_288
"""Octets of a line in an AUTH exchange (RFC 4954 section 4)."""
END_OF_DATA = b"\r\n.\r\n"

_PATH = re.compile(
    r"(?P<word>FROM|TO):[ ]?<(?P<path>(?:\"(?:[^\"\\]|\\.)*+\"|[^<>\"\s])*+)>(?:[ ]+(?P<parameters>.*))?\Z",
    re.IGNORECASE | re.DOTALL,
)
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PARAMETER = re.compile(r"(?P<keyword>[A-Za-z0-9][A-Za-z0-9-]*)(?:=(?P<value>[^\x00-\x20=\x7f-\x9f\s]+))?\Z")
"""RFC 5321 section 4.1.2; RFC 6531 section 3.3 lets a value hold UTF-8."""
_EHLO_NAME = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9_])?\.?|\[[A-Za-z0-9:.-]{2,64}\])\Z")


class SyntaxFault(ValueError):
    """A command cannot be read; the text says what is wrong and quotes nothing of it."""


class PathFault(SyntaxFault):
    """The address in MAIL or RCPT is none."""


@dataclass(frozen=True, slots=True)
class Path:
    """What stands in MAIL FROM or RCPT TO."""

    address: Address | None
    """None is `<>`."""
    parameters: Mapping[str, str]
    """Upper-case keyword -> value as written, "" where there is none; in order of appearance."""


def split_command(line: bytes) -> tuple[str, str]:
    """A command line without CRLF as (verb in capitals, argument); raises SyntaxFault.

    Control characters, NUL, bare CR and bare LF among them, are refused wherever they stand (RFC 5321 section 4.1.1).
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise SyntaxFault("command is not ASCII or UTF-8") from None
    if _CONTROL.search(text):
        raise SyntaxFault("control characters in a command")
    verb, _, argument = text.partition(" ")
    if not verb.isascii():
        raise SyntaxFault("command is not ASCII")
    return verb.upper(), argument.strip(" ")


def parse_path(word: str, argument: str, home: str = "") -> Path:
    """The argument of MAIL (`word` FROM) or RCPT (`word` TO); raises SyntaxFault or PathFault.

    `home` is the domain of `<postmaster>` without one (RFC 5321 section 4.1.1.3), "" where that is refused.

    Source routes are refused (RFC 5321 appendix C: they must not be generated), and quoted local-parts with a space or
    an angle bracket in them, which servers read differently.
    """
    match = _PATH.match(argument)
    if not match or match["word"].upper() != word:
        raise SyntaxFault(f"syntax: {word}:<address> and parameters")
    text = match["path"]
    if text.startswith("@"):
        raise PathFault("source routes are not accepted")
    if not {" ", "<", ">"}.isdisjoint(text):
        raise PathFault("no space or angle bracket in an address")
    parameters = parse_parameters(match["parameters"] or "")
    if home and text.lower() == "postmaster":
        text = f"{text}@{home}"
    if not text:
        return Path(None, parameters)
    try:
        return Path(Address.parse(text), parameters)
    except AddressError as error:
        raise PathFault(str(error)) from None


def parse_parameters(text: str) -> dict[str, str]:
    """Mail or rcpt parameters (RFC 5321 section 4.1.2); raises SyntaxFault on a malformed or doubled one."""
    found: dict[str, str] = {}
    for part in filter(None, text.split(" ")):
        match = _PARAMETER.match(part)
        if not match:
            raise SyntaxFault("malformed parameter")
        keyword = match["keyword"].upper()
        if keyword in found:
            raise SyntaxFault(f"parameter {keyword[:40]} given twice")
        found[keyword] = match["value"] or ""
    return found


def is_ehlo_name(text: str) -> bool:
    """Whether EHLO's argument is a domain or an address literal; underscores and single labels pass."""
    return bool(_EHLO_NAME.match(text))


class LineCheck:
    """Watches data for bare CR, bare LF and NUL over any cutting into chunks."""

    __slots__ = ("_cr_waits", "fault")

    def __init__(self) -> None:
        self.fault = ""
        """What was found first: "bare CR", "bare LF", "NUL", or "" (so far)."""
        self._cr_waits = False

    def feed(self, chunk: bytes) -> None:
        """Look at the next octets."""
        if self.fault or not chunk:
            return
        pairs = chunk.count(b"\r\n")
        line_feeds, returns = chunk.count(b"\n"), chunk.count(b"\r")
        if self._cr_waits:
            if chunk[:1] != b"\n":
                self.fault = "bare CR"
                return
            line_feeds -= 1
        self._cr_waits = chunk[-1:] == b"\r"
        if line_feeds != pairs:
            self.fault = "bare LF"
        elif returns - self._cr_waits != pairs:
            self.fault = "bare CR"
        elif b"\0" in chunk:
            self.fault = "NUL"

    def end(self) -> None:
        """No more octets follow."""
        if self._cr_waits and not self.fault:
            self.fault = "bare CR"


class LineRepair:
    """Makes CRLF of each bare CR and bare LF, over any cutting into chunks."""

    __slots__ = ("_held", "mended")

    def __init__(self) -> None:
        self._held = b""
        self.mended = 0
        """How many line ends were mended."""

    def feed(self, chunk: bytes) -> bytes:
        """The octets with their line ends mended; a CR at the end is held back."""
        data, self._held = self._held + chunk, b""
        if data.endswith(b"\r"):
            self._held, data = b"\r", data[:-1]
        if data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n"):
            return data
        data, count = _BARE.subn(b"\r\n", data)
        self.mended += count
        return data

    def end(self) -> bytes:
        """What was held back."""
        held, self._held = self._held, b""
        self.mended += len(held)
        return held and b"\r\n"


class Unstuffer:
    """Takes the dots of transparency off (RFC 5321 section 4.5.2), over any cutting into chunks."""

    __slots__ = ("_held", "_line_start")

    def __init__(self) -> None:
        self._held = b""
        self._line_start = True

    def feed(self, chunk: bytes) -> bytes:
        """The octets that can be told already; up to two are held back."""
        data = self._held + chunk
        self._held = b""
        if self._line_start and data:
            if data[:1] == b".":
                data = data[1:]
            self._line_start = False
        if data.endswith(b"\r\n"):
            self._held, data = data[-2:], data[:-2]
        elif data.endswith(b"\r"):
            self._held, data = data[-1:], data[:-1]
        return data.replace(b"\r\n.", b"\r\n")

    def end(self) -> bytes:
        """What was held back."""
        held, self._held = self._held, b""
        return held


def stuff(data: bytes, *, line_start: bool) -> bytes:
    """Put the dots of transparency on; `line_start` says whether the first octet starts a line."""
    stuffed = data.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if line_start and stuffed[:1] == b"." else stuffed
