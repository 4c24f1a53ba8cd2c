"""Classing: of which class a message is, and why (R-070 to R-078, design section 5).

What the operator has said of its cluster of near-identical mail goes before what the message says of itself, and both
before how many it has reached; nothing makes bulk of a valid report.

A new cluster of an `auto` credential is paced: so many recipients in ten minutes (`filters.pace`), counted when the
next hop has accepted them. Those on their way are held, for all nodes, so that a burst reaches no more.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from consent.address import Address
from consent.mailing import Class
from filters import reports
from filters.declared import declared
from filters.message import Message
from filters.model import Facts, Finding, Reply
from filters.pace import allowance
from filters.promotion import promotion
from gateway.aside import aside
from gateway.fingerprints import fingerprinted
from gateway.labels import Label
from gateway.ledger.charges import Reservation
from gateway.ledger.clusters import NOWHERE, Placed, new_id
from gateway.limits import standing
from gateway.smtp import replies

if TYPE_CHECKING:
    from gateway.pipeline import Pipeline

GRACE = timedelta(hours=24)
"""For how long undeclared bulk mail without grounds is put off before it is refused; meanwhile people are told."""
_LABELS = {"transactional": Class.TRANSACTIONAL, "confirmation": Class.CONFIRMATION, "bulk": Class.BULK}


@dataclass(frozen=True, slots=True)
class Classed:
    """What a message is."""

    message_class: Class
    basis: str
    """Why, for the record."""
    cluster: str = ""
    """Of near-identical mail; "" where it was not asked, or it says too little."""
    grace: bool = False
    """It is bulk mail by its reach alone, and not for long: who has no ground is put off, and content is not judged."""

    @property
    def bulk(self) -> bool:
        """Whether the rules about bulk mail hold."""
        return self.message_class is Class.BULK and not self.grace


@dataclass(slots=True)
class Classing:
    """Of one transaction."""

    pipeline: "Pipeline"
    found: Classed | None = None
    observed: tuple[Finding, ...] = ()
    """What would have paced it, where all is only observed."""
    counted: tuple[str, ...] = ()
    """Keys of the recipients that count as reached."""
    _report: Reservation | None = None
    """Room in the limit of reports, which an auto-reply takes when it has passed."""
    _paced: tuple[str, str, str] | None = None
    """Customer, cluster and holder under which `counted` are held."""

    async def of(self, facts: Facts, message: Message, *, paced: bool = True) -> Finding | None:
        """Find out what the message is, which is in `found` then; what paces it, where something does.

        `paced` is False for a repeat of what was let pass.
        """
        found = await self._of(facts, message, paced=paced)
        if isinstance(found, Finding):
            return found
        self.found = found
        return None

    async def _of(self, facts: Facts, message: Message, *, paced: bool) -> Classed | Finding:
        if (settled := _settled(facts, message)) is not None:
            return settled
        placed = await self._placed(facts, message)
        label = self.pipeline.labels.of(facts.customer.id, placed.cluster) if placed.cluster else None
        if label is not None and label.name in _LABELS:
            return Classed(_LABELS[label.name], f"label of {label.since:%Y-%m-%d}", placed.cluster)
        # What may advertise is read for twenty milliseconds a page.
        small = 0 if facts.credential.stream == "transactional" else len(message.raw)
        said = await aside(message, partial(_said, facts, message), small)
        if said is not None:
            return replace(said, cluster=placed.cluster)
        return await self._by_reach(facts, placed, label, paced=paced)

    async def _placed(self, facts: Facts, message: Message) -> Placed:
        """Its cluster, with the reach it would have; nowhere for mail whose recipients all are the customer's own."""
        pipeline = self.pipeline
        own, desk = facts.customer.domains, pipeline.desk
        others: Sequence[Address] = [
            each for each in facts.recipients if each.domain not in own and not desk.serves(each)
        ]
        if not others or (len(others) == 1 and await self._answers(facts, message)):
            return NOWHERE
        found = await fingerprinted(message, pipeline.fingerprint_key)
        if not found.features:
            return NOWHERE
        self.counted = tuple(dict.fromkeys(pipeline.address_key(each) for each in others))
        return await pipeline.clusters.place(facts.customer.id, found, self.counted, fresh=new_id())

    async def _answers(self, facts: Facts, message: Message) -> bool:
        """Whether it is an auto-reply, and there is room for it in the customer's limit of reports: anybody can write
        what marks one, so beyond that it counts as all mail does."""
        if not reports.answers(message):
            return False
        of_reports = [
            each
            for each in standing(self.pipeline.policy.limits, facts.customer)
            if (each.scope, each.measure) == ("report", "recipients")
        ]
        if of_reports:
            held = await self.pipeline.ledger.reserve(of_reports[0].charge(1))
            if not isinstance(held, Reservation):
                return False
            self._report = held
        return True

    async def _by_reach(self, facts: Facts, placed: Placed, label: Label | None, *, paced: bool) -> Classed | Finding:
        plain = Classed(Class.PERSONAL, "stream auto", placed.cluster)
        if not placed.cluster:
            return plain
        over = _over(facts, placed)
        if over:
            since = facts.now
            if label is not None:
                since = label.since
            else:
                self.pipeline.observed(facts.customer.id, placed.cluster, over, facts.now)
            in_grace = facts.now < since + GRACE
            return Classed(Class.BULK, f"observed: {over}", placed.cluster, grace=in_grace)
        start = facts.customer.bulk.slow_start
        if not paced or not start or (placed.messages == 1 and len(self.counted) == 1):
            return plain
        return await self._pace(facts, placed, start) or plain

    async def _pace(self, facts: Facts, placed: Placed, start: int) -> Finding | None:
        """What paces the message; None where there is room, which is held until its outcome is known."""
        clusters, customer, holder = self.pipeline.clusters, facts.customer.id, new_id()
        most, amount = allowance(start, facts.now.timestamp() - placed.since), len(self.counted)
        # However old it is, those on their way at once are no more than make it bulk.
        most = min(most, facts.customer.bulk.observed.day or most)
        self._paced = customer, placed.cluster, holder
        others = await clusters.hold(customer, placed.cluster, holder, self.counted, most)
        if others is None:
            return None
        self._paced = None
        evidence = f"cluster {placed.cluster}: {most} recipients per 10 minutes, {others} reached, {amount} more asked"
        reply = replies.SLOW_START.reply
        text = f"{reply.text}: {most} recipients per 10 minutes at present"
        found = replies.SLOW_START.finding(evidence, Reply(reply.code, reply.enhanced, text))
        if "observe" not in (facts.customer.mode, self.pipeline.policy.mode):
            return found
        self.observed = (found,)
        return None

    def ended(self, customer: str, outcome: str, reached: Collection[str]) -> None:
        """What became of it at the next hop; `reached` are keys of those to whom it went."""
        passed = outcome in ("accepted", "unknown")
        if passed and self.found is not None and self.found.cluster:
            counted = [each for each in self.counted if each in reached]
            holder = self._paced[2] if self._paced else ""
            self.pipeline.clusters.reached(customer, self.found.cluster, counted, holder)
            if len(counted) == len(self.counted):
                self._paced = None
        if passed and self._report is not None:
            self.pipeline.ledger.settle(self._report)
            self._report = None
        self.release()

    def release(self) -> None:
        """Nothing of it is on its way any more. Harmless when repeated."""
        if self._report is not None:
            self.pipeline.ledger.release(self._report)
        if self._paced is not None:
            self.pipeline.clusters.let_go(*self._paced, self.counted)
        self._report = self._paced = None


def alone(facts: Facts, message: Message) -> Classed:
    """What a message is by itself: as long as no label is on its cluster, and that has not reached many. Pure."""
    return _settled(facts, message) or _said(facts, message) or Classed(Class.PERSONAL, "stream auto")


def clustered(facts: Facts, message: Message) -> bool:
    """Whether its cluster of near-identical mail may change what it is. Pure."""
    return _settled(facts, message) is None


def _settled(facts: Facts, message: Message) -> Classed | None:
    """What a message is whatever its cluster; None where that counts."""
    if (kind := reports.report(message, facts)) is not None:
        return Classed(Class.SYSTEM, f"report: {kind.value}")
    if facts.credential.stream == "bulk":
        return Classed(Class.BULK, "stream bulk")
    if facts.credential.forwarding and not _own(message, facts):
        return Classed(Class.PERSONAL, "forwarded")
    return None


def _said(facts: Facts, message: Message) -> Classed | None:
    """What a message is by what it and its stream say of it; None on `auto` where it declares nothing."""
    if (said := declared(message)) is not None:
        return Classed(Class.BULK, f"declared: {said}")
    if facts.credential.stream != "transactional":
        return None
    if (advertised := promotion(message)) is not None:
        return Classed(Class.BULK, f"promotional content: {advertised.evidence}")
    return Classed(Class.TRANSACTIONAL, "stream transactional")


def _own(message: Message, facts: Facts) -> bool:
    """Whether a mailbox in From is of a domain that the credential may use."""
    return any(each.domain in facts.allowed for each in message.mailboxes("from") or ())


def _over(facts: Facts, placed: Placed) -> str:
    """Which observed-bulk number the cluster is over (R-072); "" where none."""
    most = facts.customer.bulk.observed
    for reached, cap, window in (
        (placed.reach.day, most.day, "a day"),
        (placed.reach.month, most.month, "30 days"),
        (placed.reach.year, most.year, "a year"),
    ):
        if cap and reached > cap:
            return f"{reached} recipients in {window}, {cap} without declaring it"
    return ""
