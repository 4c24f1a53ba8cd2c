"""Head: how far a chain goes, under the operator's MAC, so that a missing end shows.

The file `head` has two slots of 512 octets. A head is written after the records it covers are durable, in one
pwrite, into the slot its serial number names in turn; no fsync, because the page cache outlives a killed process,
and after a loss of power an older head only covers less. Both slots are filled when the file is made, so an empty,
altered or copied slot is never honest. `floor` holds one head in the same form with another role: what retention
has removed, and so where verification starts.
"""

import hmac
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

from consent.keyed import Keyed
from gateway.audit.segments import ZERO, sync_directory

SLOT = 512
"""Octets of a slot: one sector, so a slot is never half written."""
_READS = 5
"""A reader may meet a slot while it is being written; then it reads again."""
Role = Literal["head", "floor"]
PROCESS = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")
"""A process's name: it names a directory and stands in each record."""
_TEXT = re.compile(
    r"(head|floor) ([a-z0-9][a-z0-9_-]{0,63}) ([0-9]{1,19}) ([0-9]{1,19}) ([0-9a-f]{64}) ([0-9]{1,9})"
    r" ([0-9T:.+-]{32}) ([0-9a-f]{64})\Z"
)


class HeadError(ValueError):
    """A head that is missing, or not made with the operator's secret; the text says which."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain (or, as floor, of what was removed of it). Built by `make` or `from_text`."""

    role: Role
    process: str
    serial: int
    """Counts heads of one chain."""
    n: int
    """Number of the last record; 0 before the first."""
    hash: str
    """Of that record, hexadecimal."""
    segment: int
    """In which it stands."""
    time: str
    """Of that record, as text."""
    mac: str
    """HMAC-SHA-256 over all the others, hexadecimal."""

    @classmethod
    def make(
        cls, mac_key: bytes, role: Role, process: str, *, serial: int, n: int, digest: bytes, segment: int, time: str
    ) -> Self:
        """A head with its MAC."""
        text = f"{role} {process} {serial} {n} {digest.hex()} {segment} {time}"
        return cls(role, process, serial, n, digest.hex(), segment, time, _mac(mac_key, text))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The head in `text`; raises HeadError. Whether it is genuine is another question."""
        found = _TEXT.match(text)
        if not found:
            raise HeadError("not a head")
        role: Role = "head" if found[1] == "head" else "floor"
        return cls(role, found[2], int(found[3]), int(found[4]), found[5], int(found[6]), found[7], found[8])

    def to_text(self) -> str:
        """One line of ASCII, without line end."""
        return f"{self._signed()} {self.mac}"

    def genuine(self, mac_key: bytes, role: Role, process: str) -> bool:
        """Whether it was made with this key for this role and process."""
        right = hmac.compare_digest(_mac(mac_key, self._signed()), self.mac)
        return right and self.role == role and self.process == process

    def _signed(self) -> str:
        return f"{self.role} {self.process} {self.serial} {self.n} {self.hash} {self.segment} {self.time}"


_keyed = lru_cache(maxsize=4)(Keyed)


def _mac(mac_key: bytes, text: str) -> str:
    return _keyed(mac_key).digest(b"postern audit 1 " + text.encode("ascii")).hex()


def _slot(head: Head) -> bytes:
    return head.to_text().encode("ascii").ljust(SLOT - 1) + b"\n"


class HeadFile:
    """The file `head`, open for writing by the one process that has the journal's lock."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)

    @classmethod
    def create(cls, directory: Path, mac_key: bytes, process: str, time: str) -> Head:
        """Make the file of a chain without records, durable and all at once; returns the newer of its two heads."""
        older, newer = (
            Head.make(mac_key, "head", process, serial=serial, n=0, digest=ZERO, segment=1, time=time)
            for serial in (0, 1)
        )
        _replace(directory / "head", _slot(older) + _slot(newer))
        return newer

    def write(self, head: Head) -> None:
        """Put the head into its slot; raises OSError."""
        os.pwrite(self._descriptor, _slot(head), head.serial % 2 * SLOT)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def read_head(directory: Path, mac_key: bytes, process: str) -> Head:
    """The newer head of the file; raises HeadError when the file is missing or either slot is not genuine."""
    failure = HeadError("the head file is missing")
    for _ in range(_READS):
        try:
            data = (directory / "head").read_bytes()
        except FileNotFoundError:
            raise failure from None
        if len(data) != 2 * SLOT:
            failure = HeadError("the head file is not of its size")
            continue
        found = [_genuine(data[start : start + SLOT], mac_key, "head", process) for start in (0, SLOT)]
        older, newer = found
        if older is None or newer is None:
            failure = HeadError("the head does not bear the operator's MAC")
        elif older.serial % 2 or not newer.serial % 2:
            failure = HeadError("the head file holds one head twice")
        else:
            return max(older, newer, key=lambda head: head.serial)
    raise failure


def read_floor(directory: Path, mac_key: bytes, process: str) -> Head | None:
    """What retention removed; None when it never removed anything. Raises HeadError for one that is not genuine."""
    try:
        data = (directory / "floor").read_bytes()
    except FileNotFoundError:
        return None
    floor = _genuine(data, mac_key, "floor", process)
    if floor is None:
        raise HeadError("the floor does not bear the operator's MAC")
    return floor


def write_floor(directory: Path, floor: Head) -> None:
    """Replace the floor, durable and all at once; raises OSError."""
    _replace(directory / "floor", _slot(floor))


def _genuine(slot: bytes, mac_key: bytes, role: Role, process: str) -> Head | None:
    try:
        head = Head.from_text(slot.decode("ascii").rstrip(" \n"))
    except (HeadError, UnicodeDecodeError):
        return None
    # The slot is compared whole: a byte changed in the padding is a byte changed.
    return head if head.genuine(mac_key, role, process) and _slot(head) == slot else None


def _replace(path: Path, data: bytes) -> None:
    """Write a small file so that it is there whole or not at all."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_directory(path.parent)
