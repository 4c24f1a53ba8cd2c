"""Received fields read: who took a message over, from whom, how and when (RFC 5321 section 4.4). Pure.

Servers write these lines in many ways, and forgers in any. Nothing here raises, and all of it takes time in proportion
to the field's length; what cannot be read is empty.
"""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import NamedTuple

_COMMENT = re.compile(rb"\((?:[^()\\]++|\([^()\\]*+\))*+\)")
"""A comment with at most one level of others in it, such as Postfix's about TLS."""
_PART = re.compile(rb"\\.|[()]|[^()\\]++|\\", re.DOTALL)
_KEYWORDS = frozenset((b"from", b"by", b"via", b"with", b"id", b"for"))
_ENTRY = frozenset(
    (
        "esmtpa", "esmtpsa", "lmtpa", "lmtpsa", "utf8smtpa", "utf8smtpsa", "utf8lmtpa", "utf8lmtpsa", "asmtp", "asmtps",
        "http", "https", "httpu", "httprest", "mapi", "jmap", "nnfmp", "internal",
    )
)  # fmt: skip
"""Protocols of a first hop: authenticated (RFC 3848, RFC 6531 section 4.3; asmtp is an older Exim's), web mail,
Exchange's clients, a server's own mail."""
_ENTRY_REMARK = re.compile(rb"\((?:authenticated[ )]|qmail \d{1,12} invoked by uid )|[(,] ?from userid |/submit\)")
_ENTRY_WORDS = (b"authenticated", b" invoked by uid ", b"from userid ", b"/submit)")
"""One of them is in each remark. To look for a word is far quicker than to look for a pattern."""
_DATE = re.compile(
    rb"(?:[A-Z][a-z][a-z], )?([0-3]?\d) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d{4}) (\d\d):(\d\d):(\d\d)"
    rb" ([+-])(\d\d)([0-5]\d)(?: {1,3}\([A-Z]{1,5}\))?\Z"
)
"""A date-time as nearly all servers write it."""
_MONTHS = {name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
"""The same said in a comment: Postfix and sendmail, with AUTH and from the command line; qmail."""
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_PRIVATE = frozenset(
    (
        "local", "localdomain", "localhost", "lan", "internal", "intern", "intranet", "intra", "private", "priv",
        "home", "corp", "arpa", "invalid", "test", "domain", "workgroup", "onion",
    )
)  # fmt: skip
"""Last labels that the public DNS does not delegate, or not to anybody (RFC 2606, 6762 appendix G, 8375; .internal)."""
_LONGEST_WORD = 300
_LONGEST_DATE = 100
"""A longer one is none."""


class Hop(NamedTuple):
    """One Received field. Host names in lower case, without brackets and trailing dot; "" where nothing is said."""

    sender: str
    """What it says after `from`: the name the other end gave itself."""
    by: str
    protocol: str
    """After `with`, in lower case."""
    id: str
    entry: bool
    """Whether it says that the message began here: authenticated, local, or from a client without SMTP."""
    time: datetime | None
    """When it took the message over, in UTC; None where that cannot be read."""
    start: int
    """Offset of the field in the message."""


def read(value: bytes, start: int = 0) -> Hop:
    """What one field says; `value` is unfolded."""
    text, _, date = without_comments(value).rpartition(b";")
    if not text:
        text, date = date, b""
    said: dict[bytes, bytes] = {}
    keyword = b""
    for word in text.split():
        if keyword:
            said[keyword], keyword = word, b""
        elif len(word) < 5 and (lower := word.lower()) in _KEYWORDS and lower not in said:
            keyword = lower
    protocol = _word(said.get(b"with", b"")).lower()
    entry = (
        protocol in _ENTRY
        or protocol.startswith("local")
        or (b"via" in said and _word(said[b"via"]).lower() in ("http", "https"))
        or _remarked(value.lower())
    )
    return Hop(
        _host(said[b"from"]) if b"from" in said else "",
        _host(said[b"by"]) if b"by" in said else "",
        protocol,
        _word(said.get(b"id", b"")),
        entry,
        read_date(date.strip()),
        start,
    )


def read_date(text: bytes) -> datetime | None:
    """A date-time (RFC 5322 section 3.3), in UTC; None for what is none. `-0000` says no more than UTC does."""
    text = text[:_LONGEST_DATE]
    plain = _DATE.match(text)
    try:
        if plain:
            day, month, year, hour, minute, second, sign, hours, minutes = plain.groups()
            zone = int(hours) * 60 + int(minutes)
            clock = int(hour), int(minute), min(int(second), 59)
            time = datetime(int(year), _MONTHS[month], int(day), *clock, tzinfo=UTC)
            return time - timedelta(minutes=zone if sign == b"+" else -zone) if zone else time
        time = parsedate_to_datetime(text.decode("ascii"))
        return (time.replace(tzinfo=UTC) if time.tzinfo is None else time).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def without_comments(text: bytes) -> bytes:
    """Without comments, nested ones and those with quoted pairs too (RFC 5322 section 3.2.2)."""
    if b"(" not in text:
        return text
    if b"\\" not in text:
        plain = _COMMENT.sub(b" ", text)
        if b"(" not in plain and b")" not in plain:
            return plain
    kept, depth = bytearray(), 0
    for found in _PART.finditer(text):
        part = found[0]
        if part == b"(":
            depth += 1
        elif part == b")" and depth:
            depth -= 1
        elif not depth:
            kept += part
            continue
        kept += b" "
    return bytes(kept)


def is_public(host: str) -> bool:
    """Whether it is a name in the public DNS by its form: no address, more than one label, no private last label."""
    return _HOST.match(host) is not None and host.rpartition(".")[2] not in _PRIVATE


def is_within(host: str, names: "frozenset[str] | tuple[str, ...]") -> str:
    """The longest of `names` that is the host or one that it is under; "" when there is none."""
    while host not in names:
        _, dot, host = host.partition(".")
        if not dot:
            return ""
    return host


def _remarked(lower: bytes) -> bool:
    """Whether a comment says that the message began there."""
    return any(word in lower for word in _ENTRY_WORDS) and _ENTRY_REMARK.search(lower) is not None


def _word(word: bytes) -> str:
    return word[:_LONGEST_WORD].decode("ascii", "replace").strip("<>,;\"'")


def _host(word: bytes) -> str:
    host = _word(word).lower().strip("[]()")
    if ":" not in host:
        return host.rstrip(".")
    host = host.removeprefix("ipv6:")
    name, colon, port = host.partition(":")
    return name if colon and port.isdigit() and not _is_address(host) else host


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
