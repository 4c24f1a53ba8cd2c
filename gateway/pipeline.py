"""The pipeline: what happens to a mail transaction, in order, and nothing else.

Theory of operation
-------------------
Postern has no queue. A client's transaction and the next hop's run in step:

    client                Postern                                  next hop
    MAIL FROM      ->     who is this now; stopped; MAIL rules     (nothing yet)
    RCPT TO        ->     room in the limits is reserved
                          who refuses all mail, and on a bulk credential who has no ground, is refused
                          opened with the first recipient     ->   MAIL, RCPT
                   <-     the worse of our answer and its     <-   250 / 4xx / 5xx
    DATA, dot      ->     1 bytes: line ends, size, loop (hop 1)
                          2 order: this file (hop 2); room for the message is reserved
                          3 a view of the bytes (hop 3); of which class it is; new mail that reaches many is paced
                          4 facts, asked at once (hop 4); signatures are verified where a rule needs it,
                            and the ledger says what the credential sent lately
                          5 rules, pure (hop 5); signals of theft may lock the credential; may bulk mail go to them?
                          DKIM-Signature on top of what is sent, where the customer has a key
                          record the decision: durable before anything is forwarded
                          6 DATA, our lines, the bytes        ->   dot
                   <-     its answer behind our reference     <-   250
                          record the outcome; what was reserved is settled, or given back

Where the verdict refuses single recipients and the client speaks PRDR, the next hop's transaction is opened again with
the rest before DATA, and the client gets one reply for each recipient; else the message is refused whole.

So 250 is said only after the next hop said it, and `kill -9` at any instant loses nothing: the client still holds the
message. What can happen is a duplicate, where the next hop took the message and the client was not told. Where we
live to see that, the message is remembered and a byte-identical repeat is answered 250 without being sent again.

Whatever fails on our side is 451 or 452, and the message neither passes nor bounces. Two deadlines: ours ends with the
final dot; from then on only the next hop's counts, whatever the client does, because the message may be delivered.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from config.limits import Cap
from config.policy import Policy
from config.settings import EdgeLimits, Operator
from consent.address import Address
from consent.profiles import shipped
from filters.engine import Bound, evaluate
from filters.message import Message
from filters.model import Facts, Finding, Phase, Reply
from gateway import facts
from gateway.alerts import Alerts
from gateway.audit.journal import Journal
from gateway.client import Client
from gateway.desk import MAX_BYTES, Desk
from gateway.directory import Directory, Identity, own_names
from gateway.dns import Resolver
from gateway.facts import House
from gateway.labels import Labels
from gateway.ledger.clusters import Clusters
from gateway.ledger.model import Ledger
from gateway.limits import Charges, Limit, Sending
from gateway.links import Links
from gateway.logbook import Logbook
from gateway.metrics import Metrics
from gateway.nexthop import NextHop
from gateway.pacing import Pacing
from gateway.rationing import Ration
from gateway.registry import Registry
from gateway.repeats import Repeats
from gateway.signals import Signals
from gateway.signing import Signing
from gateway.smtp import parameters, refusals, replies
from gateway.smtp.body import Budget
from gateway.smtp.wire import Path
from gateway.transaction import EMPTY, Transaction
from gateway.unsubscribes import Unsubscribes
from gateway.visit import Visit
from gateway.vouching import Vouching

_PRESUMED = frozenset(parameters.PASSED_THROUGH)


class Pipeline:
    """Everything a transaction needs, built once by `gateway.app`."""

    def __init__(
        self,
        *,
        hostname: str,
        operator: Operator,
        limits: EdgeLimits,
        policy: Policy,
        version: str,
        directory: Directory,
        journal: Journal,
        hops: Mapping[str, NextHop],
        repeats: Repeats,
        budget: Budget,
        metrics: Metrics,
        vouching: Vouching,
        signing: Signing,
        clock: Callable[[], datetime],
        trace_key: bytes,
        ledger: Ledger,
        alerts: Alerts,
        address_key: Callable[[Address], str],
        signals: Signals,
        unsubscribes: Unsubscribes,
        registry: Registry,
        clusters: Clusters,
        labels: Labels,
        fingerprint_key: bytes,
        links: Links,
        resolver: Resolver | None = None,
    ) -> None:
        self.hostname, self.limits, self.policy, self.version = hostname, limits, policy, version
        self.own_names = own_names(hostname, operator.domains)
        self.profile = operator.profile
        self.desk = Desk(operator)
        self.directory, self.journal, self.hops, self.repeats = directory, journal, hops, repeats
        self.budget, self.metrics, self.vouching, self.signing, self.clock = budget, metrics, vouching, signing, clock
        self.policy_digest = policy.digest
        self.trace_key, self.resolver, self.unsubscribes, self.links = trace_key, resolver, unsubscribes, links
        self.ledger, self.alerts, self.signals = ledger, alerts, signals
        self.address_key, self.logbook, self.pacing = address_key, Logbook(), Pacing()
        self.registry = registry
        self.clusters, self.labels, self.fingerprint_key = clusters, labels, fingerprint_key
        self.house = House(
            self.own_names, trace_key, directory.holders, directory.looks.view, shipped(), operator.profile
        )

    @property
    def size_limit(self) -> int:
        """Octets a message may have: the policy's bound, or the next hops' less room for our own lines."""
        sizes = [hop.offer.size - 4096 for hop in self.hops.values() if hop.offer.size]
        return max(1, min([self.policy.message.max_bytes, *sizes]))

    @property
    def extensions(self) -> frozenset[str]:
        """EHLO keywords that every next hop offered at its last probe. One that was never reached is presumed to offer
        what they do: a client bounces what needs SMTPUTF8 where that is not offered, and being away is no reason for a
        bounce. Until it is reached each RCPT is 451."""
        return frozenset.intersection(*(hop.offer.extensions or _PRESUMED for hop in self.hops.values()))

    def offered(self, *, encrypted: bool) -> frozenset[str]:
        """The same for one session: REQUIRETLS belongs to a session in TLS (RFC 8689 section 2)."""
        return self.extensions if encrypted else self.extensions - {"REQUIRETLS"}

    def ration(self, identity: Identity, source: str, reverse_path: Address | None) -> Ration:
        """What a transaction may reserve in the limits; `source` is the client's address."""
        customer, limits = identity.entry.customer, self.policy.limits
        return Ration(
            self.ledger,
            Charges(limits, Sending(customer, identity.credential, source, reverse_path), self.address_key),
            self.metrics,
            partial(self._tell, customer.id),
            observe="observe" in (customer.mode, self.policy.mode),
            count_refused=limits.count_refused,
        )

    def _tell(self, customer: str, limit: Limit, cap: Cap, used: int) -> None:
        """Let the customer know how one of its limits stands."""
        credential = limit.name if limit.scope == "credential" else None
        scope = f"stream {limit.name}" if limit.scope == "stream" else limit.scope
        self.alerts.limit(customer, credential, scope, limit.measure, cap.window, used, cap.most, self.clock())

    async def informed(self, known: Facts, message: Message, rules: Sequence[Bound]) -> Facts:
        """The facts with what others must be asked for: the DNS, the keys of signatures, and ours."""
        known = await facts.with_domains(known, message, self.resolver if rules else None)
        known = await self.vouching.complete(known, message, rules)
        return self.signing.complete(known, message)

    def observed(self, customer: str, cluster: str, over: str, now: datetime) -> None:
        """A cluster of near-identical mail has become bulk mail by its reach: those who can do something are told."""
        self.labels.note_observed(customer, cluster, now)
        self.alerts.observed(customer, cluster, over, now)
        self.metrics.alarm("bulk", f"customer {customer}: undeclared bulk mail, cluster {cluster}: {over}")

    async def begin(self, client: Client, identity: Identity, path: Path) -> Transaction | Reply:
        """MAIL: a transaction, or the reply that refuses it (recorded where it is a decision)."""
        now = self.clock()
        current = self.directory.renewed(identity, now)
        if current is None:
            return replies.CREDENTIAL_CHANGED
        wrong = self._wrong_parameter(client, path)
        if wrong is not None:
            return wrong
        transaction = Transaction(self, client, current, path, now)
        refused: Finding | None = None
        if current.entry.standing.status == "suspended":
            stopped = replies.SUSPENDED.finding(f"suspended since {current.entry.standing.since}")
            if self.desk.open and _declared(path) <= MAX_BYTES:
                return Visit(self, client, current, path, now, stopped)
            return await transaction.stopped(stopped)
        if current.lock is not None:
            return await transaction.stopped(refusals.of_lock(current.lock))
        if (size := _declared(path)) > self.size_limit:
            refused = replies.SIZE.finding(f"declared {size} octets, limit {self.size_limit}")
        if refused:
            return await transaction.refuse("mail", refusals.verdict(refused))
        if transaction.hop is None:
            self.metrics.alarm("next_hop_unknown", f"customer {current.entry.customer.id} names an unknown next hop")
            return replies.INTERNAL
        if self.budget.exhausted:
            return replies.NO_ROOM
        verdict = evaluate(current.entry.rules, EMPTY, transaction.facts(), self.policy, Phase.MAIL)
        if verdict.decisive:
            return await transaction.refuse("mail", verdict)
        return transaction

    def welcome(self, client: Client, path: Path, turn_away: Callable[[], Reply], *, relays: bool) -> Visit | Reply:
        """MAIL of a stranger, who may write to the operator only; `turn_away` answers all else, and counts it.

        `relays`: the listener is one that customers relay through, and offers their size.
        """
        if not self.desk.open or (relays and _declared(path) > MAX_BYTES):
            return turn_away()
        if _declared(path) > MAX_BYTES:
            return replies.SIZE.reply
        if self.budget.exhausted:
            return replies.NO_ROOM
        return self._wrong_parameter(client, path) or Visit(self, client, None, path, self.clock(), turn_away)

    def _wrong_parameter(self, client: Client, path: Path) -> Reply | None:
        """The reply to a MAIL parameter that is unknown, not offered or malformed; None when all are right."""
        wrong = parameters.wrong_in_mail(path, self.offered(encrypted=client.tls is not None), client.offered)
        if wrong is None and path.address and not path.address.ascii_only and "SMTPUTF8" not in path.parameters:
            return replies.UTF8_SENDER
        return wrong


def _declared(path: Path) -> int:
    """Octets that MAIL declares (RFC 1870); 0 where it does not, or not well."""
    size = path.parameters.get("SIZE", "0")
    return int(size) if size.isascii() and size.isdigit() and len(size) <= 20 else 0
