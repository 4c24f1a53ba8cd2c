"""Where: the places in a message that a finding is about, for whoever has the message before them.

Evidence names fields, counts and domains and nothing else, because it is kept in clear; so a place is found by what the
evidence names. That each rule's evidence leads to one is tested on all cases of the rules.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from consent.address import Address
from filters.message import Field, Message
from filters.model import Finding

MOST = 5
"""Places that are shown of one finding."""
LONGEST = 300
"""Octets that are shown of one place."""
_LEAD = 60
"""Octets shown before the first odd one, where that stands far behind."""

_NUMBERED = re.compile(r"(received field|field|signature) (\d{1,6})\b", re.IGNORECASE)
_COUNTED = re.compile(r"\b0 (\S+) fields")
_ODD = re.compile(rb"[^\t\r\n -~]")
_WRONG_FOLD = re.compile(rb"\r\n[ \t]++(?:\r\n|\Z|(?i:from)[ \t]*+:)|\r(?!\n)|(?<!\r)\n")
_LONG_LINE = re.compile(rb"[^\r\n]{999}")


_OCTETS = {"NUL": re.compile(rb"\0"), "BARE-LF": re.compile(rb"\r(?!\n)|(?<!\r)\n")}
"""What the edge refuses wherever it stands, body included."""


@dataclass(frozen=True, slots=True)
class Place:
    """A command or a field, as it stands."""

    line: int | None
    """In the file, from 1; None for a command of the envelope and for what is missing."""
    text: str
    """Its bytes: what is not printable ASCII is escaped, and `\\` doubled."""


def places(finding: Finding, message: Message, path: Address | None, recipients: Sequence[Address]) -> list[Place]:
    """The places a finding is about, in the order of the message, at most `MOST`; none for one about the whole."""
    if finding.code in _OCTETS:
        return list(_line(message, _OCTETS[finding.code]))
    found = list(_envelope(finding, path, recipients))
    fields = sorted(_fields(finding, message), key=lambda field: field.start)
    found += [_place(message, field) for field in dict.fromkeys(fields)]
    found += [Place(None, f"(there is no {name.title()} field)") for name in _COUNTED.findall(finding.evidence)]
    if not found and finding.code.startswith("CONTENT-"):
        found = [Place(None, "(the texts of the message)")]
    return found[:MOST]


def escaped(data: bytes) -> str:
    """Bytes as printable ASCII on one line."""
    return data.decode("latin-1").encode("unicode_escape").decode("ascii")


def _envelope(finding: Finding, path: Address | None, recipients: Sequence[Address]) -> Iterator[Place]:
    named = re.split(r"[\s,]+", finding.evidence)
    of_sender = finding.code.startswith("DNS-SENDER") and path is not None and path.domain in named
    if "reverse-path" in named or of_sender:
        yield Place(None, f"MAIL FROM:<{escaped((path.text if path else '').encode())}>")
    if finding.code.startswith(("DNS-RECIPIENT", "RCPT-")) or finding.code == "CONTENT-UNSUB-RCPT":
        for each in recipients:
            if each.domain in named or finding.code == "CONTENT-UNSUB-RCPT":
                yield Place(None, f"RCPT TO:<{escaped(each.text.encode())}>")


def _fields(finding: Finding, message: Message) -> Iterator[Field]:
    """The fields that the evidence counts or names; else those that have what it speaks of."""
    lists = {"received field": message.all("received"), "signature": message.all("dkim-signature")}
    numbered = _NUMBERED.findall(finding.evidence)
    for kind, number in numbered[:1]:
        yield from list(lists.get(kind.lower(), message.fields))[int(number) - 1 : int(number)]
    words = {word.strip(":;,").lower() for word in finding.evidence.split()}
    if finding.code.startswith("TRACE-"):
        words -= {"from", "to"}  # prepositions
    if finding.code.startswith("DNS-SENDER") or finding.code in ("HDR-FROM-AMBIGUOUS", "SIG-UNSIGNED"):
        words.add("from")
    if finding.code == "HDR-FOLDED-FROM":
        words.clear()  # what is like a From field is none
    if numbered or finding.evidence.startswith("no "):
        words.discard("received")
    if "Received" in finding.evidence and "by" in words and not numbered:
        yield from (f for f, hop in zip(message.all("received"), message.trace, strict=True) if hop.by in words)
        return
    named = [field for field in message.fields if field.name in words]
    yield from named
    if not named and not numbered:
        for wrong in (_WRONG_FOLD, _ODD, _LONG_LINE):
            held = [field for field in message.fields if wrong.search(field.value)]
            if held:
                yield from held
                return


def _line(message: Message, octets: re.Pattern[bytes]) -> Iterator[Place]:
    """The first line that holds them."""
    raw = bytes(message.raw)
    found = octets.search(raw)
    if found:
        start = raw.rfind(b"\r\n", 0, found.start()) + 2 if b"\r\n" in raw[: found.start()] else 0
        end = raw.find(b"\r\n", found.end())
        line = raw[start : len(raw) if end < 0 else end + 2]
        yield Place(raw.count(b"\r\n", 0, start) + 1, _shown(line))


def _place(message: Message, field: Field) -> Place:
    raw = message.header[field.start : field.end]
    return Place(message.header.count(b"\r\n", 0, field.start) + 1, _shown(raw))


def _shown(raw: bytes) -> str:
    """The bytes escaped, and cut around the first odd one."""
    odd = _ODD.search(raw)
    start = max(0, odd.start() - _LEAD) if odd and odd.start() > LONGEST - _LEAD else 0
    shown = escaped(raw[start : start + LONGEST])
    left = f" ... ({len(raw)} octets)" if start or len(raw) > LONGEST else ""
    return f"{'... ' if start else ''}{shown}{left}"
