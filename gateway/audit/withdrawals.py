"""Withdrawals: what stops mail, written ahead of the registry: one that was restored from an older copy is told again
(`gateway.restore`).

A record holds events of the registry as they stand there, under their subjects' keys and nothing that names a person:
what is personal is in the registry alone, sealed, and here only committed to. So an erasure has nothing to remove here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from consent.address import Address
from consent.keys import key_octets, key_text
from consent.model import Event
from gateway.audit.record import Json, Kind
from gateway.audit.segments import Line
from gateway.audit.walk import forward, journals

MOST_ITEMS = 500
"""Of one record."""
_FEW = 10
"""Up to so many may use the space kept free for outcomes: on a full disk an unsubscribe passes, an import waits."""
_KIND = b'"kind":"withdrawal"'


@dataclass(frozen=True, slots=True)
class Withdrawals(Kind):
    """Events of one customer (`*`: the operator) that are about to be committed: withdrawals, refusals, suppressions,
    erasures, and what lifts suppressions.

    It tells what was asked for, and stands even if the registry then fails. Raises ValueError for more than MOST_ITEMS.
    """

    kind: ClassVar[str] = "withdrawal"

    customer: str
    items: Sequence[tuple[bytes, Event]]
    """(`Secrets.subject_octets` of whom it is about, the event)."""

    def __post_init__(self) -> None:
        if len(self.items) > MOST_ITEMS:
            raise ValueError(f"a record holds {MOST_ITEMS} withdrawals at most")

    @property
    def reserved(self) -> bool:
        """Whether it may use the reserve: a file of millions must not eat it."""
        return len(self.items) <= _FEW

    def members(self, sealed: Mapping[Address, Json]) -> Json:
        """The members of its own. Keys stand as those of addresses in all other records."""
        return {
            "customer": self.customer,
            "items": [{"key": key_text(key), "event": msgspec.to_builtins(event)} for key, event in self.items],
        }


@dataclass(frozen=True, slots=True)
class Group:
    """One such record, read back."""

    process: str
    n: int
    customer: str
    items: Sequence[tuple[bytes, Event]]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is not as it was written: it is not to be believed, and `audit verify` says the same."""

    process: str
    n: int
    why: str


def withdrawals(audit_dir: Path, since: str) -> Iterator[Group | Unreadable]:
    """What stands in all journals of this node from a time (`record.stamp`) on, each journal in its order.

    One record is held at a time. Raises OSError.
    """
    for directory in journals(audit_dir):
        for line, before in forward(directory, _KIND, since):
            if line.kind == Withdrawals.kind:
                yield _group(directory.name, line, before)


def _group(process: str, line: Line, before: bytes | None) -> Group | Unreadable:
    if before is None or not line.follows(before):
        return Unreadable(process, line.n, "it was changed, or does not follow the record before it")
    try:
        record: dict[str, Any] = line.json()
        items = [(key_octets(item["key"]), msgspec.convert(item["event"], Event)) for item in record["items"]]
        return Group(process, line.n, str(record["customer"]), items)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # msgspec.ValidationError is a ValueError: an event of another version.
        return Unreadable(process, line.n, f"it cannot be read by this version: {error}")
