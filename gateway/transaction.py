"""One mail transaction of an identified customer, from MAIL to the answer to the final dot.

The order of events and why it is so stands at the head of `gateway.pipeline`.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ulid import ULID

from consent.address import Address
from filters.message import Message
from filters.model import Facts, Finding, Outcome, Reply, Verdict, Verified
from filters.unsubscribe import inserted
from gateway import facts, prdr, transform
from gateway.audience import Audience
from gateway.audit import record
from gateway.audit.errors import JournalFull
from gateway.audit.record import without_local_parts
from gateway.classing import Classing
from gateway.client import Client, Closing
from gateway.directory import Identity
from gateway.links import NoLinks
from gateway.logbook import Page
from gateway.nexthop import Delivery
from gateway.nexthop import Transaction as HopTransaction
from gateway.registry import RegistryAway
from gateway.repeats import digest_of
from gateway.signing import SigningFailed
from gateway.smtp import parameters, refusals, replies
from gateway.smtp.body import Body, Wire
from gateway.smtp.wire import LineRepair, Path, stuff
from gateway.transcript import Transcript

if TYPE_CHECKING:
    from gateway.pipeline import Pipeline

log = logging.getLogger("postern.pipeline")

EMPTY = Message(b"")
"""The message while there is none."""
_FAULTS: Mapping[type[Exception], tuple[str, Reply]] = {
    NoLinks: ("unsubscribe", replies.NO_LINKS),
    SigningFailed: ("signing", replies.NOT_SIGNED),
    JournalFull: ("audit", replies.AUDIT_FULL),
}
"""What is wrong with a part of ours -> its name in alarms, and the reply meanwhile."""


@dataclass(frozen=True, slots=True)
class _Decided:
    reply: Reply
    change: transform.Change | None = None
    """None when the message is refused."""
    refused: Mapping[Address, Reply] = field(default_factory=dict)
    """Recipients that it does not go to, or that had another reply than the message."""


class Transaction:
    """One mail transaction of an identified customer, from MAIL to the answer to the final dot."""

    def __init__(self, pipeline: "Pipeline", client: Client, identity: Identity, path: Path, now: datetime) -> None:
        self._pipeline, self._client, self._identity, self._path, self._now = pipeline, client, identity, path, now
        self.reference = str(ULID.from_datetime(now))
        self.recipients: list[Address] = []
        self.asked = 0
        """RCPT commands so far."""
        name = identity.credential.next_hop or identity.entry.customer.next_hop or next(iter(pipeline.hops))
        self.hop = pipeline.hops.get(name)
        self._to_desk = 0
        """Recipients that are the operator's desk."""
        self.repair = LineRepair() if identity.credential.normalise_bare_lf else None
        """What mends the message's line ends, where the operator has said so for this credential."""
        self._onward: HopTransaction | None = None
        self._ration = pipeline.ration(identity, client.address, path.address)
        self._audience = Audience(pipeline.registry, identity, path.address, pipeline.clock, pipeline.policy.mode)
        self._classing = Classing(pipeline)
        self._transcript = Transcript(
            pipeline, client, identity, path.address, self.reference, self._audience, self._classing
        )
        self._watched = pipeline.signals.transaction(client.address)
        self._page = Page(pipeline.logbook, identity.entry.customer.id, self.reference)
        self._recording = False
        """An accepting decision is being written: it stands in the journal even when nobody waits for it any more."""
        self._signed: Sequence[Verified] | None = None

    @property
    def size_limit(self) -> int:
        """Octets its message may have."""
        return self._pipeline.size_limit

    def facts(self) -> Facts:
        """The facts as they stand now."""
        return facts.gather(
            self._identity,
            self._path.address,
            tuple(self.recipients),
            self._now,
            self._pipeline.house,
            self._client.ehlo,
            smtputf8="SMTPUTF8" in self._path.parameters,
        )

    async def rcpt(self, path: Path) -> Reply:
        """RCPT: the worse of our answer and the next hop's."""
        self.asked += 1
        address = path.address
        if address is None:
            return replies.syntax("RCPT needs an address", "5.1.3")
        wrong = parameters.wrong_in_rcpt(
            path,
            self._pipeline.offered(encrypted=self._client.tls is not None),
            self._client.offered,
            utf8="SMTPUTF8" in self._path.parameters,
        )
        if wrong is not None:
            return wrong
        most = self._pipeline.policy.message.max_recipients
        # Those that are refused are bounded too: each is asked of the next hop, and may stand in the audit.
        if len(self.recipients) >= most or self.asked > 2 * most:
            return replies.TOO_MANY_RECIPIENTS
        if not address.ascii_only and "SMTPUTF8" not in self._path.parameters:
            return replies.UTF8_RECIPIENT
        desk = self._pipeline.desk
        # Before the next hop is asked: a refusal of ours costs it nothing.
        if not desk.serves(address):
            short = await self._ration.recipient(address)
            if short is not None:
                return await self._limited("rcpt", short, address)
            barred = await self._audience.rcpt(address, self._pipeline.clock())
            if barred is not None:
                self._ration.withdraw()
                return await self._barred(barred, address)
        if self._onward is None:
            self._onward = self._open()
        written = [parameters.written(*each) for each in path.parameters.items()]
        reply = await self._onward.rcpt(desk.route(address).text, written)
        if reply.positive:
            self.recipients.append(address)
            self._to_desk += desk.serves(address)
            return reply
        if not desk.serves(address):
            self._ration.withdraw()
        if not reply.enhanced.startswith("4.4."):
            # The next hop's own decision about this recipient; 4.4.x is our fault with it, and an alarm instead.
            return await self._refused_by_next_hop(reply, address)
        return reply

    async def abandon(self) -> None:
        """RSET, a new EHLO, or the client is gone before its final dot; or all is done."""
        self._ration.release()
        self._classing.release()
        for found, addresses in self._page.rest():
            reply = found.reply.with_reference(self.reference)
            self._pipeline.journal.note(self._decision("rcpt", refusals.verdict(found), reply, recipients=addresses))
        if self._onward is not None:
            onward, self._onward = self._onward, None
            await onward.abandon()

    async def refuse(self, phase: str, verdict: Verdict) -> Reply:
        """Record a refusal that needs no message, and the reply for it."""
        reply = _reply_for(verdict).with_reference(self.reference)
        told = await self._recorded(self._decision(phase, verdict, reply), reply)
        if told is reply:
            self._pipeline.metrics.decided(verdict)
        return told

    async def stopped(self, found: Finding) -> Reply:
        """Refuse at MAIL who is suspended or locked."""
        return await self._limited("mail", found)

    async def finish(self, body: Body) -> Closing:
        """The client's final dot has come (hop 2). Never raises: what fails here is 451."""
        if "PRDR" not in self._path.parameters:
            return (await self._finish(body))[0]
        recipients = list(self.recipients)
        closing, refused = await self._finish(body)
        return replace(closing, each=[refused.get(address, closing.reply) for address in recipients])

    async def _finish(self, body: Body) -> tuple[Closing, Mapping[Address, Reply]]:
        """How it closes, and the recipients that are answered otherwise."""
        refused: Mapping[Address, Reply] = {}
        deadline = asyncio.get_running_loop().time() + self._pipeline.limits.decision_timeout
        try:
            async with asyncio.timeout_at(deadline):
                decided = await self._decide(body)
            self._recording, refused = False, decided.refused
            if decided.change is None:
                return Closing(decided.reply), refused
            return await self._forward(body, decided.change, deadline), refused
        except TimeoutError:
            if self._recording:
                self._note("deferred")
            log.error("decision took longer than %s s, ref %s", self._pipeline.limits.decision_timeout, self.reference)
            return Closing(replies.TOO_SLOW), refused
        except RegistryAway:
            return Closing(replies.REGISTRY_AWAY), refused
        except (NoLinks, SigningFailed, JournalFull) as error:
            part, reply = _FAULTS[type(error)]
            self._pipeline.metrics.alarm(part, str(error))
            return Closing(reply), refused
        except Exception:
            log.exception("pipeline failed, ref %s", self.reference)
            return Closing(replies.INTERNAL), refused
        finally:
            await self.abandon()

    async def _decide(self, body: Body) -> _Decided:
        """Hops 3 to 5 and the durable record."""
        pipeline = self._pipeline
        if body.fault == "room":
            return _Decided(replies.NO_ROOM)
        current = pipeline.directory.renewed(self._identity, pipeline.clock())
        if current is None and not self._only_to_desk:
            return _Decided(replies.CREDENTIAL_CHANGED)
        message = EMPTY if body.fault else Message(body.view())
        refused, known = self._edge_refusal(body, message, current), self.facts()
        if refused:
            verdict = refusals.verdict(refused)
            if refused.code == replies.HEADER_SIZE.code:
                message = EMPTY  # reading its fields for the record is what the bound is there to prevent
        else:
            # Before the rules are asked: who is at a limit costs others nothing.
            short = None if self._only_to_desk else await self._short(known, body, message)
            if short:
                return _Decided(await self._limited("data", short, body=body, message=message))
            known, verdict = await self._judged(known, body, message)
        pipeline.metrics.decided(verdict)
        if verdict.outcome is not Outcome.ACCEPT:
            reply = _reply_for(verdict).with_reference(self.reference)
            await pipeline.journal.append(self._decision("data", verdict, reply, body, message))
            if verdict.outcome is Outcome.REJECT:
                await self._ration.refused(self._charged, body.size)
            return _Decided(reply, refused=self._replies_of(verdict))
        change = await self._change(known, message)
        if verdict.refused:
            await self._leave_out(verdict, body, message)
        if beside := tuple(transform.beside(body, self._path, self.repair, readdressed=self._to_desk > 0)):
            change = replace(change, modifications=(*change.modifications, *beside))
        accepted = Reply(250, "2.0.0", f"Accepted; ref {self.reference}")
        self._recording = True
        await pipeline.journal.append(self._decision("data", verdict, accepted, body, message, change))
        return _Decided(accepted, change, self._replies_of(verdict))

    async def _short(self, known: Facts, body: Body, message: Message) -> Finding | None:
        """What has no room: the message in the limits, or in the pace of mail that is new and reaches many."""
        repeated = self._repeated(body)
        short = None if repeated else await self._ration.message(self._charged, body.size)
        if short:
            return short
        self._watched.ask(known, message, self._identity.entry.rules)  # travels with the question about its cluster
        return await self._classing.of(known, message, paced=not repeated)

    async def _judged(self, known: Facts, body: Body, message: Message) -> tuple[Facts, Verdict]:
        """All that the rules may know, and what they and the registry say."""
        pipeline, classed = self._pipeline, self._classing.found
        rules = () if self._only_to_desk else self._identity.entry.rules
        if classed is not None:
            known = await self._audience.addressed(known, message, classed)
        known = await pipeline.informed(known, message, rules)
        known = await self._watched.complete(known, message, rules)
        self._signed = known.signatures
        verdict = await pipeline.signals.judged(known, await pipeline.evaluated(known, message, rules))
        if classed is not None:
            verdict = await self._audience.judged(verdict, known, message, classed, self._charged)
        observed = (*self._ration.observed, *self._classing.observed, *self._audience.observed)
        if observed:
            verdict = replace(verdict, findings=(*verdict.findings, *observed))
        if verdict.outcome is Outcome.ACCEPT:
            full = await self._ration.deliveries(self._charged, body.size)
            verdict = prdr.also_refused(verdict, full)
        return known, prdr.with_refused(verdict, self.recipients, prdr="PRDR" in self._path.parameters)

    async def _change(self, known: Facts, message: Message) -> transform.Change:
        """How the message is sent on; raises NoLinks, SigningFailed."""
        client, pipeline = self._client, self._pipeline
        protocol, now = client.protocol_with(self._path.parameters), pipeline.clock()
        trace = transform.Trace(
            client.ehlo, client.address, pipeline.hostname, protocol, self.reference, now, pipeline.trace_key
        )
        pair = pipeline.links.pair(known, known.list, self.reference, now) if inserted(message, known) else b""
        change = transform.change(message, trace, pipeline.own_names, pair)
        # Last, so that it covers what is sent; before the decision is recorded, which says who signed.
        return await pipeline.signing.sign(known, message, change, now)

    def _repeated(self, body: Body) -> bool:
        """Whether the next hop has it already."""
        return self._pipeline.repeats.find(self._identity.entry.customer.id, self._digest(body)) is not None

    def _replies_of(self, verdict: Verdict) -> Mapping[Address, Reply]:
        return {address: found.reply.with_reference(self.reference) for address, found in verdict.refused.items()}

    async def _leave_out(self, verdict: Verdict, body: Body, message: Message) -> None:
        """Record the refused recipients, and open the next hop's transaction again without them."""
        for found, addresses in prdr.by_finding(verdict.refused, self.recipients).items():
            reply = found.reply.with_reference(self.reference)
            await self._pipeline.journal.append(
                self._decision("data", refusals.verdict(found), reply, body, message, recipients=addresses)
            )
        self._ration.leave_out(verdict.refused)
        assert self._onward is not None
        self._onward.leave_out({at for at, address in enumerate(self.recipients) if address in verdict.refused})
        self.recipients = [address for address in self.recipients if address not in verdict.refused]
        self._to_desk = sum(self._pipeline.desk.serves(address) for address in self.recipients)

    @property
    def _charged(self) -> list[Address]:
        """Its recipients but the operator's desk, to which anybody may write."""
        return [address for address in self.recipients if not self._pipeline.desk.serves(address)]

    def _edge_refusal(self, body: Body, message: Message, current: Identity | None) -> Finding | None:
        suspended = current is not None and current.entry.standing.status == "suspended"
        if suspended and not self._only_to_desk:
            return replies.SUSPENDED.finding("suspended during the transaction")
        if current is not None and current.lock is not None and not self._only_to_desk:
            return refusals.of_lock(current.lock)
        # By now a recipient was accepted: what the next hop offers is known.
        seven_bit = self.hop is not None and "8BITMIME" not in self.hop.offer.extensions
        bounds = self._pipeline.policy.message
        return refusals.of_message(body, message, self.size_limit, bounds, seven_bit=seven_bit)

    @property
    def _only_to_desk(self) -> bool:
        """Whether it is for the operator alone: then no rule about customers holds (R-022)."""
        return self._to_desk == len(self.recipients)

    async def _forward(self, body: Body, change: transform.Change, deadline: float) -> Closing:
        """Hop 6. The decision is durable; whatever happens now ends in an outcome record."""
        digest = self._digest(body)
        customer, repeats = self._identity.entry.customer.id, self._pipeline.repeats
        first = repeats.find(customer, digest)
        if first:
            return Closing(
                Reply(250, "2.0.0", f"Accepted already; ref {first}"),
                lambda told: self._conclude_repeat(told, digest, first),
            )
        early = repeats.on_the_way(customer, digest)
        if early:
            reply = replies.ON_THE_WAY.with_reference(self.reference)
            return Closing(reply, lambda told: self._note("deferred", told=told, repeat_of=early))
        # Nothing was charged for a repeat; its first may have been told since, and then this is another message.
        short = None if self._only_to_desk else await self._ration.message(self._charged, body.size)
        if short:
            self._note("deferred")
            return Closing(short.reply.with_reference(self.reference))
        onward = self._onward or self._open()
        self._onward = None
        repeats.depart(customer, digest, self.reference, self._client.gone)
        outcome = ""
        try:
            # The head holds kept header lines where a field was taken out: a dot at a line's start must not end the
            # message at the next hop.
            head = stuff(change.head, line_start=True)
            wire = Wire(body.view(), change.keep_from)
            delivery = await onward.send_before(deadline, head, wire, dot_timeout=self._pipeline.limits.dot_timeout)
            outcome = delivery.outcome
        except Exception:
            repeats.arrive(customer, digest, self.reference)
            self._note("unknown" if onward.dot_sent else "deferred")
            raise
        finally:
            outcome = outcome or ("unknown" if onward.dot_sent else "deferred")
            self._ration.ended(outcome)
            self._classing.ended(customer, outcome, {self._pipeline.address_key(each) for each in self._charged})
            self._watched.ended(outcome, self._charged)
        reply = delivery.reply.with_reference(self.reference)
        if delivery.outcome == "accepted":
            reply = Reply(250, "2.0.0", f"Accepted; ref {self.reference}; next hop: {delivery.reply.text}"[:480])
        return Closing(reply, lambda told: self._conclude(told, digest, delivery))

    def _conclude(self, told: bool, digest: bytes, delivery: Delivery) -> None:
        hop, repeats, customer = self.hop, self._pipeline.repeats, self._identity.entry.customer.id
        assert hop is not None
        self._note(
            delivery.outcome,
            told=told,
            next_hop=f"{hop.name} {delivery.address}",
            reply=without_local_parts(delivery.answer),
        )
        if delivery.outcome == "accepted" and not told:
            repeats.remember(customer, digest, self.reference)
        repeats.arrive(customer, digest, self.reference)

    def _conclude_repeat(self, told: bool, digest: bytes, first: str) -> None:
        self._note("repeat", told=told, repeat_of=first)
        if told:
            self._pipeline.repeats.forget(self._identity.entry.customer.id, digest)

    def _note(self, outcome: str, **more: Any) -> None:
        """The outcome record of an accepting decision; `more` are its other members."""
        passed, count = outcome in ("accepted", "repeat"), len(self.recipients)
        self._pipeline.journal.note(
            record.Outcome(
                self.reference, outcome, accepted=count if passed else 0, refused=0 if passed else count, **more
            )
        )
        self._pipeline.metrics.ended(outcome)

    def _open(self) -> HopTransaction:
        assert self.hop is not None
        passed = parameters.passed_on(self._path, self.hop.offer.extensions, authenticates=self.hop.authenticates)
        return self.hop.transaction(
            self._identity.entry.customer.id, self._path.address.text if self._path.address else "", passed
        )

    def _digest(self, body: Body) -> bytes:
        return digest_of(self._path.address, self.recipients, body.sha256)

    async def _limited(
        self, phase: str, found: Finding, address: Address | None = None, body: Body | None = None,
        message: Message = EMPTY,
    ) -> Reply:  # fmt: skip
        """Record what a limit, a lock or a suspension refuses, as far as the logbook has it; the reply for it, in its
        turn."""
        pipeline = self._pipeline
        pipeline.metrics.decided(refusals.verdict(found))
        reference, entered = self._page.enter(found, address, pipeline.clock())
        reply = found.reply.with_reference(reference)
        if entered is not None:
            recipients = None if address is None else (address,)
            decision = self._decision(phase, refusals.verdict(entered), reply, body, message, recipients=recipients)
            reply = await self._recorded(decision, reply)
        if phase == "data" and self._onward is not None:
            onward, self._onward = self._onward, None
            await onward.abandon()  # nothing is held of the next hop while a refusal waits
        await self._turn()
        return reply

    async def _barred(self, found: Finding | Reply, address: Address) -> Reply:
        """Record what refuses one recipient, ours or the next hop's, and the reply for it."""
        if isinstance(found, Reply):
            return found
        verdict = refusals.verdict(found)
        self._pipeline.metrics.decided(verdict)
        reply = found.reply.with_reference(self.reference)
        return await self._recorded(self._decision("rcpt", verdict, reply, recipients=(address,)), reply)

    async def _turn(self) -> None:
        """Wait until it is the customer's turn to be refused."""
        wait = self._pipeline.pacing.wait(self._identity.entry.customer.id, asyncio.get_running_loop().time())
        await asyncio.sleep(wait)

    async def _refused_by_next_hop(self, reply: Reply, address: Address) -> Reply:
        return await self._barred(replies.NEXT_HOP.finding(without_local_parts(str(reply))[:300], reply), address)

    async def _recorded(self, decision: record.Decision, reply: Reply) -> Reply:
        """The reply, once its decision is durable."""
        try:
            await self._pipeline.journal.append(decision)
        except JournalFull:
            return replies.AUDIT_FULL
        return reply

    def _decision(
        self,
        phase: str,
        verdict: Verdict,
        reply: Reply,
        body: Body | None = None,
        message: Message = EMPTY,
        change: transform.Change | None = None,
        recipients: Sequence[Address] | None = None,
    ) -> record.Decision:
        to = self.recipients if recipients is None else recipients
        return self._transcript.decision(phase, verdict, reply, to, body, message, change, self._signed)


def _reply_for(verdict: Verdict) -> Reply:
    return verdict.decisive.reply if verdict.decisive else replies.INTERNAL
