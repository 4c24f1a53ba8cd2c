"""Limits: what a transaction is charged, by whose limits and under which keys. Pure.

A recipient is charged at its RCPT, the message at its final dot. Mail under the null reverse-path is charged to its
customer's reports and to whom it is for, never to a customer, credential, stream, source or sender. Own domains and the
policy's `exempt_recipients` may get any amount of mail: who writes to them is charged as a customer, and neither as a
sender nor for the recipient.

A next hop may deliver each of two RCPTs with one address, so each is charged.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from config.customers import Credential, Customer
from config.limits import Cap, Limits, LimitsPolicy
from consent.address import Address
from gateway.ledger.charges import Charge
from gateway.ledger.model import address_group, key

Caps = tuple[tuple[str, tuple[Cap, ...]], ...]
"""The caps of each measure."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The caps of one measure of one thing that is counted, and where the ledger counts it."""

    scope: str
    """In the policy's words, such as `recipient_by_all`."""
    name: str
    """Which one of its scope, as evidence may hold it: never a local-part."""
    measure: str
    caps: tuple[Cap, ...]
    key: str
    among: str = ""
    """Whose share of it this is, where it is shared fairly: a customer."""

    def charge(self, amount: int) -> Charge:
        """So much at it."""
        return Charge(self.key, amount, tuple((cap.seconds, cap.most) for cap in self.caps), self.among)


class Due(NamedTuple):
    """One limit that a transaction is charged at, and the charge."""

    limit: Limit
    charge: Charge

    @classmethod
    def of(cls, limit: Limit, amount: int) -> "Due":
        """So much at a limit."""
        return cls(limit, limit.charge(amount))


@dataclass(frozen=True, slots=True)
class Sending:
    """Who sends, from where and as whom."""

    customer: Customer
    credential: Credential
    source: str
    """The client's address."""
    reverse_path: Address | None


class Charges:
    """What one transaction is charged."""

    def __init__(self, policy: LimitsPolicy, sending: Sending, address_key: Callable[[Address], str]) -> None:
        """`address_key` makes of an address what may stand in a key: nobody can read it there."""
        self._policy, self._customer, self._address_key = policy, sending.customer.id, address_key
        self._own = frozenset(sending.customer.domains)
        self._exempt = frozenset(policy.exempt_recipients)
        path = sending.reverse_path
        self._limits = _by_measure(_of_sending(policy, sending))
        self._as_sender: dict[str, list[Limit]] = {}
        if path is not None:
            self._as_sender = _by_measure(_of_sender(policy, self._customer, path, address_key))
        self._each = [Due.of(limit, 1) for limit in self._limits.get("recipients", ())]
        self._each_as_sender = [Due.of(limit, 1) for limit in self._as_sender.get("recipients", ())]

    def of_recipient(self, address: Address) -> list[Due]:
        """At RCPT."""
        if not self._counts(address):
            return self._each
        towards = [*self._to_recipient(address, "messages"), *self._to_domain(address.domain, "recipients")]
        return [*self._each, *self._each_as_sender, *(Due.of(limit, 1) for limit in towards)]

    def of_message(self, recipients: Iterable[Address], size: int) -> list[Due]:
        """At the final dot; `size` in octets."""
        amounts = {"messages": 1, "bytes": size}
        tables = [self._limits]
        if self._as_sender and any(self._counts(address) for address in recipients):
            tables.append(self._as_sender)
        return [
            Due.of(limit, amount)
            for measure, amount in amounts.items()
            for table in tables
            for limit in table.get(measure, ())
        ]

    def of_deliveries(self, recipients: Iterable[Address], size: int) -> Iterator[tuple[frozenset[Address], list[Due]]]:
        """At the final dot, too: the recipients that a charge is about, and it; each for itself."""
        policy = self._policy
        if not any(
            caps.names for caps in (policy.recipient_domain, policy.recipient_by_customer, policy.recipient_by_all)
        ):
            return
        counted = [address for address in recipients if self._counts(address)]
        for address in counted:
            due = [Due.of(limit, size) for limit in self._to_recipient(address, "bytes")]
            if due:
                yield frozenset((address,)), due
        domains: dict[str, set[Address]] = {}
        for address in counted:
            domains.setdefault(address.domain, set()).add(address)
        for domain, addresses in domains.items():
            due = [
                Due.of(limit, amount)
                for measure, amount in (("messages", 1), ("bytes", size))
                for limit in self._to_domain(domain, measure)
            ]
            if due:
                yield frozenset(addresses), due

    def _counts(self, address: Address) -> bool:
        """Whether mail to an address is counted by whom it is for."""
        if address.domain in self._own:
            return False
        return not self._exempt or not (address.canonical in self._exempt or address.domain in self._exempt)

    def _to_recipient(self, address: Address, measure: str) -> Iterator[Limit]:
        policy, customer = self._policy, self._customer
        by_customer = _only(policy.recipient_by_customer, measure)
        by_all = _only(policy.recipient_by_all, measure)
        if by_customer or by_all:
            yield from _of_recipient(customer, address, self._address_key, by_customer, by_all)

    def _to_domain(self, domain: str, measure: str) -> Iterator[Limit]:
        return _of_domain(self._customer, domain, _only(self._policy.recipient_domain, measure))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of whom else the operator wants to know how the limits stand."""

    source: str = ""
    """A client's address."""
    sender: Address | None = None
    recipient: Address | None = None


def inward(
    policy: LimitsPolicy, customer: Customer, wanted: Wanted, address_key: Callable[[Address], str]
) -> list[Limit]:
    """The limits that are the operator's to see: of all that passes, and of a source, sender or recipient of the
    customer's mail; of a recipient also how much all customers made of it."""
    found = [*_limits("operator", "this gateway", ("operator", ""), policy.operator.caps)]
    if wanted.source:
        found += _of_source(policy, customer.id, wanted.source)
    if wanted.sender is not None:
        found += _of_sender(policy, customer.id, wanted.sender, address_key)
    if wanted.recipient is not None:
        by_customer, by_all = policy.recipient_by_customer.caps, policy.recipient_by_all.caps
        found += _of_recipient(customer.id, wanted.recipient, address_key, by_customer, by_all)
        found += _of_domain(customer.id, wanted.recipient.domain, policy.recipient_domain.caps)
    return found


def standing(policy: LimitsPolicy, customer: Customer) -> list[Limit]:
    """The limits of a customer that it can be shown: its own, its reports', its credentials' and their streams'."""
    found = [*_limits("customer", customer.id, ("customer", customer.id), customer.limits.over(policy.customer))]
    found += _limits("report", customer.id, ("customer", customer.id), policy.report.caps)
    for stream in dict.fromkeys(credential.stream for credential in customer.credentials):
        found += _limits("stream", stream, ("customer", customer.id, stream), getattr(policy.stream, stream).caps)
    for credential in customer.credentials:
        base = ("customer", customer.id, credential.name)
        found += _limits("credential", credential.name, base, credential.limits.over(policy.credential))
    return found


def _of_sending(policy: LimitsPolicy, sending: Sending) -> Iterator[Limit]:
    customer, credential = sending.customer, sending.credential
    base = ("customer", customer.id)
    yield from _limits("operator", "this gateway", ("operator", ""), policy.operator.caps)
    if sending.reverse_path is None:
        yield from _limits("report", customer.id, base, policy.report.caps)
        return
    yield from _limits("customer", customer.id, base, customer.limits.over(policy.customer))
    of_credential = credential.limits.over(policy.credential)
    yield from _limits("credential", credential.name, (*base, credential.name), of_credential)
    of_stream: Limits = getattr(policy.stream, credential.stream)
    yield from _limits("stream", credential.stream, (*base, credential.stream), of_stream.caps)
    yield from _of_source(policy, customer.id, sending.source)


def _of_source(policy: LimitsPolicy, customer: str, address: str) -> Iterator[Limit]:
    if policy.source.names:
        source = address_group(address)
        yield from _limits("source", source, ("customer", customer, source), policy.source.caps)


def _of_sender(
    policy: LimitsPolicy, customer: str, path: Address, address_key: Callable[[Address], str]
) -> Iterator[Limit]:
    if policy.sender.names:
        base = ("customer", customer, address_key(path))
        yield from _limits("sender", f"one at {path.domain}", base, policy.sender.caps)


def _of_recipient(
    customer: str, address: Address, address_key: Callable[[Address], str], by_customer: Caps, by_all: Caps
) -> Iterator[Limit]:
    name, base = f"one at {address.domain}", ("recipient", address_key(address))
    yield from _limits("recipient_by_customer", name, (*base, customer), by_customer)
    yield from _limits("recipient_by_all", name, base, by_all, among=customer)


def _of_domain(customer: str, domain: str, caps: Caps) -> Iterator[Limit]:
    return _limits("recipient_domain", domain, ("domain", domain), caps, among=customer)


def _only(limits: Limits, measure: str) -> Caps:
    """The caps of one measure."""
    return tuple(each for each in limits.caps if each[0] == measure)


def _limits(scope: str, name: str, base: tuple[str, ...], measures: Caps, *, among: str = "") -> Iterator[Limit]:
    """The limits of one thing; `base` names it as `ledger.model.key` has it: kind, name and more."""
    for measure, caps in measures:
        kind, of, *more = base
        yield Limit(scope, name, measure, caps, key(f"{scope}.{measure}", kind, of, *more), among)


def _by_measure(limits: Iterable[Limit]) -> dict[str, list[Limit]]:
    found: dict[str, list[Limit]] = {}
    for limit in limits:
        found.setdefault(limit.measure, []).append(limit)
    return found
