"""The windows of one of several processes while Redis is away: its share of the room that it last knew of.

Each of P processes passes, in each window, a P-th of what was left when it last heard of that counter; where it never
heard, or the window is over since then, a P-th of the cap. So all together pass,
in any window, cap * (2 - 1/P) at most:

- where all had last heard the same, no more than the cap: U were used, and each passes (cap - U) / P;
- one that heard less passes cap / P at most, whatever the others have used: beside the cap, (P - 1) times that;
- when Redis is back, one process may fill the cap while the others still go by their shares: no more than that, either.

That holds for a Redis that comes back with what it had. One that forgot is told how each process's MAX_KNOWN last
counters stood, and takes the highest: beside the bound there may pass what nobody who is left had heard of, and what
some had not, when the first of them told.

A process that ends meanwhile takes with it what it passed alone, and its successor has a share again. Of more than
MAX_COUNTERS at which something passed alone, the one untouched longest is not told: there it may be cap more.

Fair shares are not asked for meanwhile: a shared counter refuses at the share of the room.
"""

from collections import OrderedDict
from dataclasses import replace
from math import inf
from typing import NamedTuple

from gateway.ledger.charges import SLOTS, Charge, Reservation, Shortfall, Use
from gateway.ledger.windows import Windows

MAX_KNOWN = 20_000
"""Counters of which this process remembers how they stood."""
MAX_COUNTERS = 250_000
_UNBOUNDED = 2**53


class Known(NamedTuple):
    """How a counter stood: when (ms), its caps, what its windows held."""

    at: int
    caps: tuple[tuple[int, int], ...]
    used: list[int]

    def left(self, now: int) -> dict[int, int]:
        """By length of the window: what may still be in it."""
        since = now - self.at
        return {
            length: used if since <= length * 1000 * (SLOTS + 1) // SLOTS else 0
            for (length, _), used in zip(self.caps, self.used, strict=True)
        }


class Alone:
    """What this process knows of the counters, and what it does by itself. Times are milliseconds since 1970."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self.known: OrderedDict[str, Known] = OrderedDict()
        """By key; the one unused longest comes first."""
        self._windows = Windows(MAX_COUNTERS)
        """What is done alone; of a shared counter, the customers' parts beside it."""
        self._taken: dict[Reservation, Reservation] = {}
        """Those that are open, and what they hold in `_windows`."""
        self._passed: OrderedDict[tuple[str, str], Charge] = OrderedDict()
        """By counter and customer: a charge of those that passed something, the one untouched longest first."""

    def learn(self, charge: Charge, used: list[int], now: int) -> None:
        """So much do all processes use there."""
        self.known[charge.key] = Known(now, charge.caps, used)
        self.known.move_to_end(charge.key)
        if len(self.known) > MAX_KNOWN:
            self.known.popitem(last=False)

    def reserve(self, charges: tuple[Charge, ...], now: int) -> Reservation | Shortfall:
        """Room in the share for all, or for none."""
        parts = [part for charge in charges for part in self._parts(charge, now)]
        taken = self._windows.reserve(tuple(parts), now)
        if isinstance(taken, Shortfall):
            index = [at for at, charge in enumerate(charges) for _ in self._parts(charge, now)][taken.charge]
            cap = dict(charges[index].caps)[taken.window]
            seconds = taken.seconds
            if seconds == inf and charges[index].amount <= cap:
                seconds = float(taken.window)  # not in this process's share; but Redis will be back
            return Shortfall(index, taken.window, cap, seconds)
        used = [[use.used for use in windows] for windows in self.usage(charges, now)]
        reservation = Reservation(charges, used, alone=True)
        self._taken[reservation] = taken
        return reservation

    def settle(self, reservation: Reservation, passed: list[int], now: int) -> None:
        """Count what passed, give back the rest."""
        kept: list[int] = []
        for charge, amount in zip(reservation.charges, passed, strict=True):
            kept += [amount] * (2 if charge.among else 1)
            if amount:
                self._passed[charge.key, charge.among] = charge
                self._passed.move_to_end((charge.key, charge.among))
                if len(self._passed) > MAX_COUNTERS:
                    self._passed.popitem(last=False)
        self._windows.settle(self._taken.pop(reservation), kept, now)

    def usage(self, charges: tuple[Charge, ...], now: int) -> list[list[Use]]:
        """How the windows stand, as far as this process knows."""
        stand: list[list[Use]] = []
        for charge in charges:
            left, share = self._left(charge.key, now), self._parts(charge, now)[0]
            own = self._windows.usage((share,), now)[0]
            stand.append([
                Use(length, cap, left.get(length, 0) + use.used, min(use.seconds, inf if cap == 0 else float(length)))
                for (length, cap), use in zip(charge.caps, own, strict=True)
            ])  # fmt: skip
        return stand

    def hand_over(self, now: int) -> tuple[list[Reservation], list[tuple[Charge, list[int]]]]:
        """What was done alone, to be told to all: the open reservations, and what passed in each window of a charge.

        It counts as known from now on, and no longer as done alone.
        """
        passed: list[tuple[Charge, list[int]]] = []
        for charge in self._passed.values():
            lengths = [length for length, _ in charge.caps]
            amounts = self._windows.passed(charge.own_key if charge.among else charge.key, lengths, now)
            left = self._left(charge.key, now)
            self.learn(charge, [left.get(length, 0) + more for length, more in zip(lengths, amounts, strict=True)], now)
            passed.append((charge, amounts))
        taken = list(self._taken)
        for reservation in taken:
            reservation.alone = False
        if taken or passed:
            self._windows, self._taken, self._passed = Windows(MAX_COUNTERS), {}, OrderedDict()
        return taken, passed

    def _left(self, key: str, now: int) -> dict[int, int]:
        known = self.known.get(key)
        return known.left(now) if known else {}

    def _parts(self, charge: Charge, now: int) -> list[Charge]:
        """The charge with this process's share of the room as caps; where it is shared, the customer's part too."""
        left = self._left(charge.key, now)
        room = [(length, max(0, cap - left.get(length, 0)) // self._processes) for length, cap in charge.caps]
        parts = [Charge(charge.key, charge.amount, tuple(room))]
        if charge.among:
            unbounded = tuple((length, _UNBOUNDED) for length, _ in charge.caps)
            parts.append(replace(charge, key=charge.own_key, caps=unbounded, among=""))
        return parts
