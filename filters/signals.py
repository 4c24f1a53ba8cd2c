"""Signals of flood and theft: what a credential sends is unlike its own past.

Each says one thing that a stolen credential does, and an honest one may do, too: so they are observed, and it takes two
of them to lock a credential (`gateway.signals`). All but the last compare with the past, and say nothing about a
credential that has not been known for PAST_DAYS, or where the ledger could not be asked.
"""

from config.policy import Policy
from config.signals import PAST_DAYS
from filters.activity import KEPT_DAYS, Activity, Measured
from filters.message import Message
from filters.model import Action, Facts, Reply, rule

_FIX = (
    "Look for who uses this credential: change its password where it may be known to others, and tell the operator "
    "beforehand of mail unlike what it sends otherwise."
)


@rule(
    "SIGNAL-VOLUME",
    clause="MP-1d",
    default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "Much more mail from this credential than on any day before; contact the operator"),
    fix=_FIX,
)
def sudden_volume(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Many times the recipients of the credential's busiest day of the last 35, 14 of them known. Peaks are what the
    stream `bulk` is for."""
    past = _past(facts)
    if past is None or facts.credential.stream == "bulk":
        return None
    return _unlike(past.recipients, policy.signals.recipients_per_day, policy, "recipients today")


@rule(
    "SIGNAL-SENDERS",
    clause="MP-1a",
    default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "Many more senders from this credential than ever before; contact the operator"),
    fix=_FIX,
)
def many_senders(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Many times the mailboxes, or the domains, that the credential has had in From within an hour. Who forwards has
    everybody's."""
    past = _past(facts)
    if past is None or facts.credential.forwarding:
        return None
    found = _unlike(past.senders, policy.signals.senders_per_hour, policy, "senders within an hour")
    return found or _unlike(
        past.sender_domains, policy.signals.sender_domains_per_hour, policy, "sender domains within an hour"
    )


@rule(
    "SIGNAL-NETWORKS",
    clause="MP-1a",
    default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "This credential is used from many more networks than ever before; contact the operator"),
    fix=_FIX,
)
def many_networks(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Used from many times the networks (/24, IPv6 /48) that the credential was used from within an hour before."""
    past = _past(facts)
    if past is None:
        return None
    return _unlike(past.networks, policy.signals.networks_per_hour, policy, "networks within an hour")


@rule(
    "SIGNAL-ONE-BODY",
    clause="MP-1d",
    default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "One text to many from a credential that never did; contact the operator"),
    fix=_FIX,
)
def one_body_to_many(message: Message, facts: Facts, policy: Policy) -> str | None:
    """One body to many within an hour, from a credential that did so on none of the last 35 days, 14 of them known.
    The stream `bulk` is for that."""
    past, least = _past(facts), policy.signals.recipients_of_one_body
    if past is None or facts.credential.stream == "bulk":
        return None
    if past.one_body.now < least or past.one_body.most >= least:
        return None
    return f"{past.one_body.now} recipients of one body within an hour; at most {past.one_body.most} before"


@rule(
    "SIGNAL-GUESSED",
    clause="MP-1a",
    default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "The password of this credential may have been guessed; contact the operator"),
    fix="Change the password of this credential, and look at where it was used from.",
)
def guessed(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Within the hour the credential's password was given right from an address that is new to it, after a burst of
    wrong ones."""
    if facts.activity is None or not facts.activity.guessed:
        return None
    return "a right password from a new address after a burst of wrong ones"


CODES = frozenset(each.code for each in (sudden_volume, many_senders, many_networks, one_body_to_many, guessed))
"""The rules that need `Facts.activity`, and of which two lock."""


def _past(facts: Facts) -> Activity | None:
    """What is known, where the past is long enough to compare with."""
    known = facts.activity
    return known if known is not None and known.days_known >= PAST_DAYS else None


def _unlike(measured: Measured, least: int, policy: Policy, what: str) -> str | None:
    now, most = measured
    if now < least or now <= most * policy.signals.times:
        return None
    return f"{now} {what}; at most {most} on any of the {KEPT_DAYS} days before"
