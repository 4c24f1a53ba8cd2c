"""Facts: everything the rules may know, asked of the stores in one step before any rule runs (hop 4)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from msgspec import structs

from consent.address import Address
from consent.profiles import Profile, asked
from filters.domains import sender_domains
from filters.message import Message
from filters.model import DomainState, Facts
from gateway.directory import Identity
from gateway.dns import Resolver

DEADLINE = 1.0
"""Seconds that a message waits for the DNS."""
MOST_DOMAINS = 50
"""Domains asked about for one message; a message to more has no facts about the rest, until they are remembered."""


@dataclass(frozen=True, slots=True)
class House:
    """What is so for every transaction: who we are, and who our customers are."""

    own_names: frozenset[str]
    """Our host name and the operator's domains, in lower case."""
    trace_key: bytes = field(repr=False)
    holders: Mapping[str, str] = field(repr=False)
    """Domain -> customer; the directory's own, as it is at any time."""
    held: Mapping[str, Mapping[str, str]] = field(repr=False)
    """Whose the domains are, by what they look like: `Directory.looks.view`, as it is at any time."""
    profiles: Mapping[str, Profile] = field(default_factory=dict, repr=False)
    """The jurisdictions' profiles by name."""
    profile: str = ""
    """The profile of customers who name none."""


def gather(
    identity: Identity,
    reverse_path: Address | None,
    recipients: tuple[Address, ...],
    now: datetime,
    house: House,
    ehlo: str = "",
    *,
    smtputf8: bool = False,
) -> Facts:
    """The facts about one transaction that are in memory: nothing is waited for."""
    return Facts(
        now,
        identity.entry.customer,
        identity.credential,
        reverse_path,
        recipients,
        ehlo=ehlo.lower().rstrip("."),
        own_names=house.own_names,
        trace_key=house.trace_key,
        holders=house.holders,
        held=house.held,
        smtputf8=smtputf8,
        exemptions=identity.entry.exemptions,
        content=asked(identity.entry.customer.profiles or (house.profile,), house.profiles),
    )


async def with_domains(facts: Facts, message: Message, resolver: Resolver | None, deadline: float = DEADLINE) -> Facts:
    """The same with what the DNS says about the domains of sender and recipients.

    It waits for the deadline at most, and not at all while no resolver answers. What did not come is not in the facts,
    so that it changes no verdict; the next message may find it.
    """
    if resolver is None:
        return facts
    mail = resolver.mail
    domains = (*sender_domains(message, facts.reverse_path), *(each.domain for each in facts.recipients))
    wanted = list(dict.fromkeys(domains))
    unknown = [domain for domain in wanted if mail.known(domain) is None]
    waiting = [task for domain in unknown[:MOST_DOMAINS] if (task := mail.ask(domain)) is not None]
    if waiting and not mail.dead():
        await asyncio.wait(waiting, timeout=deadline)
    found = ((domain, mail.known(domain)) for domain in wanted)
    return structs.replace(facts, domains={domain: state for domain, state in found if isinstance(state, DomainState)})
