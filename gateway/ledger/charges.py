"""What is charged to sliding windows, and what comes of it.

A *charge* is an amount at one counter, with caps. It is *reserved* when the command comes, and *settled* when the next
hop has said 250: then what passed is counted, at that moment. What did not pass is *released*: it costs nothing, so a
retry costs nothing twice.

A window of L seconds has 60 slots of L/60; counted are the slot of now and the 60 before it. So:

- in no span of L seconds does more than the cap pass: what was settled within it stands in one of these 61;
- room returns when L seconds have passed, at most one slot late;
- what is reserved counts until it is settled or released, however long that takes, so settling never needs room.

A cap of 1 lets one pass, and the next when it has left; a cap of 0 lets nothing pass; an amount above its cap never
passes (`Shortfall.seconds` is infinite); an amount of 0 always does. A clock that is set back makes what was counted
last as of now, which gives room back late and never early; one that is set forward by d gives room back d early.

**Fair share.** A counter that several customers share (`Charge.among`) refuses, when it is at its cap, only those who
would then stand above cap / n, where n customers have something in the window or reserved, the asking one included.
With k customers in a window at most cap * (1 + 1/2 + ... + 1/k) passes in it: the first may have filled the cap alone,
the m-th of them to appear is let up to cap / m beyond it. Five customers: 2.3 caps; a hundred: 5.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

SLOTS = 60
"""Of a window; one more is counted, because now is somewhere within its slot."""


@dataclass(frozen=True, slots=True)
class Charge:
    """An amount at one counter, and what may pass there. Raises ValueError where that has no meaning."""

    key: str
    """From `model.key`; a counter is always charged in one unit."""
    amount: int
    """Messages, recipients or bytes; at least 0."""
    caps: tuple[tuple[int, int], ...]
    """(Length of the window in seconds, the most that may pass in any span of that length), shortest first.

    A counter is always charged with the same windows; its caps may change.
    """
    among: str = ""
    """The customer it is charged for, where the counter is shared by several and each has its fair share."""

    def __post_init__(self) -> None:
        lengths = [length for length, _ in self.caps]
        if self.amount < 0 or not lengths or lengths[0] < 1 or sorted(set(lengths)) != lengths:
            raise ValueError(f"{self.amount} at windows of {lengths} s: an amount from 0 on, windows from 1 s up")
        if min(cap for _, cap in self.caps) < 0:
            raise ValueError(f"caps {self.caps}: a cap is 0 or more")

    @property
    def own_key(self) -> str:
        """Where a shared counter's part of this customer is counted; no `model.key` is like it."""
        return f"{self.key}={self.among}"

    @property
    def sharers_key(self) -> str:
        """Where the customers of a shared counter stand."""
        return f"{self.key}="


@dataclass(slots=True, eq=False)
class Reservation:
    """Room that is held. It ends once, by `settle` or `release`; after that both do nothing."""

    charges: tuple[Charge, ...]
    used: list[list[int]]
    """What each window of each charge holds now, this included: passed and reserved."""
    alone: bool = False
    """Taken by this process alone, while the others could not be asked."""
    open: bool = True

    def end(self, kept: Sequence[int] | None) -> list[int]:
        """How much of each charge passed, all of it where `kept` is None; raises ValueError for more than that."""
        amounts = [charge.amount for charge in self.charges]
        if kept is None:
            self.open = False
            return amounts
        if len(kept) != len(amounts) or any(not 0 <= part <= whole for part, whole in zip(kept, amounts, strict=True)):
            raise ValueError(f"{list(kept)} of {amounts} cannot have passed")
        self.open = False
        return list(kept)


@dataclass(frozen=True, slots=True)
class Shortfall:
    """There is no room. Where several caps are short, this is the one with the longest wait."""

    charge: int
    """Which of the charges, from 0 on."""
    window: int
    """Seconds."""
    cap: int
    seconds: float
    """Until it may pass, if all that is reserved passes now and nothing else does; infinite for more than the cap."""


@dataclass(frozen=True, slots=True)
class Use:
    """How one window of a counter stands."""

    window: int
    """Seconds."""
    cap: int
    used: int
    """Passed in the window, or reserved now; may be above the cap, where that was lowered or is shared."""
    seconds: float
    """Until there is room for one more, as in `Shortfall`; 0 where there is."""
