"""Signals of flood and theft: from when on what a credential sends is unlike its own past. Pure values."""

from typing import Annotated

from pydantic import Field

from config.files import Frozen

PAST_DAYS = 14
"""So long must a credential be known before anything is held against its past."""
MOST_DISTINCT = 200
"""No more different senders or networks are counted for one credential."""

_Distinct = Annotated[int, Field(ge=2, le=MOST_DISTINCT)]


class SignalsPolicy(Frozen):
    """The thresholds of the SIGNAL-* rules. Each is also held against the credential's own past (`times`)."""

    lock: bool = False
    """Whether two different signals within an hour lock the credential, whatever the actions of their rules."""
    times: Annotated[int, Field(ge=2, le=1000)] = 5
    """What is more than so many times the busiest day (or hour) of the credential's past is unlike it."""
    recipients_per_day: Annotated[int, Field(ge=10)] = 500
    """Recipients on one day (UTC); fewer are no flood, whatever the past."""
    senders_per_hour: _Distinct = 25
    """Different mailboxes in From."""
    sender_domains_per_hour: _Distinct = 5
    """Different domains in From."""
    networks_per_hour: _Distinct = 8
    """Different networks it is used from: /24 of IPv4, /48 of IPv6."""
    recipients_of_one_body: Annotated[int, Field(ge=10)] = 100
    """Recipients of one body within an hour, from a credential that never had so many."""
