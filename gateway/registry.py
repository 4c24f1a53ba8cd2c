"""Registry: what transactions ask the registry of consents, answered without holding the event loop.

What comes together is asked together: while one question is under way, those that come wait and are the next one, in
one turn of a thread, because each turn costs more than the look-up of a recipient does.
A registry that does not answer keeps nobody waiting for longer than SECONDS, and then nobody waits for it until it has
answered again.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import TypeVar

from config.customers import Customer
from consent.address import Address
from consent.database import RegistryError
from consent.lists import MailingList, new_list
from consent.model import Known
from gateway.consents import Consents

T = TypeVar("T")

SECONDS = 3.0
"""That a transaction waits for the registry."""
PAUSE = 1.0
"""Seconds after which a registry that did not answer is asked again."""
FRESH = 2.0
"""Seconds for which what was read of a customer's lists and parties is taken to be so still."""
_ROLLS = 10_000
_ALARM_EVERY = 60.0


class RegistryAway(Exception):
    """The registry did not answer; bulk mail is put off."""


@dataclass(frozen=True, slots=True)
class Roll:
    """A customer's lists and parties, as they were a moment ago."""

    customer: Customer
    lists: Mapping[str, MailingList]
    """By id, in lower case as all ids are; those that only a credential names so far among them."""
    parties: Mapping[str, str]
    """From domain -> the party that is meant by it. A domain that none names is the customer's own party's."""
    list_ids: Mapping[str, str]
    """List-Id in lower case -> the list's id."""
    patterns: Sequence[tuple[str, str]]
    """(pattern of reverse-paths, the list's id), the longest first."""

    def list(self, name: str | None) -> MailingList | None:
        """The list of that id; one that nobody has named is as it would be (`consent.lists`)."""
        return None if name is None else self.lists.get(name) or new_list(self.customer, name)

    def by_reverse_path(self, address: Address | None) -> str | None:
        """The list that has registered a pattern which the reverse-path fits; of several the longest pattern's."""
        if address is None:
            return None
        return next((name for pattern, name in self.patterns if _fits(pattern, address.canonical)), None)


def _longest_first(pattern: tuple[str, str]) -> int:
    return -len(pattern[0])


def _fits(pattern: str, text: str) -> bool:
    first, star, last = pattern.partition("*")
    if not star:
        return text == pattern
    return len(text) >= len(first) + len(last) and text.startswith(first) and text.endswith(last)


@dataclass(slots=True)
class _Question:
    customer: str
    addresses: Sequence[Address]
    answer: "asyncio.Future[list[Known]]"


class Registry:
    """For the event loop. Every method raises RegistryAway."""

    def __init__(self, consents: Consents, alarm: Callable[[str, str], None], monotonic: Callable[[], float]) -> None:
        self.consents, self._alarm, self._monotonic = consents, alarm, monotonic
        self._threads = ThreadPoolExecutor(2, "registry")
        self._waiting: list[_Question] = []
        self._under_way: asyncio.Task[None] | None = None
        self._rolls: dict[str, tuple[float, Roll]] = {}
        self._reading: dict[str, asyncio.Future[Roll]] = {}
        self._away_until: float | None = None
        """Set from when it did not answer until it does; until then nobody asks, and then one at a time."""
        self._alarmed = float("-inf")

    def close(self) -> None:
        """Ask nothing any more; what is under way ends unheard."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def known(self, customer: Customer, addresses: Sequence[Address]) -> list[Known]:
        """What is on file of each recipient, in order, as of no earlier than the call."""
        self._here()
        question = _Question(customer.id, addresses, asyncio.get_running_loop().create_future())
        self._waiting.append(question)
        if self._under_way is None:
            self._under_way = asyncio.create_task(self._ask_all())
        return await self._in_time(question.answer)

    async def roll(self, customer: Customer) -> Roll:
        """The customer's lists and parties, at most FRESH seconds old."""
        held = self._rolls.get(customer.id)
        if held is not None and held[1].customer is customer and held[0] > self._monotonic():
            return held[1]
        self._here()
        until = self._monotonic() + FRESH
        read = self._reading.get(customer.id)
        if read is None:
            read = asyncio.get_running_loop().run_in_executor(self._threads, self._read, customer)
            self._reading[customer.id] = read
            read.add_done_callback(partial(self._has_read, customer.id))
        roll = await self._in_time(asyncio.shield(read))
        if len(self._rolls) >= _ROLLS:
            self._rolls.clear()
        self._rolls[customer.id] = (until, roll)
        return roll

    async def may_confirm(self, address: Address, now: datetime, *, customer: str, request: int, once: str) -> bool:
        """Count a confirmation mail, unless the address, the request or the customer has had its share (R-092);
        `request` is the number of its event, `once` names the mail, which is counted once however often it is tried."""
        self._here()
        store = self.consents.stores.confirmations
        take = partial(store.take, address, now, customer=customer, request=request, once=once)
        return await self._in_time(asyncio.get_running_loop().run_in_executor(self._threads, take))

    def _read(self, customer: Customer) -> Roll:
        consents = self.consents
        parties = {
            domain: each.id
            for each in consents.parties.all(customer)
            if each.id != customer.id
            for domain in each.domains
        }
        lists = consents.lists.all(customer)
        patterns = sorted(((pattern, each.id) for each in lists for pattern in each.reverse_paths), key=_longest_first)
        return Roll(
            customer,
            MappingProxyType({each.id: each for each in lists}),
            MappingProxyType(parties),
            MappingProxyType({each.list_id.lower(): each.id for each in lists}),
            patterns,
        )

    def _has_read(self, customer: str, read: "asyncio.Future[Roll]") -> None:
        del self._reading[customer]
        if not read.cancelled():
            read.exception()  # whoever waits for it is told; nobody may wait any more

    def _here(self) -> None:
        if self._away_until is not None and (self._under_way or self._monotonic() < self._away_until):
            raise RegistryAway

    async def _in_time(self, answer: "asyncio.Future[T]") -> T:
        try:
            async with asyncio.timeout(SECONDS):
                found = await answer
        except TimeoutError:
            self._is_away("no answer in time")
        except RegistryError as error:
            self._is_away(str(error))
        else:
            self._away_until = None
            return found
        raise RegistryAway

    def _is_away(self, why: str) -> None:
        now = self._monotonic()
        self._away_until = now + PAUSE
        if now - self._alarmed >= _ALARM_EVERY:
            self._alarmed = now
            self._alarm("registry", f"bulk mail is put off: {why}")

    async def _ask_all(self) -> None:
        loop = asyncio.get_running_loop()
        questions: list[_Question] = []
        try:
            while self._waiting:
                questions, self._waiting = self._waiting, []
                answers = await loop.run_in_executor(self._threads, self._answers, questions)
                for question, answer in zip(questions, answers, strict=True):
                    if question.answer.done():
                        continue
                    if isinstance(answer, Exception):
                        question.answer.set_exception(answer)
                    else:
                        question.answer.set_result(answer)
        finally:
            self._under_way = None
            left, self._waiting = [*questions, *self._waiting], []
            for question in left:
                if not question.answer.done():
                    question.answer.set_exception(RegistryError("it is asked nothing any more"))

    def _answers(self, questions: Iterable[_Question]) -> list[list[Known] | Exception]:
        """One for each, in order. In a thread."""
        answers: list[list[Known] | Exception] = []
        for question in questions:
            try:
                answers.append(self.consents.store.known(question.customer, question.addresses))
            except Exception as error:  # noqa: BLE001 - it is for whoever asked, not for those who asked with it
                answers.append(error)
        return answers
