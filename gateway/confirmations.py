"""Confirmations: double opt-in by Postern itself (R-089 to R-092): it asks, sees the answer, and records it (E4).

Theory of operation. A customer records that somebody asked to be on a list, and has one mail sent in answer to that.
The mail's link shows; only the button behind it confirms, so that a program that follows links subscribes nobody. What
the button does is a consent of grade E4: it is in the audit first, then in the registry, in force for every decision
that begins afterwards, on every node. The time at which a link is first used is kept beside the mail and stands in the
event, so that a second use, also at the same time or after a crash, is the same fact and recorded once.

A withdrawal, a complaint or an erasure later than the request outweighs it: then nothing is confirmed.
"""

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from config.customers import Customer
from config.settings import Settings
from consent.address import Address
from consent.confirmation_page import State as Shown
from consent.confirmation_page import View
from consent.confirmations import Capped, Confirmation, ConfirmationStore
from consent.decide import Class, Decision, decide
from consent.lists import MailingList, UnknownList, new_list
from consent.model import ALL, Event, Grade, Known, State, micros, moment
from consent.notices import UnknownNotice
from consent.parties import UnknownParty, own_party
from consent.records import Entry, Recorded
from consent.refusals import refusal
from consent.unsubscribe import NoToken
from gateway.audit.record import Act
from gateway.confirmation_mail import About, Unsendable, author, recipient
from gateway.consents import By, Consents

PATH = "/c/"
"""Where links lead, below `http.public_url`."""
_BY = By("gateway", operator=False, origin="confirmation")
_WORDS = {
    "NO-REQUEST": "no request of the last 7 days for this address and list is on file, or it was confirmed already: "
    "record one when somebody asks (state `requested`, by POST /api/v1/customers/{id}/consent/events), then ask again",
    "request": "two confirmation mails were sent in answer to this request: that is all; if the person asks again, "
    "record a new request",
    "address": "two confirmation mails were sent to this address in the last 7 days, by all senders together",
    "customer": "more confirmation mails in an hour than the operator allows ([limits] confirmations_per_hour)",
}


class AskRefused(Exception):
    """No confirmation mail is sent; the text says why and what to do."""

    def __init__(self, text: str, *, code: str = "", again: datetime | None = None) -> None:
        super().__init__(text)
        self.code = code
        """A reason of `consent.refusals`, CONFIRMATION-LIMIT where a cap is reached, or empty."""
        self.again = again
        """When the same is worth another try; None: when something has changed."""


class Confirmations:
    """Asks and takes answers. Methods block, and raise `consent.database.RegistryError`."""

    def __init__(
        self,
        consents: Consents,
        store: ConfirmationStore,
        settings: Callable[[], Settings],
        customer: Callable[[str], Customer | None],
    ) -> None:
        """`settings` gives those in force; `customer` looks one up."""
        self.store = store
        self._consents, self._settings, self._customer = consents, settings, customer

    # -- to ask

    def ask(
        self, customer: Customer, address: Address, name: str, by: By, *, suspended: bool | None = None
    ) -> tuple[Confirmation, bool]:
        """Have one mail sent in answer to the request on file: (the mail, whether it is new); durable when it returns.

        While one waits to be sent, that is it. Raises AskRefused; UnknownList for a list that nobody has named.
        """
        consents, settings = self._consents, self._settings()
        if not settings.http.public_url:
            raise AskRefused("[http] public_url is not set: without it a link leads nowhere; ask the operator")
        found = consents.lists.get(customer, name)
        decision = self._decided(customer, found, address, suspended=suspended)
        if not decision.allowed or decision.ground is None:
            raise self._refused(customer, address, decision, by)
        request = self._request(consents.store.history(customer.id, address), decision.ground.event)
        if request is None or request.event.flaw:
            raise AskRefused(
                "the request was made with a box that was ticked in advance: that is none (R-083); ask with an empty "
                "one, under another notice"
            )
        try:
            recipient(address)
            author(settings, self.about(customer, found, request.event))
        except Unsendable as error:
            raise AskRefused(str(error)) from None
        per_hour = settings.limits.confirmations_per_hour
        try:
            mail, new = self.store.add(
                customer.id, address, found.id, decision.ground.event, consents.clock(), per_hour=per_hour
            )
        except Capped as capped:
            raise AskRefused(_WORDS[capped.cap], code="CONFIRMATION-LIMIT", again=capped.again) from None
        if by.operator and new:
            details = {"list": found.id, "request": mail.request, "confirmation": origin(mail)}
            consents.recording.acted(by, "consent confirm", customer.id, address, details=details)
        return mail, new

    def _refused(self, customer: Customer, address: Address, decision: Decision, by: By) -> AskRefused:
        if not by.operator:
            decision = self._consents.for_customer(customer, address, decision)
        assert decision.reason is not None
        words = refusal(decision.reason)
        return AskRefused(_WORDS.get(decision.reason, f"{words.text}. {words.fix}"), code=decision.reason)

    def _decided(
        self, customer: Customer, found: MailingList, address: Address, *, suspended: bool | None = None
    ) -> Decision:
        """Whether a confirmation mail may go now; what was sent is for the store to count."""
        consents = self._consents
        now = consents.clock()
        mailing = replace(consents.mailing(customer, found, now, suspended=suspended), message_class=Class.CONFIRMATION)
        (known,) = consents.store.known(customer.id, [address])
        return decide(mailing, known, consents.profiles, micros(now))

    def about(self, customer: Customer, found: MailingList, request: Event) -> About:
        """What a mail in answer to a request is about."""
        try:
            party = self._consents.parties.get(customer, found.party)
        except UnknownParty:
            party = own_party(customer)
        return About(customer, party, found, request)

    # -- to send

    def prepared(self, mail: Confirmation) -> tuple[About, Address] | str:
        """What a mail that is to be sent now is about, and the address it goes to; or why it must not go any more."""
        customer = self._customer(mail.customer)
        if customer is None:
            return "there is no such customer any more"
        request = self._request(self._consents.store.history_by_key(mail.customer, mail.key), mail.request)
        address = (request.personal or {}).get("address") if request else None
        if request is None or address is None:
            return "the person's data was erased"
        found, parsed = self._list(customer, mail.list), Address.parse(address)
        decision = self._decided(customer, found, parsed)
        if not decision.allowed:
            return f"refused meanwhile: {decision.reason}"
        return self.about(customer, found, request.event), parsed

    def url(self, mail: Confirmation) -> str:
        """The link of a mail."""
        return self._settings().http.public_url.rstrip("/") + PATH + self.store.token(mail)

    # -- to answer

    def get(self, number: str) -> Confirmation | None:
        """The mail of that id; None where that was too long ago to be known. Raises NoToken for one of nobody's."""
        mail = self.store.get(number)
        if mail is not None:
            self._known_customer(mail)
        return mail

    def view(self, mail: Confirmation) -> View:
        """What the page of its link shows; changes nothing. Raises NoToken."""
        return self._view(mail, *self._state(mail))

    def confirm(self, mail: Confirmation, ip: str) -> View:
        """Record that the person confirms, once; durable when it returns. What the page shows then.

        `ip`: from where, where that is known. Raises NoToken, or JournalError; then nothing was changed.
        """
        state, request, confirmed = self._state(mail)
        if state != "ask":
            return self._view(mail, state, request, confirmed)
        consents = self._consents
        first = self.store.confirmed(mail, consents.clock())
        # Another node's clock, by which it was asked for, may be ahead.
        at = max(micros(first), _at(request.event))
        address = (request.personal or {}).get("address")
        if address is None:
            raise NoToken
        parsed = Address.parse(address)
        asked = request.event
        event = Event(
            state=State.CONFIRMED,
            party=asked.party,
            list=asked.list,
            at=at,
            recorded=max(at, micros(consents.clock())),
            grade=Grade.E4,
            until=asked.until,
            ground="express",
            method="coi",
            flaw=asked.flaw,
            entity="recipient",
            actor="gateway",
            notice=asked.notice,
            source=asked.source,
            origin=origin(mail),
            country=asked.country,
            language=asked.language,
        )
        token = hashlib.sha256(self.store.token(mail).encode()).hexdigest()
        evidence = {
            "coi_message_id": mail.message_id,
            "coi_sent_at": "" if mail.sent is None else mail.sent.isoformat(),
            "coi_delivered_reply": mail.reply,
            "coi_token_hash": token,
            "coi_confirmed_at": moment(at).isoformat(),
            "coi_confirmed_ip": ip,
        }
        details = {"list": asked.list, "request": mail.request, "confirmation": origin(mail), "token_sha256": token}
        consents.recording.ahead_of(Act("gateway", "opt-in confirmed", mail.customer, parsed, details=details))
        personal = {name: value for name, value in evidence.items() if value}
        consents.recording.append(mail.customer, Entry(parsed, event, personal), _BY)
        return self._view(mail, "confirmed", request, first)

    def _state(self, mail: Confirmation) -> tuple[Shown, Recorded, datetime | None]:
        """How things stand, the request, and when it was confirmed; raises NoToken."""
        self._known_customer(mail)
        history = self._consents.store.history_by_key(mail.customer, mail.key)
        request = self._request(history, mail.request)
        if request is None:
            raise NoToken
        address, store = (request.personal or {}).get("address"), self._consents.store
        if address is None:
            known = store.known_by_key(mail.customer, mail.key)
        else:
            (known,) = store.known(mail.customer, [Address.parse(address)])
        if self._outweighed(mail, known, request):
            return "withdrawn", request, None
        for each in history:
            if each.event.origin == origin(mail) and each.event.state is State.CONFIRMED:
                return "already", request, moment(each.event.at or each.event.recorded)
        return ("expired" if self._consents.clock() >= mail.expires else "ask"), request, None

    def _outweighed(self, mail: Confirmation, known: Known, request: Recorded) -> bool:
        """Whether the person has said later than the request that they do not want it."""
        party = request.event.party
        return any(
            each.at >= _at(request.event) and each.party in (ALL, party) and each.list in (ALL, mail.list)
            for each in known.own.withdrawals
        )

    def _view(self, mail: Confirmation, state: Shown, request: Recorded, confirmed: datetime | None) -> View:
        customer = self._known_customer(mail)
        found = self._list(customer, mail.list)
        about, notice = self.about(customer, found, request.event), ""
        if request.event.notice:
            with contextlib.suppress(UnknownNotice):
                notice = self._consents.notices.get(customer.id, request.event.notice).text
        return View(
            state,
            about.party,
            found.name or found.id,
            found.description,
            found.frequency,
            moment(_at(request.event)),
            request.event.source,
            notice,
            mail.expires,
            confirmed,
        )

    def _known_customer(self, mail: Confirmation) -> Customer:
        customer = self._customer(mail.customer)
        if customer is None:
            raise NoToken
        return customer

    def _list(self, customer: Customer, name: str) -> MailingList:
        try:
            return self._consents.lists.get(customer, name)
        except UnknownList:
            return new_list(customer, name)

    def _request(self, history: list[Recorded], number: int) -> Recorded | None:
        return next((each for each in history if each.number == number and each.event.state is State.REQUESTED), None)


def origin(mail: Confirmation) -> str:
    """Names the mail in registry and audit, and is no part of its link."""
    return "confirmation:" + hashlib.sha256(mail.id.encode()).hexdigest()[:16]


def _at(request: Event) -> int:
    """When a request counts from, as `consent.standing` has it."""
    return request.recorded if request.at is None else min(request.at, request.recorded)
