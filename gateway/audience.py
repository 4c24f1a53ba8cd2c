"""Audience: to whom the mail of one transaction may go, and on what ground (design section 5; R-100 to R-110).

On a `bulk` credential it is decided at each RCPT, so that who has no ground gets a 550 of their own, and again at the
final dot: who withdrew in between makes the message 451, and its retry is refused at RCPT. On the others the class is
known at the final dot only; at RCPT a person who refuses all mail of the customer is refused whatever it is.

A registry that is away puts bulk mail off. Other mail passes then: a stop of all mail is rare, and a mail server that
cannot write to anybody is not what its person asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from msgspec import structs

from consent.address import Address
from consent.decide import Decision, decide
from consent.mailing import Class, Mailing
from consent.model import ALL, Known, micros
from consent.refusals import refusal
from filters import lists
from filters.message import Message
from filters.model import Action, Facts, Finding, Outcome, Reply, Verdict
from gateway.classing import Classed
from gateway.directory import Identity
from gateway.registry import Registry, RegistryAway
from gateway.roll import Roll
from gateway.smtp import replies

MOST_LISTS = 50
"""Lists of a customer that are tried at RCPT where nothing but the List-Id will say which it is."""
_CLAUSES = {
    "WITHDRAWN": "MOD-2.1k",
    "COMPLAINT": "MOD-2.1k",
    "SUPPRESSED": "MOD-2.1k",
    "ALL-MAIL-STOP": "MOD-2.1k",
    "SCOPE": "MOD-2.1g",
    "NO-REQUEST": "MOD-2.1h",
    "CONFIRMATION-LIMIT": "MOD-2.1b",
}
"""By reason; all others are refused for want of a ground (MOD-2.1h)."""
_STOPS = frozenset(("WITHDRAWN", "COMPLAINT", "SUPPRESSED", "ALL-MAIL-STOP", "PROVIDER-BLOCK", "RCPT-INVALID"))
"""Reasons that time does not mend: nobody is put off for them."""


@dataclass(slots=True)
class Audience:
    """Of one transaction, or of one that is only thought of (`postern check`): nothing of it is recorded here."""

    registry: Registry
    identity: Identity
    reverse_path: Address | None
    clock: Callable[[], datetime]
    mode: str
    """Of the policy: `enforce` or `observe`."""
    mailing: Mapping[str, Any] | None = None
    """The last mailing that was decided about, for the record."""
    decisions: dict[Address, Decision] = field(default_factory=dict)
    """The last decision about each recipient."""
    _times: dict[Address, int] = field(default_factory=dict)
    """As of when, in microseconds."""
    _roll: Roll | None = None
    _observed: dict[tuple[str, str], Finding] = field(default_factory=dict)

    @property
    def observed(self) -> tuple[Finding, ...]:
        """What would have been refused, where all is only observed."""
        return tuple(self._observed.values())

    @property
    def _observes(self) -> bool:
        """Whether all is only observed: then nothing is refused, nor put off while the registry is away."""
        return "observe" in (self.identity.entry.customer.mode, self.mode)

    @property
    def _bulk(self) -> bool:
        """Whether all of it is bulk mail. A report is none, and what has no reverse-path may be one."""
        return self.identity.credential.stream == "bulk" and self.reverse_path is not None

    async def rcpt(self, address: Address, now: datetime) -> Finding | Reply | None:
        """What refuses this recipient at its RCPT; a Reply where that is our own fault, and no decision."""
        customer = self.identity.entry.customer
        try:
            if self._bulk and self._roll is None:
                self._roll = await self.registry.roll(customer)
            (known,) = await self.registry.known(customer, [address])
        except RegistryAway:
            return replies.REGISTRY_AWAY if self._bulk and not self._observes else None
        if not self._bulk:
            kind = Class.TRANSACTIONAL if self.identity.credential.stream == "transactional" else Class.PERSONAL
            return self._ruled(address, self._of(None, kind, now), known, now, bulk=False)
        assert self._roll is not None
        name = self._named(self._roll)
        mailing = self._of(name, Class.BULK, now)
        if name is None and not self._decided(mailing, known, now).allowed and self._some_list(known, now):
            return None
        return self._ruled(address, mailing, known, now, bulk=True)

    def _named(self, roll: Roll) -> str | None:
        """The list that the transaction is for, as far as the message need not be read."""
        return self.identity.list or roll.by_reverse_path(self.reverse_path) or self.identity.credential.list

    def _some_list(self, known: Known, now: datetime) -> bool:
        """Whether the recipient may have mail of some list or party of the customer's: List-Id and From will say of
        which it is."""
        assert self._roll is not None
        parties = set(self._roll.parties.values())
        if len(self._roll.lists) + len(parties) > MOST_LISTS:
            return True
        mailings = [self._of(each, Class.BULK, now) for each in self._roll.lists]
        mailings += [replace(self._of(None, Class.BULK, now), party=each) for each in parties]
        return any(self._decided(each, known, now).allowed for each in mailings)

    async def addressed(self, facts: Facts, message: Message, classed: Classed) -> Facts:
        """The facts with the list and the party that the message is sent for, where it needs a ground.

        Raises RegistryAway.
        """
        if classed.message_class not in (Class.BULK, Class.CONFIRMATION):
            return facts
        try:
            self._roll = roll = await self.registry.roll(facts.customer)
        except RegistryAway:
            if not self._observes:
                raise
            return facts
        facts = structs.replace(facts, bulk=classed.bulk, list_ids=roll.list_ids, parties=roll.parties)
        name = self._named(roll) or lists.named(message, facts)
        found = roll.list(name)
        return structs.replace(
            facts, list=name, party=found.party if found else lists.sender_parties(message, facts)[0]
        )

    async def judged(
        self, verdict: Verdict, facts: Facts, message: Message, classed: Classed, recipients: Sequence[Address]
    ) -> Verdict:
        """The verdict with those recipients refused to whom the message may not go, where nothing else is wrong.

        Raises RegistryAway, but not where all is only observed. `recipients` are all but the operator's desk.
        """
        try:
            return await self._judged(verdict, facts, message, classed, recipients)
        except RegistryAway:
            if not self._observes:
                raise
            return verdict

    async def _judged(
        self, verdict: Verdict, facts: Facts, message: Message, classed: Classed, recipients: Sequence[Address]
    ) -> Verdict:
        kind = classed.message_class
        if verdict.outcome is not Outcome.ACCEPT or kind not in (Class.BULK, Class.CONFIRMATION) or not recipients:
            return verdict
        if kind is Class.CONFIRMATION and len(recipients) > 1:
            found = self._found(replies.CONFIRMATION_ONE.finding(f"{len(recipients)} recipients"))
            return verdict if found is None else replace(verdict, refused=dict.fromkeys(recipients, found))
        if self._roll is None:
            self._roll = await self.registry.roll(facts.customer)
        now = self.clock()
        mailing = self._of(facts.list, kind, now)
        if facts.list is None and facts.party:
            mailing = replace(mailing, party=facts.party)
        # In the order of the RCPTs, each once: who is named twice is one person.
        asked = list(dict.fromkeys(recipients))
        refused: dict[Address, Finding] = {}
        for address, known in zip(asked, await self.registry.known(facts.customer, asked), strict=True):
            before = self.decisions.get(address)
            if kind is Class.CONFIRMATION and facts.list is None:
                mailing = self._asked_for(known, now)
            found = self._ruled(address, mailing, known, now, bulk=True, grace=classed.grace)
            if found is None and kind is Class.CONFIRMATION:
                found = await self._counted(address, message, now)
            if found is not None:
                # What List-Id or From have changed since RCPT is no withdrawal, and no retry mends it.
                alike = self._bulk and mailing == self._of(self._named(self._roll), kind, now)
                changed = alike and before is not None and before.allowed
                refused[address] = replies.AUDIENCE_CHANGED.finding(found.evidence) if changed else found
        return replace(verdict, refused={**refused, **verdict.refused})

    def _asked_for(self, known: Known, now: datetime) -> Mailing:
        """Of a confirmation mail that names no list: it is for the one that the person asked for last."""
        requests = (each for each in known.own.requests if not each.imported)
        last = max(requests, key=lambda each: each.at, default=None)
        return self._of(None if last is None or last.list == ALL else last.list, Class.CONFIRMATION, now)

    async def _counted(self, address: Address, message: Message, now: datetime) -> Finding | None:
        """What refuses a confirmation mail that is one too many."""
        ground = self.decisions[address].ground
        customer, once = self.identity.entry.customer.id, sha256(message.raw).hexdigest()
        event = ground.event if ground else 0
        if await self.registry.may_confirm(address, now, customer=customer, request=event, once=once):
            return None
        return self._found(_finding("CONFIRMATION-LIMIT", "the address or the request has had its share"))

    def _of(self, name: str | None, kind: Class, now: datetime) -> Mailing:
        customer = self.identity.entry.customer
        found = self._roll.list(name) if self._roll is not None else None
        mailing = self.registry.consents.mailing(customer, found, now, suspended=False)
        return mailing if kind is Class.BULK else replace(mailing, message_class=kind)

    def _decided(self, mailing: Mailing, known: Known, now: datetime) -> Decision:
        return decide(mailing, known, self.registry.consents.profiles, micros(now))

    def _ruled(
        self, address: Address, mailing: Mailing, known: Known, now: datetime, *, bulk: bool, grace: bool = False
    ) -> Finding | None:
        """What refuses the recipient; the decision is kept for the record."""
        decision = self._decided(mailing, known, now)
        if bulk or not decision.allowed:
            self.mailing, self.decisions[address] = _recorded(mailing, now), decision
            self._times[address] = micros(now)
        if decision.allowed:
            return None
        code, of = decision.reason or "NO-CONSENT", f"list {mailing.list}" if mailing.list else "no list"
        if grace and code not in _STOPS:
            return self._found(replies.UNDECLARED_BULK.finding(f"{code}, {of}"))
        return self._found(_finding(code, of))

    def _found(self, finding: Finding) -> Finding | None:
        """The finding; None where all is only observed."""
        if not self._observes:
            return finding
        self._observed.setdefault((finding.code, finding.evidence), finding)
        return None

    def record(self, recipients: Sequence[Address]) -> list[Mapping[str, Any] | None]:
        """How each of these recipients was decided about; None where nothing was asked."""
        return [self._grounds(address) for address in recipients]

    def _grounds(self, address: Address) -> Mapping[str, Any] | None:
        decision = self.decisions.get(address)
        if decision is None:
            return None
        # Where a rule refuses the message, those of the RCPTs stand.
        later = self.mailing is not None and self.mailing["at"] != self._times[address]
        return grounds(decision) | ({"at": self._times[address]} if later else {})


def _finding(code: str, evidence: str) -> Finding:
    public = refusal(code)
    reply = Reply(public.smtp, public.enhanced, public.text)
    action = Action.REJECT if public.smtp >= 500 else Action.DEFER
    # A complaint reads like any unsubscribe, in the record's code too: customers can search it.
    shown = "WITHDRAWN" if code == "COMPLAINT" else code
    return Finding(shown, _CLAUSES.get(code, "MOD-2.1h"), action, evidence, reply, public.fix)


def _recorded(mailing: Mailing, now: datetime) -> dict[str, Any]:
    """All that the decision rests on besides what is on file of the recipient."""
    return {
        "list": mailing.list,
        "party": mailing.party,
        "required": mailing.required.name,
        "profiles": list(mailing.profiles),
        "list_source": mailing.list_source,
        "list_complaint_at": mailing.list_complaint_at,
        "class": mailing.message_class.value,
        "at": micros(now),
    }


def grounds(decision: Decision) -> dict[str, Any]:
    """A decision about one recipient as the record has it."""
    if decision.ground is not None:
        ground = decision.ground
        return {"ground": ground.kind, "event": ground.event, "grade": ground.grade}
    return {"refused": decision.reason, "reasons": list(decision.reasons)}
