"""The windows of several processes: what this one has reserved in Redis, what it is to tell it, and who waits for it.

`redis` sends the operations that are made here, and brings their answers; `windows.lua` does them. One server does a
reservation at once. On a cluster its hash tags go with the same round trip, in the order of their names; where one
refuses, what the others took is given back with the next.

An operation that was not answered may have been done or not. A reservation is then made anew from this process's share
(`alone`), and Redis is told afterwards how much this process really holds; until then, and when the process dies
meanwhile, it counts as taken. A settling is told again, under a name, until it is answered: it may be counted twice,
and not more often. So a counter may stand too high, never too low.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import islice
from typing import Any, cast

import msgspec

from gateway.ledger.alone import Alone, Known
from gateway.ledger.charges import Charge, Reservation, Shortfall, Use
from gateway.ledger.model import tag_of

_AT_ONCE = 100
"""Operations of a renewal or a recovery that go with one round trip, so that others wait a few milliseconds."""
_encode = msgspec.msgpack.Encoder().encode
answers_in = msgspec.msgpack.Decoder(list[list[int]]).decode
"""What the script said to each operation; raises msgspec.DecodeError."""


class Kind(IntEnum):
    """What `windows.lua` does."""

    RESERVE = 1
    SETTLE = 2
    HOLD = 3
    USAGE = 4
    RECALL = 5
    SETTLE_ONCE = 6


@dataclass(slots=True, eq=False)
class _Question:
    """What somebody waits for, over all its hash tags."""

    charges: tuple[Charge, ...]
    answer: asyncio.Future[Any]
    parts: int
    """Operations that are not answered yet."""
    answers: list[tuple["Operation", list[int] | None]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Operation:
    """Charges that are done at once: on a cluster, those of one hash tag."""

    kind: Kind
    charges: Sequence[Charge]
    amounts: Sequence[int]
    kept: Sequence[int | Sequence[int]]
    """Of each charge, or of each of its windows."""
    question: _Question | None = None
    places: Sequence[int] = ()
    """Of the charges among those of the question."""
    name: str = ""
    """Of a SETTLE_ONCE, by which Redis knows it again."""


def message(now: int, process: str, lease: int, operations: Sequence[Operation]) -> tuple[list[str], bytes]:
    """KEYS and ARGV of the call that does these operations."""
    places: dict[str, int] = {}

    def place(key: str) -> int:
        return places.setdefault(key, len(places) + 1)

    listed: list[list[object]] = []
    for operation in operations:
        entry: list[object] = [operation.kind]
        if operation.name:
            entry.append(place(f"{tag_of(operation.charges[0].key)}}}:told={process}={operation.name}"))
        for charge, amount, kept in zip(operation.charges, operation.amounts, operation.kept, strict=True):
            at, who = place(charge.key), charge.among
            if who:
                entry.append((at, amount, kept, charge.caps, who, place(charge.own_key), place(charge.sharers_key)))
            else:
                entry.append((at, amount, kept, charge.caps, who))
        listed.append(entry)
    return list(places), _encode((now, process, lease, listed))


class Charging:
    """The reservations of this process."""

    def __init__(
        self, processes: int, now: Callable[[], int], queue: Callable[[Operation], bool], spread: bool
    ) -> None:
        """`now` gives milliseconds since 1970; `queue` sends an operation soon, or is False where it cannot.

        `spread` over a cluster, an operation's keys must share a hash tag.
        """
        self._now, self._queue, self._spread = now, queue, spread
        self._alone = Alone(processes)
        self._held: dict[tuple[str, str], tuple[int, Charge]] = {}
        """Counter and customer -> what this process holds in Redis, as far as is known, and a charge of theirs."""
        self._totals: dict[str, int] = {}
        """Counter -> what it holds there for all customers."""
        self._unsure: dict[tuple[str, str], Charge] = {}
        """Of these Redis is to be told what is held."""
        self._recall: list[tuple[str, Known]] = []
        """How counters stood of which Redis is to be reminded, the one unused longest first."""
        self._owed: list[Operation] = []
        """Settlings that Redis may not have heard of."""
        self._names = 0

    async def reserve(self, charges: tuple[Charge, ...]) -> Reservation | Shortfall:
        """Room for all, or for none."""
        answer = await self._ask(Kind.RESERVE, charges)
        return self._alone.reserve(charges, self._now()) if answer is None else answer

    async def usage(self, charges: tuple[Charge, ...]) -> list[list[Use]]:
        """How the windows stand."""
        answer = await self._ask(Kind.USAGE, charges)
        return self._alone.usage(charges, self._now()) if answer is None else answer

    def settle(self, reservation: Reservation, kept: Sequence[int] | None) -> None:
        """Count what passed, give back the rest."""
        if not reservation.open:
            return
        passed = reservation.end(kept)
        if reservation.alone:
            self._alone.settle(reservation, passed, self._now())
            return
        charges = reservation.charges
        for places in self._groups(charges):
            mine = [charges[at] for at in places]
            self._tell(Operation(Kind.SETTLE, mine, [each.amount for each in mine], [passed[at] for at in places]))

    def recover(self, forgotten: bool) -> None:
        """Redis is there: it is to hear what was done alone, and what it knew if it may have `forgotten` that."""
        if forgotten:
            self._recall = list(self._alone.known.items())
        taken, passed = self._alone.hand_over(self._now())
        for reservation in taken:
            for charge in reservation.charges:
                self._hold(charge, charge.amount)
                self._unsure[charge.key, charge.among] = charge
        for charge, amounts in passed:
            self._owe(Operation(Kind.SETTLE, [charge], [0], [amounts]))

    def renew(self) -> None:
        """The leases of all that is held are to be renewed."""
        self._unsure |= {place: charge for place, (_, charge) in self._held.items()}

    @property
    def waiting(self) -> bool:
        """Whether `first` has something."""
        return bool(self._recall or self._unsure or self._owed)

    def first(self) -> Iterator[Operation]:
        """What goes before all else with the next round trip. None is under way now, so what is held is certain."""
        for place in list(islice(self._unsure, _AT_ONCE)):
            charge = self._unsure.pop(place)
            own = self._held[place][0] if place in self._held else 0
            yield Operation(Kind.HOLD, [charge], [self._totals.get(charge.key, 0)], [own])
        if self._unsure:
            return  # what is held stands in what was known, and what is owed does not
        now = self._now()
        for _ in range(min(_AT_ONCE, len(self._recall))):
            key, known = self._recall.pop()
            yield Operation(Kind.RECALL, [Charge(key, 0, known.caps)], [0], [list(known.left(now).values())])
        if not self._recall:
            owed, self._owed = self._owed[:_AT_ONCE], self._owed[_AT_ONCE:]
            yield from owed

    def answered(self, operations: Sequence[Operation], answers: Sequence[list[int]] | None) -> None:
        """What the script said to the operations of one call; None where it is not known what it did."""
        each: Sequence[list[int] | None] = answers if answers is not None else [None] * len(operations)
        for operation, answer in zip(operations, each, strict=True):
            self._done(operation, answer)
            if operation.question is not None:
                self._part(operation, answer, operation.question)

    def _done(self, operation: Operation, answer: list[int] | None) -> None:
        match operation.kind:
            case Kind.USAGE:
                return
            case Kind.RESERVE if answer is not None and answer[0]:
                self._change(operation, 1)
            case Kind.SETTLE | Kind.SETTLE_ONCE if answer is not None:
                self._change(operation, -1)
            case Kind.SETTLE | Kind.SETTLE_ONCE:
                self._owe(operation)
            case Kind.RECALL if answer is None:
                (charge,), (left,) = operation.charges, cast(Sequence[list[int]], operation.kept)
                self._recall.append((charge.key, Known(self._now(), charge.caps, left)))
            case Kind.RESERVE | Kind.HOLD if answer is None:
                self._doubt(operation)
        if answer is not None and answer[0] and operation.kind not in (Kind.SETTLE, Kind.SETTLE_ONCE):
            now, at = self._now(), 1
            for charge in operation.charges:
                self._alone.learn(charge, answer[at : at + len(charge.caps)], now)
                at += len(charge.caps)

    async def _ask(self, kind: Kind, charges: tuple[Charge, ...]) -> Any:
        """What came of it over all hash tags; None where that is not known."""
        if not charges:
            return Reservation((), []) if kind is Kind.RESERVE else []
        groups = self._groups(charges)
        question = _Question(charges, asyncio.get_running_loop().create_future(), len(groups))
        for places in groups:
            mine = [charges[at] for at in places]
            operation = Operation(kind, mine, [each.amount for each in mine], [0] * len(mine), question, places)
            if not self._queue(operation):
                self._part(operation, None, question)
        try:
            return await question.answer
        except asyncio.CancelledError:
            # It was answered in the turn of the loop in which the caller was cancelled.
            if not question.answer.cancelled() and isinstance(question.answer.result(), Reservation):
                self.settle(question.answer.result(), [0] * len(charges))
            raise

    def _part(self, operation: Operation, answer: list[int] | None, question: _Question) -> None:
        """One hash tag has answered; with the last one the question is."""
        question.answers.append((operation, answer))
        question.parts -= 1
        if question.parts == 0:
            whole = self._stand(question) if operation.kind is Kind.USAGE else self._reserved(question)
            if not question.answer.done():
                question.answer.set_result(whole)
            elif isinstance(whole, Reservation):  # who asked was cancelled
                self.settle(whole, [0] * len(whole.charges))

    def _reserved(self, question: _Question) -> Reservation | Shortfall | None:
        short: Shortfall | None = None
        used: list[list[int]] = [[] for _ in question.charges]
        unknown = False
        for operation, answer in question.answers:
            if answer is None:
                unknown = True
            elif answer[0]:
                at = 1
                for place, charge in zip(operation.places, operation.charges, strict=True):
                    used[place] = answer[at : at + len(charge.caps)]
                    at += len(charge.caps)
            else:
                _, index, window, cap, wait = answer
                found = Shortfall(operation.places[index], window, cap, _seconds(wait))
                if short is None or (found.seconds, -found.charge) > (short.seconds, -short.charge):
                    short = found
        if short is None and not unknown:
            return Reservation(question.charges, used)
        for operation, answer in question.answers:
            if answer is not None and answer[0]:
                self._tell(Operation(Kind.SETTLE, operation.charges, operation.amounts, operation.kept))
        return short

    def _stand(self, question: _Question) -> list[list[Use]] | None:
        stand: list[list[Use]] = [[] for _ in question.charges]
        for operation, answer in question.answers:
            if answer is None:
                return None
            numbers = iter(answer[1:])
            for place, charge in zip(operation.places, operation.charges, strict=True):
                stand[place] = [Use(length, cap, next(numbers), _seconds(next(numbers))) for length, cap in charge.caps]
        return stand

    def _groups(self, charges: Sequence[Charge]) -> Sequence[Sequence[int]]:
        """The places of the charges that are done at once."""
        if not self._spread:
            return (range(len(charges)),) if charges else ()
        groups: dict[str, list[int]] = {}
        for at, charge in enumerate(charges):
            groups.setdefault(tag_of(charge.key), []).append(at)
        return [groups[tag] for tag in sorted(groups)]

    def _tell(self, settling: Operation) -> None:
        if not self._queue(settling):
            self._owe(settling)

    def _owe(self, settling: Operation) -> None:
        """It did not reach Redis, or that is not known."""
        if any(settling.kept):
            if not settling.name:
                self._names += 1
                settling.kind, settling.name = Kind.SETTLE_ONCE, str(self._names)
            self._owed.append(settling)
        else:
            self._change(settling, -1)
            self._doubt(settling)

    def _doubt(self, operation: Operation) -> None:
        for charge in operation.charges:
            self._unsure[charge.key, charge.among] = charge

    def _change(self, operation: Operation, sign: int) -> None:
        for charge, amount in zip(operation.charges, operation.amounts, strict=True):
            self._hold(charge, sign * amount)

    def _hold(self, charge: Charge, amount: int) -> None:
        place = charge.key, charge.among
        held = self._held.get(place, (0, charge))[0] + amount
        if held > 0:
            self._held[place] = held, charge
        else:
            self._held.pop(place, None)
        total = self._totals.get(charge.key, 0) + amount
        if total > 0:
            self._totals[charge.key] = total
        else:
            self._totals.pop(charge.key, None)


def _seconds(milliseconds: int) -> float:
    return float("inf") if milliseconds < 0 else milliseconds / 1000
