"""Unsubscribes: what a person does with a token (`consent.unsubscribe`): leave a list, leave everything, undo it.

Theory of operation. Leaving is a withdrawal like any other: durable in the audit, then committed to the registry, in
force for every decision that begins afterwards, on every node. When the registry does not answer, the audit's record is
made all the same and the person is told it is done, for the audit is what a registry is brought up to date from:
`gateway.restore` hands the record in within a second of the registry's return, or at the next start. While the registry
is away bulk is deferred, so nothing slips through meanwhile.

Undoing it within 24 hours is the person's own express word, and gives back what the token took and nothing else: for
each list that could be written to before, a confirmed consent with the end that the old ground had. Whatever else
stops mail (a complaint, an older withdrawal, one by another way) stands, and then there is nothing to undo.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date, timedelta

from config.customers import Customer
from consent.address import Address
from consent.database import RegistryError
from consent.decide import Ground, decide
from consent.grounds import FOREVER, last_day
from consent.keys import key_text
from consent.lists import MailingList, UnknownList, new_list
from consent.mailing import Mailing
from consent.model import ALL, Event, Grade, Known, Reason, Standing, State, micros
from consent.parties import UnknownParty, own_party
from consent.profiles import applicable
from consent.records import Recorded
from consent.standing import build
from consent.unsubscribe import NoToken, Short, Token, Tokens
from consent.unsubscribe_page import View
from gateway.audit.journal import Journal
from gateway.audit.withdrawals import Withdrawals
from gateway.consents import By, Consents, Unrecorded
from gateway.directory import Directory

UNDO = timedelta(hours=24)
"""For how long after leaving it can be undone."""
MOST_RESTORED = 200
"""Lists that an undo gives back."""
_REGISTRY_SECONDS = 5.0
"""How long a person waits for the registry before the audit alone takes it."""
_DAY = 86_400_000_000
_FIRST_DAY = date(1970, 1, 1).toordinal()
_LEFT = ("WITHDRAWN", "COMPLAINT")
_BY = By("recipient", operator=False, origin="unsubscribe")

Run = Callable[..., Awaitable[object]]
"""Runs something that blocks, in a thread. What it raises because too many wait is a RegistryError."""
Left = Callable[[Token, Event], None]
"""Told of each withdrawal, once it is durable; in any thread. The same event may be told twice."""
Undone = Callable[[Token, Sequence[Event]], None]
"""Told of the consents that an undo has given back, likewise."""


class Unsubscribes:
    """Records what people do with tokens. Methods that are not async block."""

    def __init__(
        self,
        consents: Consents,
        journal: Journal,
        tokens: Tokens,
        directory: Directory,
        *,
        missed: Callable[[], None],
        left: Left,
        undone: Undone,
    ) -> None:
        """`missed` is `Restore.missed`; `left` is told of each withdrawal, `undone` of what was given back."""
        self.tokens = tokens
        self._consents, self._journal, self._directory = consents, journal, directory
        self._missed, self._left, self._undone = missed, left, undone

    def customer(self, token: Token) -> Customer:
        """The customer whose mail it is about; raises NoToken where there is none of that id."""
        entry = self._directory.get(token.customer)
        if entry is None:
            raise NoToken
        return entry.customer

    # -- to leave

    async def leave(self, token: Token, reason: Reason, run: Run, *, everything: bool = False) -> None:
        """Withdraw from the token's list, or from everything; durable when it returns.

        Raises JournalError when it could be written nowhere.
        """
        event = self._event(token, reason, everything=everything)
        try:
            async with asyncio.timeout(_REGISTRY_SECONDS):
                await run(self._withdraw, token, event)
        except (RegistryError, TimeoutError):
            # Before it is written: whoever looks meanwhile must not hold all that is written for handed in.
            self._missed()
            await self._journal.append(Withdrawals(token.customer, [(token.key, event)]))
            self._left(token, event)

    def leave_by_mail(self, short: Short, senders: Iterable[Address] = ()) -> int:
        """Withdraw what an unsubscribe address stands for; of how many lists, 0 when it stands for nothing any more.

        `senders` are those in whose name the mail comes: where one is the recipient, the customer can be told who left.
        Raises RegistryError or JournalError.
        """
        done = 0
        for entry in self._directory.entries():
            customer = entry.customer
            if self.tokens.customer_mark(customer.id) != short.customer:
                continue
            names = [None, *(each.id for each in self._consents.lists.all(customer))]
            for key in self._consents.store.keys(customer.id, b"\x01" + short.prefix):
                address = next((each.text for each in senders if self._key(each) == key), "")
                for name in names:
                    if self.tokens.list_mark(name) == short.list:
                        token = Token(customer.id, name, key, "", address)
                        self._withdraw(token, self._event(token, Reason.MAILTO))
                        done += 1
        return done

    def _key(self, address: Address) -> bytes:
        return self._consents.stores.secrets.subject_octets(address)

    def _event(self, token: Token, reason: Reason, *, everything: bool = False) -> Event:
        now = micros(self._consents.clock())
        return Event(
            state=State.WITHDRAWN,
            # A list's id is one in a customer; its party is asked of nobody, so that the registry need not answer.
            party=ALL,
            list=ALL if everything or token.list is None else token.list,
            at=now,
            recorded=now,
            method="web_form" if reason is Reason.WEB else "",
            reason=reason,
            entity="recipient",
            actor="gateway",
            source=f"message {token.reference}" if token.reference else "",
            origin=_origin(token),
        )

    def _withdraw(self, token: Token, event: Event) -> None:
        store = self._consents.store
        if _stands(store.history_by_key(token.customer, token.key), event):
            return
        ahead = self._consents.recording.ahead(token.customer)
        done = store.append_by_key(token.customer, [(token.key, event)], before_commit=ahead)
        if done.batch is not None:
            self._consents.recording.note(done.batch, _BY)
        self._left(token, event)

    # -- to see

    def view(self, token: Token) -> View:
        """Who writes, what, on what ground, and what has been left; raises NoToken or RegistryError."""
        customer, store = self.customer(token), self._consents.store
        found = self._list(customer, token.list)
        try:
            party = self._consents.parties.get(customer, found.party if found else customer.id)
        except UnknownParty:
            party = own_party(customer)
        mailing = self._mailing(customer, found)
        known = store.known_by_key(customer.id, token.key)
        now = micros(self._consents.clock())
        decision = decide(mailing, known, self._consents.profiles, now)
        left = decision.reason in _LEFT
        left_all = left and any(each.list == ALL for each in known.own.withdrawals)
        return View(
            party,
            None if found is None else found.name or found.id,
            found.description if found else "",
            decision.ground,
            left_list=left and found is not None,
            left_all=left_all,
            undo=left and bool(self._restored(customer, token, store.history_by_key(customer.id, token.key), now)),
        )

    def view_without_registry(self, token: Token) -> View:
        """As much as this process has in memory; raises NoToken."""
        return View(own_party(self.customer(token)), token.list, known=False)

    def _list(self, customer: Customer, name: str | None) -> MailingList | None:
        if name is None:
            return None
        try:
            return self._consents.lists.get(customer, name)
        except UnknownList:
            return new_list(customer, name)

    def _mailing(self, customer: Customer, found: MailingList | None) -> Mailing:
        # What a person may be shown or given back does not depend on whether the customer is suspended.
        return self._consents.mailing(customer, found, self._consents.clock(), suspended=False)

    # -- to undo

    def undo(self, token: Token) -> bool:
        """Give back what was left through this very token within 24 hours; False when there is nothing to give back.

        Raises NoToken or RegistryError.
        """
        customer, consents = self.customer(token), self._consents
        history = consents.store.history_by_key(customer.id, token.key)
        events = self._restored(customer, token, history, micros(consents.clock()))
        if not events:
            return False
        done = consents.store.append_by_key(customer.id, [(token.key, event) for event in events])
        if done.batch is not None:
            consents.recording.note(done.batch, _BY)
        with contextlib.suppress(Unrecorded):
            details = {"lists": [event.list for event in events], "message": token.reference}
            consents.recording.acted(_BY, "unsubscribe undo", customer.id, key_text(token.key), details=details)
        self._undone(token, events)
        return True

    def _restored(self, customer: Customer, token: Token, history: Sequence[Recorded], now: int) -> list[Event]:
        """The consents that undo it; empty when it cannot be undone."""
        origin = _origin(token)
        undone = max((each.number for each in history if _gives(each) and each.event.origin == origin), default=0)
        taken = [
            each
            for each in history
            if each.number > undone
            and each.event.origin == origin
            and each.event.state is State.WITHDRAWN
            and now - each.event.recorded < UNDO // timedelta(microseconds=1)
        ]
        if not taken:
            return []
        numbers = {each.number for each in taken}
        before = build((each.number, each.event) for each in history if each.number not in numbers)
        lists: list[MailingList | None] = [self._list(customer, token.list)]
        if any(each.event.list == ALL for each in taken):
            lists = [None, *self._consents.lists.all(customer)][:MOST_RESTORED]
        # A consent lifts only what came before it, also when another node's clock is ahead.
        at = max(now, *(each.event.recorded + 1 for each in taken))
        given = (self._given(self._mailing(customer, each), before, at, origin) for each in lists)
        return [event for event in given if event is not None]

    def _given(self, mailing: Mailing, before: Standing, at: int, origin: str) -> Event | None:
        decision = decide(mailing, Known(own=before), self._consents.profiles, at)
        if not decision.allowed or decision.ground is None:
            return None
        return Event(
            state=State.CONFIRMED,
            party=mailing.party,
            list=mailing.list or ALL,
            at=at,
            recorded=at,
            grade=max(Grade.E3, mailing.required),
            until=self._end_of(decision.ground, mailing, before),
            ground="express",
            method="web_form",
            entity="recipient",
            actor="gateway",
            source="unsubscribe page",
            origin=origin,
        )

    def _end_of(self, ground: Ground, mailing: Mailing, before: Standing) -> int | None:
        """When the old ground ends."""
        for grant in before.grants:
            if grant.event == ground.event:
                return grant.until
        for each in before.relationships:
            if each.event == ground.event:
                profile = applicable(before.country, mailing.profiles, self._consents.profiles)
                assert profile is not None  # else it were no ground
                last = last_day(each.related, profile.grounds[each.related.kind], mailing.max_age_months)
                ends = [] if last == FOREVER else [(last + 1 - _FIRST_DAY) * _DAY]
                return min([*ends, *([] if each.until is None else [each.until])], default=None)
        return None


def _origin(token: Token) -> str:
    """Names the token in the registry, to find again what was done with it, and tells nothing of it."""
    if not token.reference:
        return "unsubscribe:mail"
    text = f"{token.reference} {token.customer} {token.list or ''}"
    return "unsubscribe:" + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _gives(found: Recorded) -> bool:
    return found.event.state in (State.GIVEN, State.CONFIRMED)


def _stands(history: Sequence[Recorded], event: Event) -> bool:
    """Whether the same was done with the same token before, and the person has said nothing since."""
    same = [
        each.number
        for each in history
        if each.event.origin == event.origin
        and each.event.state is State.WITHDRAWN
        and each.event.list in (event.list, ALL)
    ]
    return bool(same) and not any(_gives(each) and each.number > max(same) for each in history)
