"""What the operator decides about a customer beside its file: locks, passwords in change, exemptions. Pure values.

A customer's suspension is `config.customers.Standing`.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

OPERATOR = "operator"
"""The source of a lock that somebody made; an automatic one names its signals."""
LONGEST_OVERLAP = timedelta(days=90)
"""For which two passwords of one credential may hold."""
LONGEST_EXEMPTION = timedelta(days=366)


_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def overlap_of(text: str) -> timedelta:
    """An overlap as it is written: `7d`, `12h`, `30m`, or 0. Raises ValueError, also for one above LONGEST_OVERLAP."""
    found = re.fullmatch(r"([0-9]{1,6})([dhm])", text.strip().lower())
    if found is None and text.strip() != "0":
        raise ValueError("must be a number with d, h or m behind it, such as 7d, or 0")
    length = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta(0)
    if length > LONGEST_OVERLAP:
        raise ValueError(f"must be at most {LONGEST_OVERLAP.days} days")
    return length


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
