"""How many MIME parts a message has and how deep they nest (R-046). Pure.

Nothing large is searched here: the body knows where lines begin with two hyphens (`Body.hyphens`), and only those are
looked at, with the header block behind each. A message that is not composite costs one look at its Content-Type.
"""

import re
from collections.abc import Callable, Sequence
from mmap import mmap

from filters.message import Message

MOST_HYPHENS = 10_000
"""Lines beginning with two hyphens that are noted: text in a composite message may have some of its own."""
_LONGEST_DELIMITER = 2 + 70 + 2 + 8
"""Octets: hyphens, boundary (RFC 2046 section 5.1.1), closing hyphens, white space that transport put there."""
_LONGEST_HEADER = 4096
"""Octets of a part's header block that are looked at."""
_CONTENT_TYPE = re.compile(rb"(?:\A|\n)content-type[ \t]*:((?:[^\r\n]|\r\n[ \t])*+)", re.IGNORECASE)
_BOUNDARY = re.compile(rb"""\bboundary\s*=\s*(?:"((?:[^"\\]|\\.)*+)"|([^\s;"]++))""", re.IGNORECASE)


def excess(message: Message, hyphens: Callable[[], Sequence[int]], max_parts: int, max_depth: int) -> str:
    """What is too much, as evidence; "" where nothing is.

    `hyphens` gives the offsets at which lines begin with two hyphens, in order. Depth counts multiparts and messages
    within messages; a message that is not composite has none.
    """
    fields = message.all("content-type")
    if not fields or _kind(fields[0].value) is None:
        return ""
    depth, boundary = _inside(message.raw, 0, max_depth, fields[0].value)
    if depth > max_depth:
        return f"nested more than {max_depth} deep"
    if boundary is None:
        return ""
    lines = hyphens()
    if len(lines) >= MOST_HYPHENS:
        return f"{MOST_HYPHENS} lines or more that begin with two hyphens"
    raw, parts = message.raw, 0
    levels = [(boundary, depth)]
    innermost = {boundary: 0}
    for at in lines:
        line = bytes(raw[at + 2 : at + _LONGEST_DELIMITER]).partition(b"\r\n")[0].rstrip(b" \t")
        which = innermost.get(line)
        if which is None:
            which = innermost.get(line[:-2]) if line.endswith(b"--") else None
            if which is None:
                continue
            del levels[which:]  # closed, and all that is within
            innermost = {name: index for index, (name, _) in enumerate(levels)}
            continue
        parts += 1
        if parts > max_parts:
            return f"more than {max_parts} parts"
        if len(levels) > which + 1:
            del levels[which + 1 :]
            innermost = {name: index for index, (name, _) in enumerate(levels)}
        start = raw.find(b"\r\n", at, at + _LONGEST_DELIMITER + 2) + 2
        more, boundary = _inside(raw, start, max_depth)
        if levels[which][1] + more > max_depth:
            return f"nested more than {max_depth} deep"
        if boundary is not None:
            innermost[boundary] = len(levels)
            levels.append((boundary, levels[which][1] + more))
    return ""


def _inside(raw: bytes | mmap, at: int, most: int, value: bytes | None = None) -> tuple[int, bytes | None]:
    """How many levels the header block at an offset opens, and the boundary of a multipart it ends in.

    `value` is that of its Content-Type where it is known.
    """
    depth = 0
    while depth <= most:
        block = bytes(raw[at : at + _LONGEST_HEADER])
        end = 0 if block.startswith(b"\r\n") else block.find(b"\r\n\r\n")
        if value is None:
            block = block if end < 0 else block[:end]
            plain = block.lower()
            # Most parts are leaves: those cost no pattern.
            leaf = b"multipart/" not in plain and b"message/" not in plain
            found = None if leaf else _CONTENT_TYPE.search(block)
            value = found[1] if found else b""
        kind = _kind(value)
        if kind is None:
            break
        depth += 1
        if kind == b"multipart":
            named = _BOUNDARY.search(value)
            boundary = (named[1] or named[2] or b"") if named else b""
            if b"\\" in boundary:
                boundary = re.sub(rb"\\(.)", rb"\1", boundary)
            return depth, boundary.rstrip() or None
        if end < 0:
            break
        at, value = at + end + 4, None
    return depth, None


def _kind(value: bytes) -> bytes | None:
    """`multipart` or `message` where a Content-Type is composite and has something within; else None."""
    start = value.replace(b"\r\n", b"").lstrip(b" \t")[:20].lower()
    if start.startswith(b"multipart/"):
        return b"multipart"
    return b"message" if start.startswith((b"message/rfc822", b"message/global")) else None
