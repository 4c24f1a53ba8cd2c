"""The canonical forms of header and body that DKIM hashes (RFC 6376 section 3.4). Pure.

In time and memory that do not depend on how lines are made: a body comes in pieces, whatever its size, the length of
its lines and the white space in them.
"""

from collections.abc import Iterator
from mmap import MADV_DONTNEED, PAGESIZE, mmap

_PIECE = 64 * 1024


def header_field(name: str, value: bytes) -> bytes:
    """A header field in the relaxed form (section 3.4.2), with its CRLF; `value` is what stands behind the colon."""
    return b"%s:%s\r\n" % (name.lower().encode(), header_value(value))


def header_value(value: bytes) -> bytes:
    """What stands behind the colon, in the same form."""
    return _compressed(value.replace(b"\r\n", b"")).strip(b" ")


def body(raw: bytes | mmap, start: int, *, relaxed: bool) -> Iterator[bytes]:
    """The body of `raw`, which begins at `start`, in the relaxed or the simple form (section 3.4.3, 3.4.4), in pieces.

    Lines end in CRLF only; a last line without one gets it.
    """
    at, size, begun = start, len(raw), False
    empty, space = 0, False
    """Line ends, and white space within a line, that are said once it is known what follows them."""
    while at < size:
        end = min(at + _PIECE, size)
        # A piece never ends between CR and LF.
        end -= at + 1 < end < size and raw[end - 1 : end] == b"\r"
        piece = bytes(raw[at:end])
        if isinstance(raw, mmap) and end // PAGESIZE > at // PAGESIZE:
            # What was read need not stay in our memory; it is still in the file.
            raw.madvise(MADV_DONTNEED, at - at % PAGESIZE, end - end % PAGESIZE - (at - at % PAGESIZE))
        at = end
        if at == size and piece[-2:] != b"\r\n":
            piece += b"\r\n"
        if relaxed:
            piece = _compressed(b" " + piece if space else piece)
            # Cheaper than to replace, which counts first: most bodies have few of these, or none.
            piece = b"\r\n".join(piece.split(b" \r\n"))
            space = piece[-1:] == b" "
            piece = piece[:-1] if space else piece
        kept = piece.rstrip(b"\r\n")
        if kept:
            begun = True
            yield from _line_ends(empty)
            yield kept
            empty = 0
        empty += (len(piece) - len(kept)) // 2
    if begun or not relaxed:
        yield b"\r\n"


def _compressed(text: bytes) -> bytes:
    """With one space for each run of white space; a pattern would hold up all threads while it replaces many."""
    text = text.replace(b"\t", b" ")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text


def _line_ends(count: int) -> Iterator[bytes]:
    most = _PIECE // 2
    for _ in range(count // most):
        yield b"\r\n" * most
    if count % most:
        yield b"\r\n" * (count % most)
