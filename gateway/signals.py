"""Signals: what the ledger knows of a credential is told to the rules, and two signals within an hour lock it.

Counted is what passed, as in the limits: a retry costs nothing twice. Mail under the null reverse-path, mail to the
operator, and recipients in the customer's own domains or exempt from limits are not. Where all SIGNAL rules are off
nothing is asked or counted.

A lock needs `signals.lock` in the policy, a ledger that all processes share at that moment, two different signals, and
enforcement: none comes of what a customer or the policy only observes, or of a rule that the customer is exempted from.
It is one of the operator's locks: every node sees it within five seconds, and it is lifted in the same way. What led to
it is forgotten with it, so that lifting it is not undone by the same signals.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Protocol

from msgspec import structs

from config.policy import Policy
from config.switch import Lock
from consent.address import Address
from consent.credentials import CredentialStore, Which
from consent.customers import CustomerError
from consent.database import RegistryError
from filters.engine import Bound
from filters.message import Message
from filters.model import Facts, Outcome, Verdict
from filters.signals import CODES
from gateway import switching
from gateway.audit.errors import JournalError
from gateway.audit.record import Act
from gateway.ledger.activity import Answer, Kind, Passage, Watch, activity_of
from gateway.ledger.model import Ledger
from gateway.metrics import Metrics
from gateway.smtp import refusals

log = logging.getLogger("postern.signals")

ACTOR = "signals"
_SENDERS = 10
"""Of one message."""
_BODY = 16 * 1024
"""Octets by which two bodies are told apart."""


class Journal(Protocol):
    """What is needed of `gateway.audit.journal.Journal`."""

    async def append(self, record: Act) -> object:
        """Write it durably."""
        ...


class Locker:
    """Locks credentials, on record."""

    def __init__(
        self,
        credentials: CredentialStore,
        journal: Journal,
        ledger: Ledger,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._credentials, self._journal, self._ledger = credentials, journal, ledger
        self._metrics, self._clock = metrics, clock
        self._under_way: dict[tuple[str, str], asyncio.Task[Lock | None]] = {}

    async def lock(self, customer: str, credential: str, codes: Sequence[str]) -> Lock | None:
        """Lock it for these signals; the lock that it has now, or None where it could not be locked. Who waits for that
        may go: it is locked, and recorded, all the same."""
        who = (customer, credential)
        task = self._under_way.get(who)
        if task is None:
            task = self._under_way[who] = asyncio.create_task(self._lock(customer, credential, codes))
            task.add_done_callback(lambda _: self._under_way.pop(who, None))
        return await asyncio.shield(task)

    async def _lock(self, customer: str, credential: str, codes: Sequence[str]) -> Lock | None:
        source, reason = ", ".join(codes), f"signals of theft within an hour: {', '.join(codes)}"
        now = self._clock()
        try:
            done = await asyncio.to_thread(
                self._credentials.lock, Which(customer, credential), reason, now, source=source
            )
        except (RegistryError, CustomerError) as error:
            self._metrics.alarm("registry", f"a credential of customer {customer} could not be locked: {error}")
            return None
        if not done.changed:
            return done.same[0].lock
        self._metrics.signal_locks.inc()
        log.warning("customer %s: credential %s is locked: %s", customer, credential, reason)
        # Before the record: what comes meanwhile must not count as new.
        await self._ledger.watch(Watch(Kind.SETTLE, customer, credential))
        try:
            for act in switching.acts(ACTOR, "lock", done, reason):
                await self._journal.append(act)
        except JournalError as error:
            self._metrics.alarm("audit", f"the lock of a credential of customer {customer} is not on record: {error}")
        return Lock(reason, source, now)


class Signals:
    """Under one policy."""

    def __init__(self, policy: Policy, ledger: Ledger, locker: Locker, key: bytes) -> None:
        """`key` makes digests of senders and bodies, by which nobody else can know them."""
        self._policy, self._ledger, self._locker, self._key = policy, ledger, locker, key[:64]
        self._exempt = frozenset(policy.limits.exempt_recipients)

    def transaction(self, source: str) -> "Watched":
        """One that comes from this address."""
        return Watched(self, source)

    def counted(self, facts: Facts, recipients: Iterable[Address]) -> int:
        """How many of these recipients count."""
        own = facts.customer.domains
        return sum(
            each.domain not in own and each.domain not in self._exempt and each.canonical not in self._exempt
            for each in recipients
        )

    def look(self, facts: Facts, passage: Passage) -> asyncio.Future[Answer | None]:
        """The credential's activity, this message in it; None where the ledger is away."""
        return self._ledger.watch(_watch(Kind.LOOK, facts, passage))

    def count(self, facts: Facts, passage: Passage) -> None:
        """It has passed; nobody waits."""
        self._ledger.watch(_watch(Kind.COUNT, facts, passage))

    def passage(self, facts: Facts, message: Message, source: str) -> Passage:
        """What is counted of a message; `source` is the client's address."""
        authors = (message.mailboxes("from") or ())[:_SENDERS]
        body = bytes(message.raw[message.body_start : message.body_start + _BODY])
        if b"\r\n--" in body or body.startswith(b"--"):
            # The lines between the parts of a multipart are new in each copy.
            body = b"\r\n".join([line for line in body.split(b"\r\n") if not line.startswith(b"--")])
        return Passage(
            tuple(dict.fromkeys(self._digest(each.canonical.encode("utf-8", "surrogatepass")) for each in authors)),
            tuple(dict.fromkeys(self._digest(each.domain.encode("utf-8", "surrogatepass")) for each in authors)),
            network_of(source),
            self._digest(body),
            self.counted(facts, facts.recipients),
        )

    async def judged(self, facts: Facts, verdict: Verdict) -> Verdict:
        """The verdict, and where signals have come together the lock of the credential, which puts the message off."""
        if not self._policy.signals.lock or "observe" in (self._policy.mode, facts.customer.mode):
            return verdict
        codes = tuple(found.code for found in verdict.findings if found.code in CODES and not found.failed)
        codes = tuple(code for code in codes if not _exempted(code, facts))
        if not codes:
            return verdict
        seen = await self._ledger.watch(Watch(Kind.SIGNAL, facts.customer.id, facts.credential.name, codes=codes))
        if seen is None or len(seen) < 2:
            return verdict
        lock = await self._locker.lock(facts.customer.id, facts.credential.name, seen)
        if lock is None:
            return verdict
        found = refusals.of_lock(lock)
        if verdict.outcome is Outcome.REJECT:
            return replace(verdict, findings=(*verdict.findings, found))
        return Verdict(Outcome.DEFER, (*verdict.findings, found), found)

    def _digest(self, data: bytes) -> str:
        return blake2b(data, digest_size=8, key=self._key, person=b"activity").hexdigest()


@dataclass(slots=True)
class Watched:
    """One transaction; each method is called once at most, in this order, and `ask` need not be."""

    _signals: Signals
    _source: str
    _facts: Facts | None = None
    _passage: Passage | None = None
    _asked: asyncio.Future[Answer | None] | None = None

    def ask(self, facts: Facts, message: Message, rules: Sequence[Bound]) -> None:
        """Ask for the credential's activity, where one of the rules does; the question travels with the next one."""
        # From the end, where they stand.
        if facts.reverse_path is None or not any(bound.rule.code in CODES for bound in reversed(rules)):
            return
        if not self._signals.counted(facts, facts.recipients):
            return
        self._facts, self._passage = facts, self._signals.passage(facts, message, self._source)
        self._asked = self._signals.look(facts, self._passage)

    async def complete(self, facts: Facts, message: Message, rules: Sequence[Bound]) -> Facts:
        """The facts with the credential's activity; without where no rule asks for it, or the ledger is away."""
        if self._facts is None:
            self.ask(facts, message, rules)
        answer = None if self._asked is None else await self._asked
        return facts if answer is None else structs.replace(facts, activity=activity_of(answer))

    def ended(self, outcome: str, recipients: Iterable[Address]) -> None:
        """What became of the message at the next hop, and to whom it went."""
        if self._facts is None or self._passage is None or outcome not in ("accepted", "unknown"):
            return
        count = self._signals.counted(self._facts, recipients)
        if count:
            self._signals.count(self._facts, replace(self._passage, recipients=count))


@lru_cache(maxsize=10_000)
def network_of(address: str) -> str:
    """The /24 or /48 that an address is in; what is no address stands for itself."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ip_network((parsed, 48), strict=False))
        parsed = parsed.ipv4_mapped
    return str(ip_network((parsed, 24), strict=False))


def _watch(kind: Kind, facts: Facts, passage: Passage) -> Watch:
    return Watch(kind, facts.customer.id, facts.credential.name, passage)


def _exempted(code: str, facts: Facts) -> bool:
    exemption = facts.exemptions.get(code)
    return exemption is not None and exemption.holds(facts.now)
