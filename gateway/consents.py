"""Consents: the one place where the registry of consents, the audit and the customers meet, for API and commands.

Whatever stops mail (withdrawal, refusal, suppression, erasure) and whatever lifts a suppression is durable in the audit
before the registry commits it, so that a registry restored from an old copy can be told again (`gateway.restore`). The
end of the registry's chain is noted in the audit after every commit, and so is every act of the operator.

All methods block, and raise `consent.database.RegistryError`. What stops mail also raises
`gateway.audit.errors.JournalError`; then nothing was changed.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from config.customers import Customer
from consent.address import Address
from consent.decide import Class, Decision, Mailing, decide
from consent.imports.row import DomainName, Subject
from consent.keys import key_text
from consent.lists import ListStore, MailingList, UnknownList, new_list
from consent.model import ALL, Event, Grade, Reason, Standing, State, Stops, Suppression, micros, moment
from consent.notices import NoticeStore, UnknownNotice
from consent.parties import PartyStore
from consent.profiles import Profile, shipped
from consent.records import Entry
from consent.standing import build
from consent.words import in_public
from gateway.recording import By, Done, Recorder, Recording, Unrecorded, write_ahead
from gateway.stores import Stores
from gateway.told import METHODS, ConsentRefused, Dealing, Stop, Told, given, reasoned, related

__all__ = [
    "METHODS", "By", "ConsentRefused", "Consents", "Dealing", "Done", "Recorder", "Stop", "Told", "Unrecorded",
    "write_ahead",
]  # fmt: skip

WITHDRAWN_FOR = (
    Reason.UNSUBSCRIBE, Reason.ONE_CLICK, Reason.WEB, Reason.MAILTO, Reason.COMPLAINT, Reason.MANUAL, Reason.LEGAL,
)  # fmt: skip
"""Reasons for which a consent is withdrawn."""
SUPPRESSED_BY_CUSTOMERS = (Reason.MANUAL, Reason.HARD_BOUNCE, Reason.INVALID, Reason.LEGAL)
SUPPRESSED_FOR = (*SUPPRESSED_BY_CUSTOMERS, Reason.SPAMTRAP, Reason.THREAT, Reason.SANCTION)
"""Reasons for which an address or domain is suppressed; the last three are the operator's."""
LIFTED_BY_CUSTOMERS = (Reason.MANUAL, Reason.HARD_BOUNCE, Reason.INVALID)
"""Reasons of suppressions that a customer may lift, unless the operator made them; the others only the operator."""
_ENDLESS = (Reason.LEGAL,)
_STOP_ALL = (Reason.HARD_BOUNCE, Reason.INVALID, Reason.SPAMTRAP, Reason.THREAT, Reason.SANCTION)
"""Where nothing is said, a suppression for one of these stops every mail."""


class Consents:
    """Records what is told about who may be written to, and answers whether they may. Thread-safe."""

    def __init__(
        self,
        stores: Stores,
        journal: Recorder,
        clock: Callable[[], datetime],
        *,
        operator_profile: str = "us",
        alarm: Callable[[str, str], None] = lambda part, text: None,
        profiles: Mapping[str, Profile] | None = None,
    ) -> None:
        """`operator_profile`: of customers who name none; `alarm`: `Metrics.alarm`; `profiles` None: those shipped."""
        database = stores.consent_database
        self.stores, self.store, self.clock = stores, stores.consents, clock
        self.lists, self.notices, self.parties = ListStore(database), NoticeStore(database), PartyStore(database)
        self.recording = Recording(self.store, journal, alarm)
        self._operator_profile = operator_profile
        self.profiles = shipped() if profiles is None else profiles
        # The same key as for files (consent.import_context): one document is one relationship, however it was told.
        self._reference_key = hmac.digest(stores.secrets.address_secret, b"postern document references 1", "sha256")

    # -- what is told

    def record(self, customer: Customer, address: Address, told: Told, by: By) -> Done:
        """Record a live event: requested, given, confirmed or withdrawn; raises ConsentRefused.

        The list is made if nobody has named it before, as every list is that somebody says something of.
        """
        now = micros(self.clock())
        if told.state is State.WITHDRAWN:
            return self._withdraw(customer, address, told, now, by)
        if told.list is None:
            raise ConsentRefused("list: required: a consent is for one list")
        event, personal = given(
            told,
            self.lists.ensure(customer, told.list, now).party,
            now,
            actor=by.actor,
            origin=by.origin,
            default_checked=self._default_checked(customer, told.notice),
        )
        done = self.recording.append(customer.id, Entry(address, event, personal), by)
        self.recording.did(by, f"consent {told.state.value}", customer.id, address, done)
        return done

    def withdraw(
        self,
        customer: Customer,
        address: Address,
        by: By,
        *,
        name: str | None = None,
        reason: str = "",
        at: datetime | None = None,
        stops: Stops = "marketing",
    ) -> Done:
        """Record that a person wants no more of the list `name` or, without one, nothing from the sender.

        `reason` is one of WITHDRAWN_FOR, or words, which are kept sealed. It holds for every decision that begins
        after this returns, on every node. Raises ConsentRefused.
        """
        told = Told(State.WITHDRAWN, name, at, reason=reason, stops=stops)
        return self._withdraw(customer, address, told, micros(self.clock()), by)

    def _withdraw(self, customer: Customer, address: Address, told: Told, now: int, by: By) -> Done:
        at, imported, zone = told.when(now)
        reason, words = reasoned(told.reason, WITHDRAWN_FOR, Reason.UNSUBSCRIBE)
        name = told.list or ALL
        event = Event(
            state=State.WITHDRAWN,
            party=self.lists.ensure(customer, name, now).party if told.list else ALL,
            list=name,
            at=at,
            recorded=now,
            zone=zone,
            imported=imported,
            method=told.method or "api",
            reason=reason,
            stops=told.stops,
            # What a customer itself tells of it may be shown to it again (consent.words.in_public).
            entity=("mailbox_provider" if by.operator else "tenant") if reason == Reason.COMPLAINT else "recipient",
            actor=by.actor,
            source=told.page,
            origin=by.origin,
        )
        done = self.recording.append(customer.id, Entry(address, event, words | told.personal), by)
        if reason == Reason.COMPLAINT and not imported:
            # from now on the list's consents need confirmed opt-in.
            self.lists.complained(customer, name, now)
        self.recording.did(by, "consent withdraw", customer.id, address, done, told.reason)
        return done

    def relate(
        self, customer: Customer, address: Address, dealing: Dealing, by: By, *, party: str | None = None
    ) -> Done:
        """Record a relationship with one of the customer's parties, its own where none is named.

        The same document told again replaces what was told of it, for instance that it has ended. Raises
        ConsentRefused, or `consent.parties.UnknownParty`.
        """
        event, personal = related(
            dealing,
            self.parties.get(customer, party or customer.id).id,
            self.clock(),
            actor=by.actor,
            origin=by.origin,
            entity=by.entity,
            reference_key=self._reference_key,
        )
        done = self.recording.append(customer.id, Entry(address, event, personal), by)
        self.recording.did(by, "relationships add", customer.id, address, done)
        return done

    def _default_checked(self, customer: Customer, notice: str) -> bool:
        if not notice:
            return False
        try:
            return self.notices.get(customer.id, notice).default_checked
        except UnknownNotice:
            # Recorded as declared: nothing speaks against it (design.md section 9).
            return False

    # -- suppressions

    def suppress(self, customer: Customer | None, stop: Stop, by: By) -> Done:
        """Stop mail to an address, a domain or a hash: of a customer or, without one, of all of them.

        Raises ConsentRefused.
        """
        if stop.reason not in (SUPPRESSED_FOR if by.operator else SUPPRESSED_BY_CUSTOMERS):
            allowed = SUPPRESSED_FOR if by.operator else SUPPRESSED_BY_CUSTOMERS
            raise ConsentRefused(f"reason: must be one of {', '.join(allowed)}")
        now = micros(self.clock())
        until = None if stop.until is None else micros(stop.until)
        if until is not None and stop.reason in _ENDLESS:
            raise ConsentRefused(f"until: a suppression for reason {stop.reason} has no end: leave it out")
        if until is not None and until <= now:
            raise ConsentRefused("until: lies in the past: leave it out, or send when the suppression ends")
        event = self._stopping(customer, stop, State.SUPPRESSED, now, until, by)
        done = self.recording.append(_id(customer), Entry(stop.subject, event, _words(stop)), by)
        self.recording.did(by, "suppressions add", _id(customer), self._target(stop.subject), done, stop.words)
        return done

    def lift(self, customer: Customer | None, stop: Stop, by: By) -> Done:
        """Lift the suppressions of a subject for one reason, of one list or all; `words` say why.

        A customer cannot lift what the operator made, nor what only the operator may judge. Raises ConsentRefused.
        """
        if not by.operator and stop.reason not in LIFTED_BY_CUSTOMERS:
            raise ConsentRefused(f"reason: a suppression for {stop.reason} is lifted by the operator only: ask there")
        standing = self.store.standing(_id(customer), stop.subject)
        found = [
            each for each in standing.suppressions if each.reason == stop.reason and stop.list in (None, each.list)
        ]
        if not found or (not by.operator and self._operators_own(_id(customer), stop)):
            # Alike, whoever made it: what the operator has on file is not the customer's to know.
            raise ConsentRefused("reason: no suppression of yours stands for it; a look-up shows those there are")
        event = self._stopping(customer, stop, State.LIFTED, micros(self.clock()), None, by)
        done = self.recording.append(_id(customer), Entry(stop.subject, event, _words(stop)), by)
        self.recording.did(by, "suppressions lift", _id(customer), self._target(stop.subject), done, stop.words)
        return done

    def _stopping(
        self, customer: Customer | None, stop: Stop, state: State, now: int, until: int | None, by: By
    ) -> Event:
        if stop.list is not None and customer is None:
            raise ConsentRefused("list: the operator's own suppressions are for all mail: leave it out")
        party = ALL
        if stop.list is not None and customer is not None:
            party = self.lists.ensure(customer, stop.list, now).party
        default: Stops = "all" if stop.reason in _STOP_ALL else "marketing"
        return Event(
            state=state,
            party=party,
            list=stop.list or ALL,
            at=now,
            recorded=now,
            until=until,
            method="api",
            reason=stop.reason,
            stops=stop.stops or default,
            entity=by.entity,
            actor=by.actor,
            origin=by.origin,
        )

    def suppressions(self, customer: Customer | None, subject: Subject) -> tuple[Suppression, ...]:
        """The suppressions of a subject that hold now, of a customer or of the operator."""
        now = micros(self.clock())
        standing = self.store.standing(_id(customer), subject)
        return tuple(each for each in standing.suppressions if each.until is None or now < each.until)

    def _operators_own(self, customer: str, stop: Stop) -> bool:
        """Whether the operator's own suppressions are among those that would be lifted.

        What the customer says of the subject besides, before or since, does not count: in the standing its own newer
        suppression stands for the operator's too.
        """
        now, history = micros(self.clock()), self.store.history(customer, stop.subject)
        standing = build((each.number, each.event) for each in history if each.event.entity == "operator")
        return any(
            each.reason == stop.reason and stop.list in (None, each.list) and (each.until is None or now < each.until)
            for each in standing.suppressions
        )

    def _target(self, subject: Subject) -> Address | str:
        """As the audit has it: a hash of an address is as good as the address to whoever can guess."""
        if isinstance(subject, DomainName):
            return f"@{subject.name}"
        return subject if isinstance(subject, Address) else key_text(self.stores.secrets.subject_octets(subject))

    # -- erasure

    def erase(self, customer: Customer, address: Address, by: By, *, reason: str = "") -> bool:
        """Destroy a person's data at a customer; mail to the address stays stopped (R-235). False: it was done before.

        The audit's own key of the address is destroyed too, unless another customer has the person on file.
        """
        now = self.clock()
        ahead = self.recording.ahead(customer.id)
        erased = self.store.erase(customer.id, address, actor=by.actor, now=micros(now), before_commit=ahead)
        key = self.stores.secrets.address_key(address)
        if not self._known_elsewhere(customer.id, address):
            self.stores.subjects.destroy(key)
        if erased:
            batch = self.store.last_batch()
            if batch is not None:
                self.recording.note(batch, by)
            if by.operator:
                self.recording.acted(by, "consent erase", customer.id, key, reason)
        return erased

    def _known_elsewhere(self, customer: str, address: Address) -> bool:
        others = (each.customer.id for each in self.stores.customers.list() if each.customer.id != customer)
        return any(_alive(self.store.standing(other, address)) for other in others)

    # -- answers

    def check(
        self,
        customer: Customer,
        addresses: Sequence[Address],
        name: str,
        *,
        at: datetime | None = None,
        suspended: bool | None = None,
    ) -> list[Decision]:
        """For each address: may bulk mail of the list be sent to it, now or at another time, as things stand now?

        `suspended` None: asked of the registry. A list that nobody has named is taken as it would be.
        """
        moment_of = at or self.clock()
        mailing = self.mailing(customer, self._list(customer, name), moment_of, suspended=suspended)
        known = self.store.known(customer.id, addresses)
        return [decide(mailing, each, self.profiles, micros(moment_of)) for each in known]

    def decisions(
        self, customer: Customer, address: Address, names: Sequence[str], *, suspended: bool | None = None
    ) -> list[tuple[str, Decision]]:
        """(list, may bulk mail of it be sent to the address now) for each list; one look-up for all of them."""
        now = self.clock()
        if suspended is None:
            suspended = self._suspended(customer)
        lists = {each.id: each for each in self.lists.all(customer)}
        (known,) = self.store.known(customer.id, [address])
        found = []
        for name in names:
            mailing = self.mailing(customer, lists.get(name) or new_list(customer, name), now, suspended=suspended)
            found.append((name, decide(mailing, known, self.profiles, micros(now))))
        return found

    def for_customer(self, customer: Customer, address: Address, decision: Decision) -> Decision:
        """A decision as the customer may see it: without the operator's records and, unless the customer itself told of
        it, without that somebody complained (RFC 6449 section 4.3.1)."""
        reason = decision.reason
        if reason == "COMPLAINT" and any(
            in_public(each) is not each and each.event.reason == Reason.COMPLAINT
            for each in self.store.history(customer.id, address)
        ):
            reason = "WITHDRAWN"
        return replace(decision, reason=reason, reasons=())

    def _list(self, customer: Customer, name: str) -> MailingList:
        try:
            return self.lists.get(customer, name)
        except UnknownList:
            return new_list(customer, name)

    def mailing(
        self, customer: Customer, found: MailingList | None, now: datetime, *, suspended: bool | None = None
    ) -> Mailing:
        """Bulk mail of a list, or of none, as `consent.decide` takes it; `suspended` None: asked of the registry."""
        if suspended is None:
            suspended = self._suspended(customer)
        return Mailing(
            message_class=Class.BULK,
            party=found.party if found else customer.id,
            list=found.id if found else None,
            required=Grade[customer.grade_on(moment(micros(now)).date())],
            profiles=customer.profiles or (self._operator_profile,),
            list_source=found.source if found else "",
            stream="suspended" if suspended else "open",
            list_complaint_at=found.complaint if found else None,
        )

    def _suspended(self, customer: Customer) -> bool:
        return self.stores.customers.get(customer.id).standing.status == "suspended"


def _id(customer: Customer | None) -> str:
    return ALL if customer is None else customer.id


def _words(stop: Stop) -> dict[str, str]:
    return {"note": stop.words} if stop.words else {}


def _alive(standing: Standing) -> bool:
    """Whether anything stands there but what an erasure leaves."""
    if standing.grants or standing.requests or standing.relationships or standing.suppressions:
        return True
    return any(each.reason != Reason.ERASURE for each in standing.withdrawals)
