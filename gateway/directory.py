"""The directory: customers as this process knows them, in memory. Read on every connection and every MAIL.

It is filled at start and kept current by `gateway.changes`; nothing on the hot path asks the registry who somebody is.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType

from config.customers import IDENTIFIER, Credential, Customer, Standing
from config.policy import Action, Policy
from config.switch import Exemption, Lock, Overlap
from consent.customers import StoredCustomer
from filters.engine import Bound, bind
from filters.likeness import Holders

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_BOUND = 10_000
"""Bindings that are remembered."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One customer with the rules that hold for it, and what the operator decided about it."""

    customer: Customer
    standing: Standing
    rules: tuple[Bound, ...]
    locks: Mapping[str, Lock] = field(default_factory=dict)
    """By name of the credential."""
    overlaps: Mapping[str, Overlap] = field(default_factory=dict)
    """Passwords that were changed and may still hold, by name of the credential."""
    exemptions: Mapping[str, Exemption] = field(default_factory=dict)
    """By rule code."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a session is: a customer's credential, and how that was shown."""

    entry: Entry
    credential: Credential
    method: str
    """"auth", "network", "certificate"; "none" for a stranger (`gateway.visit`)."""
    shown: str | None = field(default=None, repr=False)
    """Of "auth", the hash that the password fitted; of "network", the peer's address; of "certificate", the certificate
    as the credential names it."""
    list: str | None = None
    """The list that it has named behind its username at AUTH: `acme-app+spring`."""

    @property
    def lock(self) -> Lock | None:
        """Why the credential may not send, where it is locked."""
        return self.entry.locks.get(self.credential.name)

    def password_hashes(self, now: datetime) -> tuple[str, ...]:
        """Those of the passwords that hold now, the newest first. Two have one salt (`consent.passwords`)."""
        held, overlap = self.credential.password_hash, self.entry.overlaps.get(self.credential.name)
        if held is None:
            return ()
        return (held, overlap.password_hash) if overlap is not None and overlap.holds(now) else (held,)


def entry_of(stored: StoredCustomer, rules: tuple[Bound, ...]) -> Entry:
    """A stored customer with the rules that a policy and its own actions come to."""
    return Entry(
        stored.customer,
        stored.standing,
        rules,
        stored.locks,
        stored.overlaps,
        {each.rule: each for each in stored.exemptions},
    )


def own_names(hostname: str, domains: Iterable[str]) -> frozenset[str]:
    """Our host name and the operator's domains, in lower case."""
    return frozenset(name.lower().rstrip(".") for name in (hostname, *domains))


class Directory:
    """Customers by id, username, network, certificate and domain."""

    def __init__(self, policy: Policy, operator: Iterable[str] = ()) -> None:
        """`operator`: the operator's own domains, which no customer's may look like."""
        self.policy = policy
        self.looks = Holders()
        """Whose the domains are, by what they look like."""
        self._operator = tuple(operator)
        self.looks.add("", self._operator)
        self._bound: dict[frozenset[tuple[str, Action]], tuple[Bound, ...]] = {}
        """By a customer's own actions: most have none, and a binding takes as much room as the customer."""
        self._entries: dict[str, Entry] = {}
        self._usernames: dict[str, tuple[str, str]] = {}
        self._networks: dict[tuple[int, int], dict[int, tuple[str, str]]] = {}
        self._certificates: dict[str, tuple[str, str]] = {}
        self._holders: dict[str, str] = {}
        self.holders: Mapping[str, str] = MappingProxyType(self._holders)
        """Domain -> the customer that holds it, as it is at any time."""

    def __len__(self) -> int:
        return len(self._entries)

    def update(self, stored: Iterable[StoredCustomer]) -> None:
        """Add or replace customers. Raises `filters.engine.UnknownRule` for rule codes this version does not know."""
        entries = [entry_of(each, self._rules(each.customer.actions)) for each in stored]
        for entry in entries:
            self._forget(entry.customer.id)
        for entry in entries:
            self._entries[entry.customer.id] = entry
            self._holders.update(dict.fromkeys(entry.customer.domains, entry.customer.id))
            self.looks.add(entry.customer.id, entry.customer.domains)
            for credential in entry.customer.credentials:
                held = (entry.customer.id, credential.name)
                if credential.username:
                    self._usernames[credential.username.lower()] = held
                for certificate in credential.certificates:
                    self._certificates[certificate] = held
                for text in credential.networks:
                    network = ipaddress.ip_network(text)
                    table = self._networks.setdefault((network.version, network.prefixlen), {})
                    table[int(network.network_address)] = held

    def rebind(self, policy: Policy, operator: Iterable[str] = ()) -> None:
        """Another policy holds from now on, for all customers; and these domains are the operator's."""
        self.policy = policy
        self.looks.remove("", self._operator)
        self._operator = tuple(operator)
        self.looks.add("", self._operator)
        self._bound.clear()
        for customer, entry in self._entries.items():
            self._entries[customer] = replace(entry, rules=self._rules(entry.customer.actions))

    def _rules(self, actions: Mapping[str, Action]) -> tuple[Bound, ...]:
        own = frozenset(actions.items())
        found = self._bound.get(own)
        if found is None:
            if len(self._bound) >= _BOUND:
                self._bound.clear()
            found = self._bound[own] = bind(self.policy, actions)
        return found

    def _forget(self, customer: str) -> None:
        old = self._entries.pop(customer, None)
        if old is None:
            return
        for domain in old.customer.domains:
            if self._holders.get(domain) == customer:
                del self._holders[domain]
        self.looks.remove(customer, old.customer.domains)
        for credential in old.customer.credentials:
            if credential.username and self._usernames.get(credential.username.lower(), ("",))[0] == customer:
                del self._usernames[credential.username.lower()]
            for certificate in credential.certificates:
                if self._certificates.get(certificate, ("",))[0] == customer:
                    del self._certificates[certificate]
            for text in credential.networks:
                network = ipaddress.ip_network(text)
                table = self._networks.get((network.version, network.prefixlen), {})
                if table.get(int(network.network_address), ("",))[0] == customer:
                    del table[int(network.network_address)]

    def entries(self) -> tuple[Entry, ...]:
        """The entries of all customers as they are now."""
        return tuple(self._entries.values())

    def get(self, customer: str) -> Entry | None:
        """The customer's entry as it is now."""
        return self._entries.get(customer)

    def switched(self, now: datetime) -> tuple[int, int]:
        """How many credentials are locked, and how many exemptions are in force."""
        entries = self._entries.values()
        exempted = sum(each.holds(now) for entry in entries for each in entry.exemptions.values())
        return sum(len(entry.locks) for entry in entries), exempted

    def by_username(self, username: str) -> Identity | None:
        """The identity that a username names, and the list behind a `+` in it; its password is not checked here."""
        name, plus, suffix = username.lower().partition("+")
        found = self._identity(self._usernames.get(name), "auth")
        if found is None or not plus:
            return found
        return replace(found, list=suffix) if IDENTIFIER.match(suffix) else None

    def by_certificate(self, fingerprint: str) -> Identity | None:
        """The identity of who has shown a client certificate: SHA-256 of its DER form, in hexadecimal."""
        return self._identity(self._certificates.get(fingerprint), "certificate", fingerprint)

    def by_address(self, address: str) -> Identity | None:
        """The identity of a peer address by the most specific network that holds it."""
        peer = _peer(address)
        if peer is None:
            return None
        bits, number = peer.max_prefixlen, int(peer)
        for version, prefix in sorted(self._networks, reverse=True):
            if version == peer.version:
                held = self._networks[version, prefix].get(number >> (bits - prefix) << (bits - prefix))
                if held:
                    return self._identity(held, "network", address)
        return None

    def renewed(self, identity: Identity, now: datetime) -> Identity | None:
        """The same identity as it stands now; None when its credential is gone, or what showed it holds no more: its
        password, network or certificate.

        This is what makes a suspension, a lock or a new password act on open sessions: it is asked at every MAIL
        and final dot.
        """
        entry, found = self._entries.get(identity.entry.customer.id), identity
        if entry is not identity.entry:
            credential = entry.customer.credential(identity.credential.name) if entry else None
            if entry is None or credential is None or not self._still(identity):
                return None
            found = replace(identity, entry=entry, credential=credential)
        shown = identity.shown or identity.credential.password_hash
        return found if identity.method != "auth" or shown in found.password_hashes(now) else None

    def _still(self, identity: Identity) -> bool:
        """Whether a network or certificate is still its credential's."""
        if identity.shown is None or identity.method not in ("network", "certificate"):
            return True
        by = self.by_address if identity.method == "network" else self.by_certificate
        found, held = by(identity.shown), (identity.entry.customer.id, identity.credential.name)
        return found is not None and (found.entry.customer.id, found.credential.name) == held

    def _identity(self, held: tuple[str, str] | None, method: str, shown: str | None = None) -> Identity | None:
        if held is None:
            return None
        entry = self._entries[held[0]]
        credential = entry.customer.credential(held[1])
        return Identity(entry, credential, method, shown) if credential else None


@lru_cache(maxsize=10_000)
def _peer(address: str) -> IPAddress | None:
    """The address of a client, IPv4 where it is mapped into IPv6; None for what is none."""
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return None
    return peer.ipv4_mapped or peer if isinstance(peer, ipaddress.IPv6Address) else peer
