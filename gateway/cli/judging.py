"""Judging: what SMTP would answer to a message that is only thought of, in the order of `gateway.pipeline`.

What is known of it and what decides is the gateway's own (`gateway.audience`, `gateway.classing`, `gateway.links`);
nothing is sent, counted or recorded. What has no place in it is what only a gateway that runs can say: how many
near-identical messages reach, limits, signals of theft, and the next hop.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from msgspec import structs

from config.customers import IDENTIFIER
from config.policy import MessageBounds, Policy
from config.settings import Dns
from consent.address import Address
from consent.customers import StoredCustomer
from consent.decide import Decision
from filters.engine import Bound, bind, evaluate
from filters.message import Message
from filters.model import Facts, Finding, Outcome, Phase, Reply, Verdict
from filters.signing import signing_domain
from gateway import prdr
from gateway.audience import Audience
from gateway.classing import Classed, alone, clustered
from gateway.cli.context import fail, utc_now
from gateway.desk import Desk
from gateway.directory import Identity, entry_of
from gateway.dns import Resolver
from gateway.facts import House, gather, with_domains
from gateway.links import Links
from gateway.registry import Registry, RegistryAway
from gateway.smtp import refusals, replies
from gateway.smtp.body import Body, Budget
from gateway.smtp.wire import stuff
from gateway.vouching import Vouching

_UNBOUNDED = 1 << 40
_NO_DNS = Dns()
_UNREAD = frozenset(refusal.code for refusal in replies.BODY_FAULTS.values())


@dataclass(frozen=True, slots=True)
class Addressed:
    """What is decided about one recipient."""

    address: Address
    at: str
    """`RCPT`, or `DATA` (the final dot)."""
    refused: Finding | None
    decision: Decision | None
    """None: what the message is needs no ground."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What SMTP would answer, and when."""

    verdict: Verdict
    answered: str
    """`MAIL`, `RCPT` where no recipient is left, or `DATA` (its final dot)."""
    also: tuple[Finding, ...] = ()
    """What would be found besides, once that answer is put right."""
    classed: Classed | None = None
    """None: it is not read."""
    clustered: bool = False
    """Its cluster of near-identical mail, which is not known here, may make something else of it."""
    list: str | None = None
    party: str = ""
    recipients: tuple[Addressed, ...] = ()

    @property
    def reply(self) -> str:
        """The reply, without the reference and what the next hop says."""
        decisive = self.verdict.decisive
        return str(decisive.reply) if decisive else "250 2.0.0 Accepted"


@dataclass(frozen=True, slots=True)
class Court:
    """What everything is judged with that customers send."""

    policy: Policy
    house: House
    registry: Registry
    links: Links
    desk: Desk
    dns: Dns = _NO_DNS
    clock: Callable[[], datetime] = utc_now


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that is thought of as sent."""

    path: Address | None
    recipients: tuple[Address, ...]
    data: bytes
    """With CRLF, dots not stuffed."""
    size: int = 0
    """Octets of it where `data` is only its beginning."""
    ehlo: str = ""
    smtputf8: bool = False
    username: str | None = None
    """Which of the customer's credentials sends, with `+LIST` behind it where it names a list; None is the first."""
    keyed: Collection[str] = field(default=())
    """Domains with an active DKIM key."""


async def judge(stored: StoredCustomer, sent: Sent, court: Court) -> Checked:
    """What SMTP would answer to a customer that sends this.

    Raises UnknownRule, ConfigError and `gateway.registry.RegistryAway`; ends the command for a customer that cannot
    send, or not so.
    """
    identity = _identity(stored, sent.username, court.policy)
    facts = gather(identity, sent.path, sent.recipients, court.clock(), court.house, sent.ehlo, smtputf8=sent.smtputf8)
    at_data = _at_data(court.policy.message, sent.data, sent.size)
    message = Message(b"" if at_data and at_data.code in _UNREAD else sent.data)
    audience = Audience(court.registry, identity, sent.path, court.clock, court.policy.mode)
    at_rcpt = await _at_rcpt(audience, [each for each in sent.recipients if not court.desk.serves(each)])
    left = tuple(each for each in sent.recipients if each not in at_rcpt)
    facts = structs.replace(facts, recipients=left or sent.recipients)
    rules = () if left and all(map(court.desk.serves, left)) else identity.entry.rules
    if at_data:
        whole = Checked(
            refusals.verdict(at_data), "DATA", recipients=_addressed(audience, sent.recipients, at_rcpt, {})
        )
    else:
        whole = await _at_dot(facts, message, audience, rules, sent, court, at_rcpt)
    if stored.standing.status == "suspended":
        finding = replies.SUSPENDED.finding(f"suspended since {stored.standing.since}: {stored.standing.reason}")
        # At MAIL where the operator has no mailbox that a suspended customer may write to.
        return _instead(whole, refusals.verdict(finding), "RCPT")
    if identity.lock is not None:
        return _instead(whole, refusals.verdict(refusals.of_lock(identity.lock)), "MAIL")
    at_mail = evaluate(rules, Message(b""), facts, court.policy, Phase.MAIL)
    if at_mail.decisive:
        return _instead(whole, at_mail, "MAIL")
    if at_rcpt and not left:
        refused = prdr.with_refused(Verdict(Outcome.ACCEPT, refused=at_rcpt), sent.recipients, prdr=False)
        return _instead(whole, refused, "RCPT")
    return whole


def _instead(whole: Checked, verdict: Verdict, answered: str) -> Checked:
    """The message is refused before its final dot; what is found there comes after that."""
    also = tuple(each for each in whole.verdict.findings if each not in verdict.findings)
    return replace(whole, verdict=verdict, answered=answered, also=also)


def _identity(stored: StoredCustomer, username: str | None, policy: Policy) -> Identity:
    customer = stored.customer
    if not customer.credentials:
        fail(f"customer {customer.id!r} has no credential, so it cannot send at all; give it one in its file", 2)
    entry = entry_of(stored, bind(policy, stored.customer.actions))
    if username is None:
        return Identity(entry, customer.credentials[0], "none")
    name, _, suffix = username.lower().partition("+")
    found = next((each for each in customer.credentials if each.is_called(name)), None)
    if found is not None and (not suffix or (found.username and IDENTIFIER.match(suffix))):
        return Identity(entry, found, "none", list=suffix or None)
    names = ", ".join(each.name for each in customer.credentials)
    return fail(f"--username: customer {customer.id!r} has no credential {username!r}; it has {names}", 2)


async def _at_rcpt(audience: Audience, recipients: Sequence[Address]) -> dict[Address, Finding]:
    """Who is refused at RCPT, and why."""
    refused: dict[Address, Finding] = {}
    for address in recipients:
        found = await audience.rcpt(address, audience.clock())
        if isinstance(found, Reply):
            raise RegistryAway
        if found is not None:
            refused[address] = found
    return refused


async def _at_dot(
    facts: Facts,
    message: Message,
    audience: Audience,
    rules: Sequence[Bound],
    sent: Sent,
    court: Court,
    at_rcpt: Mapping[Address, Finding],
) -> Checked:
    """What is found at the final dot for those recipients that were not refused before."""
    classed = alone(facts, message)
    facts = await audience.addressed(facts, message, classed)
    facts = court.links.complete(facts, message, facts.list)
    facts = structs.replace(facts, signing_domain=signing_domain(message, facts, sent.keyed))
    async with contextlib.AsyncExitStack() as stack:
        resolver = Resolver(court.dns.servers, asyncio.get_running_loop().time) if court.dns.servers else None
        if resolver is not None:
            stack.push_async_callback(resolver.close)
        vouching = Vouching(resolver)
        stack.callback(vouching.close)
        known = await vouching.complete(await with_domains(facts, message, resolver), message, rules)
    verdict = evaluate(rules, message, known, court.policy)
    asked = [each for each in sent.recipients if each not in at_rcpt and not court.desk.serves(each)]
    if asked:
        verdict = await audience.judged(verdict, known, message, classed, asked)
    verdict = replace(verdict, findings=(*verdict.findings, *audience.observed))
    refused = verdict.refused
    verdict = prdr.with_refused(verdict, asked, prdr=False)
    return Checked(
        verdict,
        "DATA",
        classed=classed,
        clustered=clustered(facts, message),
        list=known.list,
        party=known.party,
        recipients=_addressed(audience, sent.recipients, at_rcpt, refused),
    )


def _addressed(
    audience: Audience,
    recipients: Sequence[Address],
    at_rcpt: Mapping[Address, Finding],
    refused: Mapping[Address, Finding],
) -> tuple[Addressed, ...]:
    return tuple(
        Addressed(
            each,
            "RCPT" if each in at_rcpt else "DATA",
            at_rcpt.get(each) or refused.get(each),
            audience.decisions.get(each),
        )
        for each in dict.fromkeys(recipients)
    )


def _at_data(bounds: MessageBounds, data: bytes, size: int) -> Finding | None:
    """What the edge refuses at the final dot, by the code that does it there."""
    if size > bounds.max_bytes:
        return replies.SIZE.finding(f"{size} octets, limit {bounds.max_bytes}")
    body = Body(Budget(_UNBOUNDED, _UNBOUNDED), bounds.max_bytes, None)
    try:
        body.add(stuff(data, line_start=True))
        body.end()
        if body.fault == "room":
            fail("no room for the message in the folder for temporary files; set TMPDIR to another", 2)
        return refusals.of_message(body, Message(b"" if body.fault else data), bounds.max_bytes, bounds)
    finally:
        body.close()
