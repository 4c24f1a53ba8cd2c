"""Facts: everything the rules may know, asked of the stores in one step before any rule runs (hop 4)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from consent.address import Address
from filters.domains import sender_domains
from filters.message import Message
from filters.model import Facts
from gateway.directory import Identity
from gateway.names import DomainNames


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


def own_names(hostname: str, domains: Iterable[str]) -> frozenset[str]:
    """Our host name and the operator's domains, in lower case."""
    return frozenset((hostname.lower(), *(domain.lower() for domain in domains)))


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
    )


async def with_domains(facts: Facts, message: Message, names: DomainNames | None) -> Facts:
    """The same with what the DNS says about the domains of sender and recipients; it waits for a second at most."""
    if names is None:
        return facts
    return replace(facts, domains=await names.states(domains_of(message, facts.reverse_path, facts.recipients)))


def domains_of(message: Message, reverse_path: Address | None, recipients: tuple[Address, ...]) -> list[str]:
    """The domains that the DNS is asked about: the sender's, then the recipients'."""
    return [*sender_domains(message, reverse_path), *(each.domain for each in recipients)]
