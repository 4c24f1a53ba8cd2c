"""Readers of From that share nothing with ours but the language, and values that they take apart differently."""

import email
import re
from email import policy
from email.utils import getaddresses

from hypothesis import strategies as st

from consent.address import Address

PIECES = st.sampled_from(
    [b"Ann ", b"ann@acme.example", b"<ann@acme.example>", b"bob@news.acme.example", b"eve@evil.example",
     b"<eve@evil.example>", b'"', b"(", b")", b"<", b">", b",", b":", b";", b"\\", b" ", b"\r\n ", b"\t", b"@", b".",
     b"=?utf-8?q?x?=", b"=?utf-8?q?=22?=", b"=?utf-8?q?=3Ceve=40evil.example=3E?=", b"=?utf-8?q?eve=40evil.example,?=",
     b"=?utf-8?b?PGV2ZUBldmls?=", b"=?utf-8?b?LmV4YW1wbGU+?=", b"=?utf-8?q?=28?=", b"=?utf-8?q?=00?=", b"=?", b"?=",
     b"\x00", b"\x0b", b"\xff", "ü".encode(), b"evil.example", b"@evil.example:", b"[192.0.2.1]"]
)  # fmt: skip
VALUES = st.lists(PIECES, max_size=9).map(b"".join)
DRESSED = st.tuples(
    st.sampled_from(
        [b'"%s" <ann@acme.example>', b"(%s) ann@acme.example", b"=?utf-8?q?%s?= <ann@acme.example>", b"ann@acme.example (%s)",
         b"%s <ann@acme.example>", b"Ann <ann@acme.example>, %s"]
    ),
    st.lists(PIECES, max_size=3).map(b"".join),
).map(lambda pair: pair[0].replace(b"%s", pair[1]))  # fmt: skip
"""An own mailbox with something beside it, where some readers look and some do not."""


def from_of(raw: bytes) -> list[str]:
    """Mailboxes that software would show as authors: readers that share nothing with ours but the language."""
    found = []
    text = raw.decode("utf-8", "surrogateescape")
    header = text.partition("\r\n\r\n")[0]
    unfolded = re.sub(r"\r\n(?=[ \t])", "", header)
    values = re.findall(r"(?im)^[ \t]*from[ \t]*:(.*)$", unfolded)
    for value in values:
        angles = re.findall(r"<\s*([^<>\s]+@[^<>\s]+?)\s*>", value)
        found += angles[:1] + angles[-1:]
        found += [spec for _, spec in getaddresses([value])]
        # Without comments and quoted strings, as a careful reader by regular expressions has it.
        bare, again = re.sub(r'"(?:[^"\\]|\\.)*"', " ", value), ""
        while bare != again:
            again, bare = bare, re.sub(r"\((?:[^()\\]|\\.)*\)", " ", bare)
        found += re.findall(r"[^\s<>(),;:\"]+@[^\s<>(),;:\"]+", bare)
    compat = email.message_from_bytes(raw)
    found += [spec for _, spec in getaddresses([str(value) for value in compat.get_all("from", [])])]
    try:
        modern = email.message_from_bytes(raw, policy=policy.default)
        found += [each.addr_spec for value in modern.get_all("from", []) for each in value.addresses]
    except Exception:  # noqa: BLE001 - the library raises many kinds: then it shows nobody
        found += []
    # The library makes a local-part of a quoted string that holds all the rest, or an address of '" <address>'.
    return [spec.strip(" <>") for spec in found if "@" in spec.strip("@") and re.search(r"\w\W?$", spec)]


def domain_of(spec: str) -> str:
    try:
        return Address.parse(spec.strip()).domain
    except ValueError:
        return spec.rpartition("@")[2].strip(" \t.").lower()
