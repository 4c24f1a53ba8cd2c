"""Activity of credentials: what `filters.activity` says of one, counted for all processes together. In memory here;
`activity.lua` does the same in Redis, and tests/test_contracts_activity.py compares them.

Of a credential there are kept

- its past: of each of the last 35 days on which it sent how many recipients there were, and the highest that the other
  numbers were on it;
- the senders, their domains and the networks of the last hour: of each at most MOST_DISTINCT, the newest ones;
- how many recipients each body has had within this hour of the clock, of the MOST_BODIES that have most;
- the signals of the last hour.

So it is bounded, whatever is sent. Who calls makes digests of senders and bodies: no address is here. All expires: the
past after 36 days without mail, then the credential is as new.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import Any

import msgspec

from config.signals import MOST_DISTINCT
from filters.activity import KEPT_DAYS, Activity, Measured
from gateway.ledger.model import key

HOUR, DAY = 3_600_000, 86_400_000
"""Milliseconds."""
MOST_BODIES = 100
MAX_CREDENTIALS = 20_000
"""Of which memory knows anything; beyond that the one unused longest is forgotten, and as new."""
QUIET = 10_000
"""Milliseconds after `SETTLE` in which nothing is counted: by then every node knows of the lock."""
COUNTERS = ("past", "senders", "domains", "networks", "bodies", "signals")
"""Of one credential; each stands at its key, =, and this."""
_encode = msgspec.msgpack.Encoder().encode
answers_in = msgspec.msgpack.Decoder(list[list[Any]]).decode
"""What the script said to each operation; raises msgspec.DecodeError."""


class Kind(IntEnum):
    """What `activity.lua` does."""

    LOOK = 1
    """The numbers as they are when this message has passed."""
    COUNT = 2
    """It has passed."""
    SIGNAL = 3
    """These signals were seen; which were within the hour?"""
    GUESSED = 4
    """Its password may have been guessed."""
    SETTLE = 5
    """It is locked: forget what led to that, so that it does not lock again when the lock is lifted."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One message, as it is counted."""

    senders: tuple[str, ...]
    domains: tuple[str, ...]
    network: str
    body: str
    recipients: int
    """At least 1."""


@dataclass(frozen=True, slots=True)
class Watch:
    """One operation on a credential."""

    kind: Kind
    customer: str
    credential: str
    passage: Passage | None = None
    """For LOOK and COUNT."""
    codes: tuple[str, ...] = ()
    """For SIGNAL."""

    @property
    def key(self) -> str:
        """What the keys of the credential's counters begin with."""
        return _key(self.customer, self.credential)


@lru_cache(maxsize=10_000)
def _key(customer: str, credential: str) -> str:
    return key("activity", "customer", customer, credential)


Answer = list[Any]
"""Numbers for LOOK (`activity_of`), the codes of the last hour for SIGNAL, else empty."""


def activity_of(answer: Answer) -> Activity:
    """What LOOK answered."""
    days, guessed, *numbers = answer
    recipients, senders, domains, networks, body = (
        Measured(*pair) for pair in zip(numbers[:5], numbers[5:], strict=True)
    )
    return Activity(days, recipients, senders, domains, networks, body, bool(guessed))


def message(now: int, watches: Sequence[Watch]) -> tuple[list[str], bytes]:
    """KEYS and ARGV of the call that does these operations; `now` in ms, 0 is the server's own."""
    listed: list[list[object]] = []
    for watch in watches:
        one, passage = [watch.kind, watch.codes], watch.passage
        if passage is not None:
            one = [watch.kind, passage.senders, passage.domains, (passage.network,), passage.body, passage.recipients]
        listed.append(one)
    return [watch.key for watch in watches], _encode((now, listed))


@dataclass(slots=True)
class _Credential:
    """What is kept of one."""

    first: int
    """Day."""
    quiet: int = 0
    """Until then, in ms, nothing is counted."""
    guessed: int = 0
    """Until then."""
    days: dict[int, list[int]] = field(default_factory=dict)
    """Day -> the five numbers; oldest first."""
    distinct: tuple[dict[str, int], ...] = field(default_factory=lambda: ({}, {}, {}))
    """Senders, domains and networks: when each was seen last."""
    hour: int = 0
    bodies: dict[str, int] = field(default_factory=dict)
    signals: dict[str, int] = field(default_factory=dict)
    """Code -> when it was seen last."""


class ActivityMemory:
    """The activity of credentials in dictionaries. Times are milliseconds since 1970."""

    def __init__(self, most: int = MAX_CREDENTIALS) -> None:
        self._most = most
        self._credentials: OrderedDict[tuple[str, str], _Credential] = OrderedDict()

    def do(self, watch: Watch, now: int) -> Answer:
        """One operation."""
        who = (watch.customer, watch.credential)
        known = self._credentials.get(who)
        if known is not None and known.days and now // DAY - max(known.days) > KEPT_DAYS:
            known = None
        held = known or _Credential(now // DAY)
        if watch.kind is not Kind.LOOK:
            self._credentials[who] = held
            self._credentials.move_to_end(who)
            if len(self._credentials) > self._most:
                self._credentials.popitem(last=False)
        match watch.kind:
            case Kind.GUESSED:
                held.guessed = now + HOUR
            case Kind.SETTLE:
                days = {day: numbers for day, numbers in held.days.items() if day < now // DAY}
                self._credentials[who] = _Credential(held.first, now + QUIET, days=days)
            case Kind.SIGNAL if now >= held.quiet:
                _forget(held.signals, now)
                held.signals |= dict.fromkeys(watch.codes, now)
                return sorted(held.signals)
            case Kind.LOOK | Kind.COUNT if watch.passage is not None:
                return self._passage(held, watch.kind, watch.passage, now)
        return []

    def _passage(self, held: _Credential, kind: Kind, passage: Passage, now: int) -> Answer:
        if now < held.quiet:
            return [0] * 12 if kind is Kind.LOOK else []
        day = max(now // DAY, *held.days) if held.days else now // DAY
        before = [numbers for at, numbers in held.days.items() if day - KEPT_DAYS <= at < day]
        numbers = [held.days.get(day, [0])[0] + passage.recipients]
        add = kind is Kind.COUNT
        for seen, members in zip(held.distinct, (passage.senders, passage.domains, (passage.network,)), strict=True):
            numbers.append(_distinct(seen, members, now, add=add))
        numbers.append(_reach(held, passage, now, add=add))
        if add:
            past = held.days.pop(day, [0] * 5)
            held.days[day] = [numbers[0], *(max(pair) for pair in zip(numbers[1:], past[1:], strict=True))]
            for old in [at for at in held.days if at < day - KEPT_DAYS]:
                del held.days[old]
            return []
        most = [max((each[at] for each in before), default=0) for at in range(5)]
        return [day - held.first, int(now < held.guessed), *numbers, *most]


def _forget(seen: dict[str, int], now: int) -> None:
    for old in [each for each, at in seen.items() if at <= now - HOUR]:
        del seen[old]


def _distinct(seen: dict[str, int], members: Sequence[str], now: int, *, add: bool) -> int:
    """How many there are, with these. What is older is forgotten when more come."""
    recent = {each for each, at in seen.items() if at > now - HOUR}
    count = min(len(recent.union(members)), MOST_DISTINCT)
    if add:
        grows = not seen.keys() >= set(members)
        seen |= dict.fromkeys(members, now)
        if grows:
            _forget(seen, now)
        while len(seen) > MOST_DISTINCT:
            del seen[min(seen, key=lambda each: (seen[each], each))]
    return count


def _reach(held: _Credential, passage: Passage, now: int, *, add: bool) -> int:
    """The recipients of its body in this hour, with its own."""
    if held.hour != now // HOUR:
        held.hour, held.bodies = now // HOUR, {}
    bodies = held.bodies
    count = bodies.get(passage.body, 0) + passage.recipients
    if add:
        bodies[passage.body] = count
        if len(bodies) > MOST_BODIES:
            del bodies[min(bodies, key=lambda each: (bodies[each], each))]
    return count
