"""Anchors: the ends that the registry's chain of consent events had, noted in the audit.

Whoever holds the registry can cut its chain off, or put an older copy in its place: what is left verifies. The audit
says where the chain had ended, under a chain and a head of its own (`postern consent verify`), and from where on a
registry that was restored has to be told again what was withdrawn (`gateway.restore`).

An anchor that follows a commit says no more than that this batch was committed: perhaps to a copy that had just been
put in place. One that is `complete` says that everything in this node's audit up to there is in the registry, too.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from pathlib import Path
from typing import ClassVar

from consent.address import Address
from consent.chain import EMPTY
from consent.records import Batch
from gateway.audit.record import Json, Kind
from gateway.audit.segments import Line
from gateway.audit.walk import backward, journals

_KIND = b'"kind":"anchor"'


@dataclass(frozen=True, slots=True)
class Anchored(Kind):
    """The registry's chain ended, or ends, with this batch. Written after each commit, at each start and every hour."""

    kind: ClassVar[str] = "anchor"

    actor: str
    """By whose hand the batch was recorded, or `gateway`, which only looked."""
    batch: int
    """Its number; 0: nothing was recorded yet."""
    hash: str
    """Hexadecimal; 64 zeros for number 0."""
    count: int
    """Its events."""
    customer: str | None = None
    complete: bool = False
    """Whatever stops mail and stands in this node's audit before this record is in the registry up to this batch, but
    for what is about to be committed."""

    def members(self, sealed: Mapping[Address, Json]) -> Json:
        """The members of its own."""
        return {
            "customer": self.customer,
            "actor": self.actor,
            "batch": self.batch,
            "hash": self.hash,
            "count": self.count,
            "complete": self.complete,
        }


@dataclass(frozen=True, slots=True)
class Anchor:
    """One end of the chain, as the audit has it."""

    number: int
    """Of the batch; 0: nothing was recorded yet."""
    hash: str
    """Of the batch, hexadecimal; 64 zeros for number 0."""
    complete: bool
    """See `Anchored.complete`."""
    time: str
    """When it was noted (`record.stamp`)."""
    process: str
    n: int
    """Of the record, in the journal of that process."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What the anchors say about a registry."""

    sure: Anchor | None
    """The complete one noted last whose batch the registry has: what stands in the audit up to it needs no look."""
    lost: Anchor | None
    """The one noted last, of those since, whose batch the registry does not have: its chain was cut, or it was restored
    from an older copy."""


def anchor(batch: Batch | None, actor: str, *, complete: bool = False) -> Anchored:
    """The record that notes a batch as the end of the chain; None: there is none yet. For after its commit."""
    if batch is None:
        return Anchored(actor, EMPTY.number, EMPTY.hash.hex(), 0, complete=complete)
    return Anchored(actor, batch.number, batch.hash, batch.count, batch.customer, complete)


def anchors(audit_dir: Path, since: str = "") -> Iterator[Anchor]:
    """All anchors in this node's journals, those noted last first, down to about the time `since`. Raises OSError.

    None is taken from a record that cannot be read; `audit verify` names those.
    """
    found = [_of_journal(directory, since) for directory in journals(audit_dir)]
    return merge(*found, key=lambda each: (each.time, each.number), reverse=True)


def newest(audit_dir: Path) -> Anchor | None:
    """The anchor noted last; None when there is none. Raises OSError."""
    return next(anchors(audit_dir), None)


def survey(audit_dir: Path, held: Callable[[Anchor], bool]) -> Survey:
    """Compare the anchors with a registry, `held` telling whether it has the batch that one names. Raises OSError."""
    lost: Anchor | None = None
    for each in anchors(audit_dir):
        if (each.complete or lost is None) and held(each):
            if each.complete:
                return Survey(each, lost)
        elif lost is None:
            lost = each
    return Survey(None, lost)


def _of_journal(directory: Path, since: str) -> Iterator[Anchor]:
    for line in backward(directory, _KIND, since):
        if line.kind == Anchored.kind and (found := _read(directory.name, line)):
            yield found


def _read(process: str, line: Line) -> Anchor | None:
    try:
        record = line.json()
        return Anchor(int(record["batch"]), str(record["hash"]), record["complete"] is True, line.time, process, line.n)
    except (ValueError, KeyError, TypeError):
        return None
