"""Segments on disk: their names, their lines, and the link from each record to the one before."""

import json
import os
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

ZERO = bytes(32)
"""What the first record of a chain is linked to."""
MAX_LINE = 32 * 1024 * 1024
"""Octets of a line; no record is written that is longer, so readers need not hold more."""

_FRONT = re.compile(
    rb'\{"hash":"([0-9a-f]{64})","n":([1-9][0-9]{0,18}),"kind":"([a-z]{1,20})","time":"([0-9T:.+-]{32})",'
)
_REFERENCE = re.compile(rb'","process":"[a-z0-9_-]+","reference":"([0-9A-Za-z_-]{1,64})",')
_REST = len(b'{"hash":"",') + 64
"""Where the members after `hash` begin."""
_NAME = re.compile(r"([0-9]{6,9})\.jsonl\Z")
_TORN = re.compile(r"([0-9]{6,9})\.torn-([1-9][0-9]{0,18})(?:-[0-9]{1,9})?\Z")
_CHUNK = 2047
"""hashlib gives up the interpreter lock for more than this, and a busy event loop is slow to give it back."""


class Line(NamedTuple):
    """One record as it stands, without its line end."""

    hash: bytes
    n: int
    kind: str
    time: str
    raw: bytes

    @classmethod
    def parse(cls, raw: bytes) -> "Line | None":
        """The record in a line with its LF; None when it is none, or not whole. The rest is not read as JSON."""
        front = _FRONT.match(raw)
        if not front or not raw.endswith(b"}\n"):
            return None
        digest, number, kind, time = front.groups()
        return cls(bytes.fromhex(digest.decode()), int(number), kind.decode(), time.decode(), raw[:-1])

    def json(self) -> dict[str, Any]:
        """The record's members; raises ValueError where somebody changed what was JSON."""
        record: dict[str, Any] = json.loads(self.raw)
        return record

    @property
    def reference(self) -> str | None:
        """The reference a decision or an outcome is about, read without the rest."""
        found = _REFERENCE.search(self.raw)
        return found[1].decode() if found else None

    def linked(self, previous: bytes) -> bytes:
        """The hash this record must bear when it follows the record with hash `previous`."""
        return link(previous, b"{" + self.raw[_REST:])

    def numbered(self, n: int) -> "Line":
        """The same record with another number."""
        ours, other = b'","n":%d,' % self.n, b'","n":%d,' % n
        return self._replace(n=n, raw=self.raw.replace(ours, other, 1))

    def follows(self, previous: bytes) -> bool:
        """Whether it is unchanged and follows the record with hash `previous`."""
        return self.linked(previous) == self.hash


def link(previous: bytes, body: bytes) -> bytes:
    """The hash of a record: over the previous hash and the bytes of the object without its hash member."""
    digest = sha256(previous)
    if len(body) <= _CHUNK:
        digest.update(body)
    else:
        for start in range(0, len(body), _CHUNK):
            digest.update(body[start : start + _CHUNK])
    return digest.digest()


def whole_line(digest: bytes, body: bytes) -> bytes:
    """The line of a record: its object with the hash put in front."""
    return b'{"hash":"%s",%s\n' % (digest.hex().encode("ascii"), body[1:])


def segment_path(directory: Path, number: int) -> Path:
    """Where segment `number` is, from 1."""
    return directory / f"{number:06}.jsonl"


def segment_numbers(directory: Path) -> list[int]:
    """The segments there are, in order."""
    return sorted(int(found[1]) for path in directory.iterdir() if (found := _NAME.match(path.name)))


def torn_files(directory: Path) -> list[tuple[int, int, str]]:
    """Tails that were set aside: (segment, number of the first record, file name), in order."""
    return sorted(
        (int(found[1]), int(found[2]), path.name) for path in directory.iterdir() if (found := _TORN.match(path.name))
    )


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Each line of a segment with its offset, LF included; the last may lack it. A line longer than MAX_LINE comes in
    pieces that are no records."""
    offset = 0
    with path.open("rb", buffering=1 << 18) as file:
        while raw := file.readline(MAX_LINE):
            yield offset, raw
            offset += len(raw)


def holds(path: Path, needle: bytes) -> bool:
    """Whether the octets stand anywhere in a segment, which takes a tenth of the time of looking at each line."""
    with path.open("rb", buffering=0) as file:
        tail = b""
        while chunk := file.read(1 << 18):
            seen = tail + chunk
            if needle in seen:
                return True
            tail = seen[1 - len(needle) :] if len(needle) > 1 else b""
    return False


def first_line(path: Path) -> Line | None:
    """The first record of a segment; None when there is none yet."""
    with path.open("rb") as file:
        return Line.parse(file.readline(MAX_LINE))


def last_line(path: Path) -> Line | None:
    """The last record of a segment, read from its end; None when the segment does not end in a whole record."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        tail = b""
        while end and len(tail) < MAX_LINE:
            step = min(64 * 1024, end)
            end -= step
            file.seek(end)
            tail = file.read(step) + tail
            cut = tail.rfind(b"\n", 0, -1)
            if cut >= 0:
                return Line.parse(tail[cut + 1 :])
        return Line.parse(tail)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
