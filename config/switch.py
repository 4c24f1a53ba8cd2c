"""What the operator decides about a customer beside its file: locks, passwords in change, exemptions. Pure values.

A customer's suspension is `config.customers.Standing`.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

OPERATOR = "operator"
"""The source of a lock that somebody made; an automatic one names its signals."""
LONGEST_OVERLAP = timedelta(days=90)
"""For which two passwords of one credential may hold."""
LONGEST_EXEMPTION = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Lock:
    """Why a credential may not send for now."""

    reason: str
    source: str
    """`operator`, or the signals that made it, by their rule codes."""
    since: datetime


@dataclass(frozen=True, slots=True)
class Overlap:
    """The password before the last change, while it still holds."""

    password_hash: str = field(repr=False)
    until: datetime

    def holds(self, now: datetime) -> bool:
        """Whether it is still good."""
        return now < self.until


@dataclass(frozen=True, slots=True)
class Exemption:
    """A rule that only observes one customer for a while."""

    id: str
    customer: str
    rule: str
    """Its code."""
    until: datetime
    reason: str
    since: datetime

    def holds(self, now: datetime) -> bool:
        """Whether it is in force; it ends by itself."""
        return now < self.until
