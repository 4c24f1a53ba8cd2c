"""Sliding windows in memory (`charges` says what they promise). Bounded, and what is forgotten is never forgotten low.

Of too many counters the one untouched longest goes, of those at which nothing is reserved. What it had counted is kept
in a coarse table, as the largest of all that went that way; a counter that is not known starts from there. So a counter
may stand too high, never too low; and until its longest window is over it refuses at the cap without asking for fair
shares, because the sharers are not known any more.
"""

from array import array
from collections import OrderedDict
from collections.abc import Sequence
from math import inf
from zlib import crc32

from gateway.ledger.charges import SLOTS, Charge, Reservation, Shortfall, Use
from gateway.ledger.model import kind_of

_BUCKETS = 256
"""Of the coarse table, for each kind of counter."""
_TRIES = 100
"""Counters with something reserved that are passed over to find one to forget."""


def slot_at(now: int, length: int) -> int:
    """The number of the slot that `now` (ms) lies in, for windows of `length` seconds."""
    return now * SLOTS // (length * 1000)


def start_of(slot: int, length: int) -> int:
    """The first millisecond of a slot."""
    return -(slot * length * -1000 // SLOTS)


class _Window:
    """What has passed in one window."""

    __slots__ = ("length", "slots", "total")

    def __init__(self, length: int) -> None:
        self.length, self.total = length, 0
        self.slots = array("q")
        """Number and count of each slot that has one, oldest first."""

    def move(self, now: int) -> int:
        """Forget what has left the window; the slot of now."""
        slot, slots = slot_at(now, self.length), self.slots
        if slots and slots[-2] > slot:  # the clock was set back: the last is as of now
            back = slots[-2] - slot
            for at in range(0, len(slots), 2):
                slots[at] -= back
        left = 0
        while left < len(slots) and slots[left] < slot - SLOTS:
            self.total -= slots[left + 1]
            left += 2
        if left:
            del slots[:left]
        return slot

    def count(self, amount: int, now: int) -> None:
        slot, slots = self.move(now), self.slots
        if slots and slots[-2] == slot:
            slots[-1] += amount
        else:
            slots.extend((slot, amount))
        self.total += amount

    def wait(self, need: int, now: int) -> float:
        """Seconds until so much has left; where that is more than has passed, the rest passes now."""
        slot = self.move(now)
        for at in range(0, len(self.slots), 2):
            need -= self.slots[at + 1]
            if need <= 0:
                slot = self.slots[at]
                break
        return (start_of(slot + SLOTS + 1, self.length) - now) / 1000

    def raise_to(self, other: "_Window") -> None:
        """In each slot, the larger of both."""
        merged = dict(zip(self.slots[::2], self.slots[1::2], strict=True))
        for slot, count in zip(other.slots[::2], other.slots[1::2], strict=True):
            merged[slot] = max(count, merged.get(slot, 0))
        self.slots = array("q", [part for pair in sorted(merged.items()) for part in pair])
        self.total = sum(merged.values())


class _Counter:
    """What is counted at one key."""

    __slots__ = ("guessed", "held", "windows")

    def __init__(self) -> None:
        self.held = 0
        self.guessed = 0
        """Until then (ms) it is known from the coarse table, in part."""
        self.windows: list[_Window] = []

    def window(self, length: int) -> _Window:
        for window in self.windows:
            if window.length == length:
                return window
        self.windows.append(_Window(length))
        return self.windows[-1]

    def used(self, length: int, now: int) -> int:
        window = self.window(length)
        window.move(now)
        return window.total + self.held

    def count(self, amount: int, now: int) -> None:
        if amount:
            for window in self.windows:
                window.count(amount, now)

    def empty(self, now: int) -> bool:
        """Whether it may be forgotten without loss."""
        for window in self.windows:
            window.move(now)
        return not self.held and not any(window.total for window in self.windows)

    def raise_to(self, other: "_Counter") -> None:
        for window in other.windows:
            self.window(window.length).raise_to(window)


class Windows:
    """Counters with sliding windows. Times are milliseconds since 1970."""

    def __init__(self, max_keys: int) -> None:
        self._max_keys = max_keys
        self._counters: OrderedDict[str, _Counter] = OrderedDict()
        """The one untouched longest comes first."""
        self._sharers: dict[str, dict[str, tuple[int, int]]] = {}
        """Key -> customer -> (what it has reserved, when it last passed something)."""
        self._gone: dict[str, list[_Counter | None]] = {}
        """Kind of counter -> the coarse table of those that were dropped."""

    def __len__(self) -> int:
        return len(self._counters)

    def reserve(self, charges: tuple[Charge, ...], now: int) -> Reservation | Shortfall:
        """Hold all, or nothing."""
        taken, worst = [], None
        for index, charge in enumerate(charges):
            short = self._short(charge, now)
            if short is None:
                self._hold(charge, now)
                taken.append(charge)
            elif worst is None or short[2] > worst.seconds:
                worst = Shortfall(index, *short)
        if worst is None:
            used = [[self._look(each.key, now).used(length, now) for length, _ in each.caps] for each in charges]
            return Reservation(charges, used)
        for charge in taken:
            self._pass(charge, 0, now)
        return worst

    def settle(self, reservation: Reservation, kept: list[int], now: int) -> None:
        """Count what passed, give the rest back."""
        for charge, passed in zip(reservation.charges, kept, strict=True):
            self._pass(charge, passed, now)

    def usage(self, charges: tuple[Charge, ...], now: int) -> list[list[Use]]:
        """How each window stands."""
        return [
            [
                Use(length, cap, self._look(charge.key, now).used(length, now), short[2] if short else 0.0)
                for length, cap in charge.caps
                for short in [self._short(Charge(charge.key, 1, ((length, cap),), charge.among), now)]
            ]
            for charge in charges
        ]

    def passed(self, key: str, lengths: Sequence[int], now: int) -> list[int]:
        """What has passed at a counter, in each of these windows."""
        counter = self._look(key, now)
        return [counter.used(length, now) - counter.held for length in lengths]

    def _short(self, charge: Charge, now: int) -> tuple[int, int, float] | None:
        """The cap that is short, with the longest wait: window, cap, seconds."""
        counter, worst = self._look(charge.key, now), None
        for length, cap in charge.caps:
            need = counter.used(length, now) + charge.amount - cap
            if need <= 0 or not charge.amount:
                continue
            wait = counter.window(length).wait(need, now) if charge.amount <= cap else inf
            if charge.among and counter.guessed <= now:
                wait = min(wait, self._share_wait(charge, length, cap, now))
            if wait > 0 and (worst is None or wait > worst[2]):
                worst = (length, cap, wait)
        return worst

    def _share_wait(self, charge: Charge, length: int, cap: int, now: int) -> float:
        """Seconds until the customer is within its fair share."""
        since = start_of(slot_at(now, length) - SLOTS, length)
        sharers = self._sharers.get(charge.key, {})
        others = sum(
            held > 0 or last >= since for customer, (held, last) in sharers.items() if customer != charge.among
        )
        share = cap // (others + 1)
        own = self._look(charge.own_key, now)
        need = own.used(length, now) + charge.amount - share
        if need <= 0:
            return 0.0
        return own.window(length).wait(need, now) if charge.amount <= share else inf

    def _hold(self, charge: Charge, now: int) -> None:
        for key in _keys(charge):
            counter = self._at(key, now)
            counter.held += charge.amount
            for length, _ in charge.caps:
                counter.window(length)
        if charge.among and charge.amount:
            sharers = self._sharers.setdefault(charge.key, {})
            if charge.among not in sharers:
                since = now - (charge.caps[-1][0] + 1) * 1000 * (SLOTS + 1) // SLOTS
                for gone in [each for each, (held, last) in sharers.items() if not held and last < since]:
                    del sharers[gone]
            held, last = sharers.get(charge.among, (0, 0))
            sharers[charge.among] = held + charge.amount, last

    def _pass(self, charge: Charge, passed: int, now: int) -> None:
        """Give back what the charge holds, and count what of it passed."""
        if charge.among and charge.amount:
            sharers = self._sharers[charge.key]
            held, last = sharers[charge.among]
            sharers[charge.among] = held - charge.amount, max(last, now) if passed else last
            if sharers[charge.among] == (0, 0):
                del sharers[charge.among]
        for key in _keys(charge):
            counter = self._at(key, now)
            counter.held -= charge.amount
            counter.count(passed, now)
            if not passed and counter.empty(now):
                self._drop(key)

    def _look(self, key: str, now: int) -> _Counter:
        """A counter, which is not kept if there is none yet."""
        counter = self._counters.get(key)
        if counter is None:
            counter = _Counter()
            gone = self._gone.get(kind_of(key))
            if gone is not None and (coarse := gone[_bucket(key)]) is not None and not coarse.empty(now):
                counter.raise_to(coarse)
                counter.guessed = now + max(window.length for window in coarse.windows) * 1000
        return counter

    def _at(self, key: str, now: int) -> _Counter:
        """A counter that is kept; another may go for it."""
        counter = self._counters.get(key)
        if counter is not None:
            self._counters.move_to_end(key)
            return counter
        counter = self._counters[key] = self._look(key, now)
        # Two for one: what has run empty goes before anything must be forgotten.
        for _ in range(2):
            eldest = next(iter(self._counters))
            if eldest != key and self._counters[eldest].empty(now):
                self._drop(eldest)
        if len(self._counters) > self._max_keys:
            self._forget(key, now)
        return counter

    def _forget(self, touched: str, now: int) -> None:
        """Put the counter untouched longest into the coarse table."""
        for _ in range(_TRIES):
            key, counter = next(iter(self._counters.items()))
            if not counter.held and key != touched:
                break
            self._counters.move_to_end(key)
        else:
            return  # as many are reserved as there are sessions, so it is bounded all the same
        self._drop(key)
        kind = kind_of(key)
        table = self._gone.setdefault(kind, [None] * _BUCKETS)
        coarse = table[_bucket(key)] = table[_bucket(key)] or _Counter()
        coarse.empty(now)
        coarse.raise_to(counter)

    def _drop(self, key: str) -> None:
        del self._counters[key]
        self._sharers.pop(key, None)


def _keys(charge: Charge) -> tuple[str, ...]:
    return (charge.key, charge.own_key) if charge.among else (charge.key,)


def _bucket(key: str) -> int:
    return crc32(key.encode("utf-8", "surrogatepass")) % _BUCKETS
