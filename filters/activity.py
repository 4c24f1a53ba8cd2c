"""Activity: what one credential has sent lately, beside its own past. Pure values, for the rules in `signals`."""

from dataclasses import dataclass
from typing import NamedTuple

KEPT_DAYS = 35
"""So far back the past goes, so that what is sent once a month is in it."""


class Measured(NamedTuple):
    """One number now, with the message that is asked about, and the highest that it was on any day of the past."""

    now: int
    most: int


@dataclass(frozen=True, slots=True)
class Activity:
    """The numbers of one credential. Counted is what passed, to recipients outside its customer's own domains."""

    days_known: int
    """Whole days since it first sent."""
    recipients: Measured
    """On this day (UTC)."""
    senders: Measured
    """Different mailboxes in From, within an hour."""
    sender_domains: Measured
    networks: Measured
    """It was used from, within an hour: /24 of IPv4, /48 of IPv6."""
    one_body: Measured
    """Recipients of this body, within an hour of the clock."""
    guessed: bool
    """Within the hour its password was given right, from an address that is new to it, after a burst of wrong ones."""
