"""Records the journal writes about itself, and the counts of refused strangers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from consent.address import Address
from gateway.audit.record import Json, Kind, stamp


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often one client was refused for one reason."""

    client: str
    reason: str
    customer: str
    """Whose account was tried; "" where that is nobody's."""
    count: int

    def members(self) -> dict[str, object]:
        """As it stands in the record."""
        tried = {"customer": self.customer} if self.customer else {}
        return {"client": self.client, "reason": self.reason, **tried, "count": self.count}


@dataclass(frozen=True, slots=True)
class Refused(Kind):
    """Refusals of clients that no customer answers for, counted over one window of time."""

    kind: ClassVar[str] = "refused"

    since: datetime
    until: datetime
    total: int
    counts: Sequence[Refusals]
    other: int
    """Refusals beyond the clients and reasons that are listed."""

    @property
    def reserved(self) -> bool:
        """Counts of strangers are the first to go."""
        return False

    def members(self, sealed: Mapping[Address, Json]) -> Json:
        """The members of its own."""
        return {
            "since": stamp(self.since),
            "until": stamp(self.until),
            "total": self.total,
            "counts": [item.members() for item in self.counts],
            "other": self.other,
        }


@dataclass(frozen=True, slots=True)
class Recovered(Kind):
    """A torn tail that was set aside when the journal was opened."""

    kind: ClassVar[str] = "recovered"

    file: str
    """Beside the segments."""
    size: int
    """Octets set aside."""
    sha256: str
    first: int
    """The number that its first record would have had."""

    def members(self, sealed: Mapping[Address, Json]) -> Json:
        """The members of its own."""
        return {"file": self.file, "bytes": self.size, "sha256": self.sha256, "from": self.first}


@dataclass(frozen=True, slots=True)
class Retired(Kind):
    """Segments that retention removes; written before they are."""

    kind: ClassVar[str] = "retired"

    segments: Sequence[int]
    last: int
    """The number of the last record removed."""
    last_hash: str
    before: datetime
    """Nothing as new as this was removed."""

    def members(self, sealed: Mapping[Address, Json]) -> Json:
        """The members of its own."""
        return {
            "segments": list(self.segments),
            "last": self.last,
            "last_hash": self.last_hash,
            "before": stamp(self.before),
        }


@dataclass(frozen=True, slots=True)
class Start(Kind):
    """A process began to write."""

    kind: ClassVar[str] = "start"

    version: str
    after: Mapping[str, Any] | None = None
    """The head the registry held of an earlier chain of this name, when this chain is new: that chain is gone."""

    def members(self, sealed: Mapping[Address, Json]) -> Json:
        """The members of its own."""
        return {"version": self.version, "after": None if self.after is None else dict(self.after)}


@dataclass(frozen=True, slots=True)
class Segment(Kind):
    """The first record of each segment but the first: what a reader need not read earlier segments for."""

    kind: ClassVar[str] = "segment"

    open: Sequence[str]
    """References of accepted messages that have no outcome yet."""
    earliest: str | None
    """The earliest time in the segment before, as text."""
    latest: str | None
    """The latest time in it. Clocks step: it need not be that of its last record."""

    def members(self, sealed: Mapping[Address, Json]) -> Json:
        """The members of its own."""
        return {"open": list(self.open), "earliest": self.earliest, "latest": self.latest}
