"""Standing: what the events of one address come to. Pure.

`apply` takes one event more, `build` all of them. The result depends on which events there are and not on their order
(but for event numbers: of equal facts the smaller number stands), so what is imported late, twice or in pieces makes
no difference, and the stored standing can be proved by building it again. Each part is therefore a choice that
commutes:

- of consents those stay that no other of their scope beats in every way, since which one is needed depends on the
  question (`consent.decide`): the newest may be the least evidenced;
- of requests, withdrawals and ends the newest of each scope and kind stays;
- of relationships what was recorded last of each document;
- an end (consent expired or void, suppression lifted) stays on file, so that it also ends what is recorded after it
  and happened before;
- an erasure drops what was told before it, whenever that comes in. Withdrawals and suppressions stay.

One thing depends on order by intent: of one fact told twice (`Event.identity`) the first recorded counts.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from consent.model import (
    ALL,
    NOTHING,
    End,
    Event,
    Grade,
    Grant,
    Reason,
    Relationship,
    Request,
    Standing,
    State,
    Suppression,
    Withdrawal,
)

MAX_RELATIONSHIPS = 64
"""Documents kept per address: those that last longest. Beyond it order may matter for the shortest ones."""
MAX_EACH = 64
"""Consents kept of one scope, and suppressions of one scope and reason, none of which beats another: nobody has as
many but by a file that was made for it. Beyond it order may matter."""
_DIGITS = 12
"""Of one identity in `Standing.seen`."""
_FOREVER = 1 << 63
"""Later than any time."""
_BY_PERSON = frozenset(
    (Reason.UNSUBSCRIBE, Reason.ONE_CLICK, Reason.WEB, Reason.MAILTO, Reason.COMPLAINT, Reason.ERASURE)
)
"""A suppression for one of these is the person's own word, so a withdrawal: nobody else can lift it."""
_OWN_CLASS = frozenset((Reason.COMPLAINT, Reason.ERASURE, Reason.LEGAL))
_NOT_EXPRESS = "not_express"
"""Flaw of a consent that says itself that it is none: its place is a relationship."""

Part = TypeVar("Part", bound=Request | Withdrawal | End)


def build(events: Iterable[tuple[int, Event]]) -> Standing:
    """The standing of these (number, event); of equal facts the first counts."""
    standing = NOTHING
    for number, event in events:
        standing = apply(standing, event, number) or standing
    return standing


def apply(standing: Standing, event: Event, number: int) -> Standing | None:
    """The standing with one event more, which has this number in the registry; None when it was seen already."""
    seen = _seen(standing.seen, event.identity.hex())
    if seen is None:
        return None
    grants, requests, withdrawals = standing.grants, standing.requests, standing.withdrawals
    relationships, suppressions, ends = standing.relationships, standing.suppressions, standing.ends
    state, recorded = event.state, event.recorded
    if state is State.GIVEN or state is State.CONFIRMED:
        grants = _fewer_grants(_granted(grants, event, number), event)
    elif state is State.REQUESTED:
        request = Request(event.party, event.list, _consented(event), number, event.imported)
        requests = _newest(requests, request, _request_scope)
    elif state is State.RELATED:
        if event.related is not None:
            relation = Relationship(event.party, event.grade, event.related, recorded, number, event.until, event.flaw)
            relationships = _related(relationships, relation)
    elif state is State.SUPPRESSED and event.reason not in _BY_PERSON:
        suppressions = _fewer_suppressions(_suppressed(suppressions, event, number), event)
    elif state is State.LIFTED or state is State.EXPIRED or state is State.INVALIDATED:
        reason = event.reason if state is State.LIFTED else ""
        end = End(event.party, event.list, state, reason, recorded if event.at is None else event.at, number)
        ends = _newest(ends, end, _end_scope)
    else:
        withdrawals = _newest(withdrawals, _withdrawal(event, number), _withdrawal_scope)

    country, told = standing.country, standing.told
    if event.country and (recorded, event.country) > (told, country):
        country, told = event.country, recorded
    new = Standing(grants, requests, withdrawals, relationships, suppressions, country, seen, ends, told)
    return _settled(new) if withdrawals or ends or requests else new


def blocked_too(standing: Standing, hashed: Standing) -> Standing:
    """The standing of an address with what stands for a hash of it: a hash can block, never allow."""
    if hashed is NOTHING:
        return standing
    withdrawals, suppressions = standing.withdrawals + hashed.withdrawals, standing.suppressions + hashed.suppressions
    return msgspec.structs.replace(standing, withdrawals=withdrawals, suppressions=suppressions)


def _settled(standing: Standing) -> Standing:
    """Without what its own erasure, ends and consents have overtaken."""
    grants, requests, suppressions = standing.grants, standing.requests, standing.suppressions
    relationships, country, told = standing.relationships, standing.country, standing.told
    for each in standing.withdrawals:
        if each.reason == Reason.ERASURE and each.party == ALL and each.list == ALL:
            erased = each.at
            grants = tuple(grant for grant in grants if grant.at > erased)
            requests = tuple(request for request in requests if request.at > erased)
            relationships = tuple(relation for relation in relationships if relation.recorded > erased)
            if told <= erased:
                country, told = "", 0
    if requests and grants:
        requests = tuple(request for request in requests if not _answered(request, grants))
    if suppressions and standing.ends:
        suppressions = tuple(stop for stop in suppressions if not _lifted(stop, standing.ends))
    return Standing(
        grants,
        requests,
        standing.withdrawals,
        relationships,
        suppressions,
        country,
        standing.seen,
        standing.ends,
        told,
    )


def _seen(seen: str, identity: str) -> str | None:
    """The sorted identities with one more; None when it is among them."""
    if not seen:
        return identity
    at = bisect_left(range(len(seen) // _DIGITS), identity, key=lambda n: seen[n * _DIGITS : (n + 1) * _DIGITS])
    at *= _DIGITS
    if seen.startswith(identity, at):
        return None
    return seen[:at] + identity + seen[at:]


def _consented(event: Event) -> int:
    """When a consent or request counts from: never later than we learned it, and of an unknown time from as early as
    can be (spec/consent.md section 3.3, ties)."""
    if event.at is None:
        return 0 if event.imported else event.recorded
    return min(event.at, event.recorded)


def _granted(grants: tuple[Grant, ...], event: Event, number: int) -> tuple[Grant, ...]:
    flaw = event.flaw or ("" if event.ground in ("", "express") else _NOT_EXPRESS)
    new = Grant(event.party, event.list, _consented(event), event.grade, event.imported, event.until, flaw, number)
    return _front(grants, new, _beats, _grant_order) if grants else (new,)


def _fewer_grants(grants: tuple[Grant, ...], event: Event) -> tuple[Grant, ...]:
    """At most MAX_EACH of the event's scope."""
    mine = [each for each in grants if (each.party, each.list) == (event.party, event.list)]
    if len(mine) <= MAX_EACH:
        return grants
    least = min(mine, key=_worth)
    return tuple(each for each in grants if each is not least)


def _worth(grant: Grant) -> tuple[object, ...]:
    """Greater for what serves longer; whatever beats another is worth as much at least."""
    return (not grant.flaw, _end_of(grant.until), grant.grade, not grant.imported)


def _beats(one: Grant, other: Grant) -> bool:
    """Whether `one` serves wherever `other` does."""
    return (
        one.party == other.party
        and one.list == other.list
        and one.at >= other.at
        and one.grade >= other.grade
        and one.imported <= other.imported
        and _end_of(one.until) >= _end_of(other.until)
        and (not one.flaw or one.flaw == other.flaw)
    )


def _end_of(until: int | None) -> int:
    return _FOREVER if until is None else until


def _grant_order(grant: Grant) -> tuple[object, ...]:
    # Of two that are the same in all this the longer lasting beats the other.
    return (grant.party, grant.list, grant.at, grant.grade, grant.imported, grant.flaw)


def _suppressed(suppressions: tuple[Suppression, ...], event: Event, number: int) -> tuple[Suppression, ...]:
    since = event.recorded if event.at is None else event.at
    # A legal stop has no end but its being lifted (spec/consent.md section 3.2, suppression).
    until = None if event.reason == Reason.LEGAL else event.until
    new = Suppression(event.party, event.list, event.reason, event.stops, since, until, number)
    return _front(suppressions, new, _outlasts, _suppression_order)


def _fewer_suppressions(suppressions: tuple[Suppression, ...], event: Event) -> tuple[Suppression, ...]:
    """At most MAX_EACH of the event's scope and reason. What there is more is joined: none is dropped."""
    scope = (event.party, event.list, event.reason, event.stops)
    mine = [each for each in suppressions if _suppression_order(each)[:-1] == scope]
    if len(mine) <= MAX_EACH:
        return suppressions
    # Of these the later one ends earlier: as one that ends as late as the other it stands for both.
    earlier, later = mine[-2:]
    both = msgspec.structs.replace(later, until=earlier.until)
    return tuple(both if each is later else each for each in suppressions if each is not earlier)


def _outlasts(one: Suppression, other: Suppression) -> bool:
    """Whether `one` stops whatever `other` does, and is as hard to lift."""
    return (
        one.party == other.party
        and one.list == other.list
        and one.reason == other.reason
        and one.stops == other.stops
        and one.since >= other.since
        and _end_of(one.until) >= _end_of(other.until)
    )


def _suppression_order(each: Suppression) -> tuple[object, ...]:
    return (each.party, each.list, each.reason, each.stops, each.since)


Fronted = TypeVar("Fronted", bound=Grant | Suppression)


def _front(
    front: tuple[Fronted, ...],
    new: Fronted,
    beats: Callable[[Fronted, Fronted], bool],
    order: Callable[[Fronted], tuple[object, ...]],
) -> tuple[Fronted, ...]:
    """Those that no other beats, sorted."""
    for old in front:
        if beats(old, new):
            if old.event > new.event and beats(new, old):
                return tuple(new if each is old else each for each in front)
            return front
    return tuple(sorted((*(old for old in front if not beats(new, old)), new), key=order))


def _withdrawal(event: Event, number: int) -> Withdrawal:
    at = event.recorded if event.at is None else max(event.at, event.recorded)
    if event.state is State.ERASED:
        return Withdrawal(ALL, ALL, at, Reason.ERASURE, "marketing", number)
    return Withdrawal(event.party, event.list, at, event.reason, event.stops, number)


def _withdrawal_scope(each: Withdrawal) -> tuple[object, ...]:
    return (each.party, each.list, each.stops, each.reason if each.reason in _OWN_CLASS else "")


def _request_scope(each: Request) -> tuple[object, ...]:
    return (each.party, each.list, each.imported)


def _end_scope(each: End) -> tuple[object, ...]:
    return (each.party, each.list, each.state, each.reason)


def _newest(parts: tuple[Part, ...], new: Part, scope: Callable[[Part], tuple[object, ...]]) -> tuple[Part, ...]:
    """The newest of each scope, sorted by scope; of two of one time the one whose reason comes first, then the
    smaller number."""
    if not parts:
        return (new,)
    where = scope(new)
    for old in parts:
        if scope(old) == where:
            if _age(old) <= _age(new):
                return parts
            return tuple(new if each is old else each for each in parts)
    return tuple(sorted((*parts, new), key=scope))


def _age(part: Request | Withdrawal | End) -> tuple[int, str, int]:
    return (-part.at, "" if isinstance(part, Request) else part.reason, part.event)


def _answered(request: Request, grants: tuple[Grant, ...]) -> bool:
    """A confirmed consent of the request's scope came with it or after it. What the customer alone says does not
    answer it: someone who came back after a withdrawal must still be able to confirm."""
    return any(
        grant.party == request.party
        and grant.list == request.list
        and grant.at >= request.at
        and grant.grade >= Grade.E3
        and not grant.flaw
        for grant in grants
    )


def _lifted(each: Suppression, ends: tuple[End, ...]) -> bool:
    return any(
        end.state is State.LIFTED
        and end.reason == each.reason
        and end.at >= each.since
        and end.party in (ALL, each.party)
        and end.list in (ALL, each.list)
        for end in ends
    )


def _related(relationships: tuple[Relationship, ...], new: Relationship) -> tuple[Relationship, ...]:
    """What was recorded last of each document, the longest lasting, sorted by document."""
    if not relationships:
        return (new,)
    document = _document(new)
    for old in relationships:
        if _document(old) == document:
            if _told(old) >= _told(new):
                return relationships
            kept = tuple(new if each is old else each for each in relationships)
            break
    else:
        kept = (*relationships, new)
    if len(kept) > MAX_RELATIONSHIPS:
        kept = tuple(sorted(kept, key=_lasting)[1:])
    return tuple(sorted(kept, key=_document))


def _document(each: Relationship) -> tuple[str, ...]:
    """What makes two relationships the same: the customer's own document, or else kind and date."""
    related = each.related
    if related.reference:
        return (each.party, related.reference)
    return (each.party, "", related.kind, related.basis)


def _told(each: Relationship) -> tuple[object, ...]:
    """The greater was told last; of one time, the more guarded one and then any fixed order."""
    facts = (each.flaw, each.related.ended or "", -each.grade, -_end_of(each.until), msgspec.json.encode(each.related))
    return (each.recorded, *facts, -each.event)


def _lasting(each: Relationship) -> tuple[object, ...]:
    related = each.related
    return (related.ongoing and not related.ended, related.ended or related.basis, *_told(each))
