"""Replay: a decision about one recipient taken again, from what the registry had on record at the time. Pure.

Events are never changed and standings are built from them, so what was known then can be built again. But a decision
is taken a moment after its time, an event is committed a moment after the time it bears, an import's hours after, and
clocks of two nodes differ: whether a decision saw an event recorded within AROUND of it, or one of an import that was
running, cannot be told from times alone. What it saw was the registry up to some event, though. So where the plain
reading does not give what was decided, each such end is tried, and the answer names the events that make the
difference. Events at any other time are never left out or put in.

An erasure removes what identifies a person and leaves the events. But where the address itself cannot be read any
more, its domain and its hashes are not known, so that stops which stand for those are missing (`Filed.whole`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from consent.decide import Decision, decide
from consent.mailing import Mailing
from consent.model import Event, Known, Standing, State
from consent.profiles import Profile
from consent.standing import blocked_too, build

AROUND = 15_000_000
"""Microseconds: longer than a look-up or a commit waits at most, clocks included."""
_MOST_ENDS = 100
"""Events around a decision that are tried; nobody has as many but by a file that was made for it."""

Numbered = tuple[int, Event]
"""An event with its number in the registry."""
_There = Callable[[int, Event], bool]


@dataclass(frozen=True, slots=True)
class Filed:
    """All events that bear on one recipient, oldest first."""

    own: Sequence[Numbered] = ()
    """Of the address, at the customer."""
    own_domain: Sequence[Numbered] = ()
    operator: Sequence[Numbered] = ()
    """Of the address, at the operator."""
    operator_domain: Sequence[Numbered] = ()
    own_hashed: Sequence[Sequence[Numbered]] = ()
    """Of each hash of the address."""
    operator_hashed: Sequence[Sequence[Numbered]] = ()
    whole: bool = True
    """False: the address could not be read, and only what is filed under its own key is here."""

    def events(self) -> Iterator[Numbered]:
        """All of them, in no order."""
        for part in (self.own, self.own_domain, self.operator, self.operator_domain):
            yield from part
        for part in (*self.own_hashed, *self.operator_hashed):
            yield from part

    def known(self, there: _There) -> Known:
        """What a look-up would give, if only those events were there of which `there` says so."""

        def standing(events: Sequence[Numbered]) -> Standing:
            return build(each for each in events if there(*each))

        own, operator = standing(self.own), standing(self.operator)
        for events in self.own_hashed:
            own = blocked_too(own, standing(events))
        for events in self.operator_hashed:
            operator = blocked_too(operator, standing(events))
        return Known(own, standing(self.own_domain), operator, standing(self.operator_domain))

    @property
    def erased(self) -> int | None:
        """When the person's data were erased at the customer, the last time; None: never."""
        return max((event.recorded for _, event in self.own if event.state is State.ERASED), default=None)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of it."""

    decision: Decision
    agrees: bool
    around: tuple[int, ...] = ()
    """Numbers of events recorded around that time on which it depends. Then `decision` is what agrees."""


def replay(
    filed: Filed,
    mailing: Mailing,
    profiles: Mapping[str, Profile],
    at: int,
    agrees: Callable[[Decision], bool],
    imports: Mapping[str, int | None],
) -> Replayed:
    """Decide again as at `at` (microseconds); `agrees` says whether a decision is the one that was taken.

    `imports` says of each import when it ended; None, or none of that id: not known, so that it may have been running.
    """
    plain = decide(mailing, filed.known(lambda _, event: event.recorded <= at), profiles, at)
    if agrees(plain):
        return Replayed(plain, True)
    unsure = {number: event for number, event in filed.events() if _unsure(event, at, imports)}
    newest = sorted(unsure, reverse=True)[:_MOST_ENDS]
    for end in (*newest, newest[-1] - 1) if newest else ():

        def there(number: int, event: Event, end: int = end) -> bool:
            return number <= end if number in unsure else event.recorded <= at

        decision = decide(mailing, filed.known(there), profiles, at)
        if agrees(decision):
            around = [each for each in unsure if (each <= end) != (unsure[each].recorded <= at)]
            return Replayed(decision, True, tuple(sorted(around)))
    return Replayed(plain, False)


def _unsure(event: Event, at: int, imports: Mapping[str, int | None]) -> bool:
    """Whether a decision of that time may have seen it or not."""
    if event.recorded > at + AROUND:
        return False
    ended = imports.get(event.import_id) if event.import_id else event.recorded
    return ended is None or at <= ended + AROUND
