"""What both forms of the ledger must do with windows, as cases and as a model that remembers everything."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from hypothesis import strategies as st

from gateway.ledger.charges import SLOTS, Charge, Reservation, Shortfall
from gateway.ledger.model import Ledger, key

MINUTE, HOUR, DAY, MONTH = 60, 3600, 86_400, 2_592_000
CUSTOMER, RECIPIENT = key("recipients", "customer", "acme"), key("messages", "recipient", "bob@example.org")


class Time:
    """Seconds since 1970 that move when told."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_ms(self, milliseconds: int) -> None:
        """Move on, staying on whole milliseconds."""
        self.now = round(self.now * 1000 + milliseconds) / 1000


def charge(amount: int = 1, *caps: tuple[int, int], key: str = CUSTOMER, among: str = "") -> Charge:
    """A charge of `amount`; without caps, 10 an hour."""
    return Charge(key, amount, caps or ((HOUR, 10),), among)


async def reserved(ledger: Ledger, *charges: Charge) -> Reservation:
    """Room that must be there."""
    answer = await ledger.reserve(*charges)
    assert isinstance(answer, Reservation), answer
    return answer


async def short(ledger: Ledger, *charges: Charge) -> Shortfall:
    """A shortfall that must be there."""
    answer = await ledger.reserve(*charges)
    assert isinstance(answer, Shortfall), answer
    return answer


async def passed(ledger: Ledger, *charges: Charge) -> None:
    """They pass, and have been counted when this returns."""
    ledger.settle(await reserved(ledger, *charges))
    await ledger.usage(*charges)


async def used(ledger: Ledger, *charges: Charge) -> list[int]:
    """What the shortest window of each charge holds."""
    return [windows[0].used for windows in await ledger.usage(*charges)]


@dataclass
class Counted:
    """What a model remembers of one counter: all of it."""

    passed: list[tuple[int, int]] = field(default_factory=list)
    """(When, in ms; how much)."""
    held: int = 0

    def since(self, start: float) -> int:
        """What passed after `start`, and what is held."""
        return sum(amount for at, amount in self.passed if at > start) + self.held


class Model:
    """Remembers every pass, and judges each answer of a ledger whose clock only goes forward."""

    def __init__(self) -> None:
        self.counters: dict[str, Counted] = {}

    def judge(self, now: int, charges: Sequence[Charge], answer: Reservation | Shortfall) -> None:
        """No cap is broken, and nothing is refused that fits with a slot to spare."""
        if isinstance(answer, Reservation):
            for each in charges:
                self.at(each).held += each.amount
            for each in charges:
                for length, cap in each.caps:
                    assert not each.amount or each.among or self.at(each).since(now - length * 1000) <= cap
            return
        refused = charges[answer.charge]
        assert (answer.window, answer.cap) in refused.caps
        held = sum(each.amount for each in charges[: answer.charge] if each.key == refused.key)
        late = answer.window * (1 + 1 / SLOTS) * 1000
        assert self.at(refused).since(now - late) + held + refused.amount > answer.cap
        assert 0 < answer.seconds <= late / 1000 or (answer.seconds == inf and refused.amount > answer.cap)

    def settle(self, now: int, charges: Sequence[Charge], kept: Sequence[int]) -> None:
        """So much passed."""
        for each, amount in zip(charges, kept, strict=True):
            self.at(each).held -= each.amount
            self.at(each).passed.append((now, amount))

    def at(self, charge: Charge) -> Counted:
        """What it remembers there."""
        return self.counters.setdefault(charge.key, Counted())

    def check(self, charge: Charge) -> None:
        """In no span of any window's length did more than the cap pass, or than the bound where customers share it."""
        events = self.at(charge).passed
        most = sum(1 / n for n in range(1, len(CUSTOMERS) + 1)) if charge.among else 1
        for length, cap in charge.caps:
            for start, _ in events:
                assert sum(amount for at, amount in events if start <= at < start + length * 1000) <= cap * most


COUNTERS = (
    charge(1, (MINUTE, 5), (HOUR, 20)),
    charge(1, (MINUTE, 3), (DAY, 7), key=RECIPIENT),
    charge(1, (HOUR, 1), key=key("messages", "customer", "acme")),
    charge(1, (7, 4), (MONTH, 30), key=key("bytes", "customer", "zenith")),
    charge(1, (MINUTE, 6), (HOUR, 12), key=key("recipients", "recipient", "bob@example.org"), among="a"),
)
CUSTOMERS = "abc"
STEP: st.SearchStrategy[Any] = st.one_of(
    st.tuples(
        st.just("wait"), st.one_of(st.integers(0, 3000), st.integers(0, 100_000), st.integers(0, 40 * DAY * 1000))
    ),
    st.tuples(
        st.just("reserve"),
        st.lists(
            st.tuples(st.integers(0, len(COUNTERS) - 1), st.integers(0, 6), st.sampled_from(CUSTOMERS)),
            min_size=1,
            max_size=3,
        ),
    ),
    st.tuples(st.just("settle"), st.integers(0, 5), st.integers(0, 100)),
    st.tuples(st.just("release"), st.integers(0, 5)),
)
STEPS = st.lists(STEP, max_size=60)
STEPS_BACK = st.lists(st.one_of(STEP, st.tuples(st.just("wait"), st.integers(-DAY * 1000, 0))), max_size=60)
"""With a clock that is set back, too."""


def charges_of(drawn: Sequence[tuple[int, int, str]]) -> tuple[Charge, ...]:
    """The charges of a drawn step."""
    return tuple(
        Charge(COUNTERS[at].key, amount, COUNTERS[at].caps, COUNTERS[at].among and customer)
        for at, amount, customer in drawn
    )


async def play(ledger: Ledger, time: Time, steps: Sequence[Any], model: Model | None) -> list[Any]:
    """Go through drawn steps; the answers. With a model, it judges each of them."""
    answers: list[Any] = []
    open_: list[Reservation] = []
    for kind, *drawn in steps:
        now = round(time() * 1000)
        if kind == "wait":
            time.pass_ms(drawn[0])
        elif kind == "reserve":
            charges = charges_of(drawn[0])
            answer = await ledger.reserve(*charges)
            answers.append(answer if isinstance(answer, Shortfall) else True)
            if model:
                model.judge(now, charges, answer)
            if isinstance(answer, Reservation):
                open_.append(answer)
        elif open_:
            ended = open_.pop(drawn[0] % len(open_))
            kept = (
                [each.amount * drawn[1] // 100 for each in ended.charges]
                if kind == "settle"
                else [0] * len(ended.charges)
            )
            ledger.settle(ended, kept)
            if model:
                model.settle(now, ended.charges, kept)
        answers.append(await ledger.usage(*COUNTERS))
    if model:
        for each in COUNTERS:
            model.check(each)
    return answers
