"""What no two customers may hold: domains (R-010), usernames, networks, certificates. Found before it is written."""

import ipaddress
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from sqlalchemy import Connection, select

from config.customers import Customer
from consent.schema import certificates, credentials, domains, networks
from consent.shared_networks import IPNetwork, SharedNetworks


@dataclass(frozen=True, slots=True)
class _Held:
    """A network and the customer that has it."""

    network: IPNetwork
    customer: str


def find(connection: Connection, applied: Sequence[Customer], shared: SharedNetworks) -> list[str]:
    """One line for each thing in `applied` that may not be held; [] when all may be.

    Looked at as if the customers named had given up what they hold by their file now, so a domain can move from one to
    another in one file. What a command added is not given up by a file.
    """
    named = {customer.id for customer in applied}
    lines: list[str] = []
    lines += _names(connection, applied, named)
    lines += _certificates(connection, applied, named)
    lines += _shared(applied, shared)
    lines += _overlaps(connection, applied, named)
    return lines


def _names(connection: Connection, applied: Sequence[Customer], named: Set[str]) -> Iterable[str]:
    # All are read and sorted out here: a query with as many parameters as a file has customers has limits.
    domain_holder: dict[str, str] = {}
    for held in connection.execute(select(domains.c.domain, domains.c.customer, domains.c.source)):
        if held.customer not in named or held.source != "file":
            domain_holder[held.domain] = held.customer
    username_holder: dict[str, str] = {}
    columns = (credentials.c.username_key, credentials.c.customer, credentials.c.source)
    for row in connection.execute(select(*columns).where(credentials.c.username_key.is_not(None))):
        if row.customer not in named or row.source != "file":
            username_holder[row.username_key] = row.customer
    ids: set[str] = set()
    for customer in applied:
        if customer.id in ids:
            yield f"customer {customer.id!r}: stands twice"
        ids.add(customer.id)
        for domain in customer.domains:
            holder = domain_holder.setdefault(domain, customer.id)
            if holder != customer.id:
                yield f"customer {customer.id!r}: domain {domain!r} is held by customer {holder!r}"
        for credential in customer.credentials:
            if credential.username:
                holder = username_holder.setdefault(credential.username.lower(), customer.id)
                if holder != customer.id:
                    yield f"customer {customer.id!r}: username {credential.username!r} is held by customer {holder!r}"


def _certificates(connection: Connection, applied: Sequence[Customer], named: Set[str]) -> Iterable[str]:
    wanted = [(one, each) for one in applied for credential in one.credentials for each in credential.certificates]
    if not wanted:
        return
    rows = connection.execute(select(certificates.c.fingerprint, certificates.c.customer))
    holders = {row.fingerprint: row.customer for row in rows if row.customer not in named}
    for customer, certificate in wanted:
        holder = holders.setdefault(certificate, customer.id)
        if holder != customer.id:
            yield f"customer {customer.id!r}: certificate {certificate!r} is held by customer {holder!r}"


def _shared(applied: Sequence[Customer], shared: SharedNetworks) -> Iterable[str]:
    for customer in applied:
        for credential in customer.credentials:
            for network in credential.networks:
                why = shared.refusal(network)
                if why:
                    yield f"customer {customer.id!r}: credential {credential.name!r}: network {why}"


def _overlaps(connection: Connection, applied: Sequence[Customer], named: Set[str]) -> Iterable[str]:
    """Overlaps between different customers, by a sweep over the ranges in order of their first address."""
    new = [
        _Held(ipaddress.ip_network(text), customer.id)
        for customer in applied
        for credential in customer.credentials
        for text in credential.networks
    ]
    if not new:
        return
    old = [
        _Held(ipaddress.ip_network(row.network), row.customer)
        for row in connection.execute(select(networks.c.network, networks.c.customer))
        if row.customer not in named
    ]
    fresh = {id(held) for held in new}
    for version in (4, 6):
        every = [held for held in (*old, *new) if held.network.version == version]
        # The wider one first where both start at one address, so what is open holds what follows.
        every.sort(key=lambda held: (int(held.network.network_address), held.network.prefixlen))
        enclosing: list[_Held] = []
        for held in every:
            while enclosing and not held.network.overlaps(enclosing[-1].network):
                enclosing.pop()
            for other in enclosing:
                if other.customer != held.customer and (id(held) in fresh or id(other) in fresh):
                    mine, theirs = (held, other) if id(held) in fresh else (other, held)
                    yield (
                        f"customer {mine.customer!r}: network {mine.network} overlaps {theirs.network} of customer "
                        f"{theirs.customer!r}"
                    )
            enclosing.append(held)
