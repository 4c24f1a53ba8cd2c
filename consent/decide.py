"""Decide: may this mail go to this recipient now? Pure; spec/consent.md section 3.3 as design.md section 9 amends it.

The steps, in order; the first that refuses decides (numbers as in section 3.3; steps 2, 3 and 13 are not about the
audience and are decided elsewhere):

 0  a valid report passes
 1  the customer is suspended, its stream paused
 4  the operator's own stops; whatever they are, the reason is PROVIDER-BLOCK
 5  the address is on file as undeliverable
 6  one-to-one mail passes, unless the person stopped all mail
 7  a confirmation mail passes in answer to a request of the last 7 days, once more at most
 8  withdrawals. A grant lifts them when it is express, came live, later than every one of them that covers this mail,
    and is graded E4 where one is a complaint, else E3
 9  the customer's suppressions. Such a grant also lifts a `manual` one; the others take an event that lifts them
10  a ground: an express consent in scope and force, else a relationship that the recipient's profile lets be one
12  the content duties, found before and handed in

A withdrawal or suppression covers the mail when it is for its party or all, and its list or all. A mail of no list may
be of any, so every list's withdrawal covers it, and only a consent for ALL lists is in its scope. A consent binds one
party: never ALL (R-085). A stop for a whole domain is not lifted by what an address says.

When there is no ground, the reason told is that of whatever comes nearest to one, i.e. is the easiest to mend:
see `NEAREST`. Of the faults of one consent the hardest to mend is told: invalid, scope, expired, evidence.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from consent.grounds import BANNED, day_of, shortcoming
from consent.mailing import Class, Mailing
from consent.model import (
    ALL,
    End,
    Grade,
    Grant,
    Known,
    Reason,
    Relationship,
    RelationshipGrade,
    Request,
    Standing,
    State,
    Suppression,
    Withdrawal,
)
from consent.profiles import Profile, applicable

__all__ = ["NEAREST", "Class", "Decision", "Ground", "Mailing", "decide"]

BANNED_SOURCES = frozenset(("purchased", "rented", "appended", "scraped", "list_broker"))
"""Sources of a list that are refused as any ground (R-098)."""
REQUEST_DAYS = 7
"""For how long after a request its confirmation mail may be sent (R-089)."""
MAX_CONFIRMATIONS = 2
"""Confirmation mails per request (R-092)."""
NEAREST = (
    "EVIDENCE-LOW",
    "GROUND-INCOMPLETE",
    "UNCONFIRMED",
    "CONSENT-EXPIRED",
    "REL-EXPIRED",
    "REFERRAL-USED",
    "SCOPE",
    "CONSENT-INVALID",
    "GROUND-INVALID",
    "SOURCE-BANNED",
    "NO-CONSENT",
)
"""Why there is no ground, nearest to one first: proof or facts may exist and be added, the person may yet confirm or
consent anew, another list or sender may write; what follows can only be asked for from the start."""
_RANK = {code: rank for rank, code in enumerate(NEAREST)}
_DAY = 86_400_000_000
_PROVIDER_REASONS = (Reason.SPAMTRAP, Reason.LEGAL, Reason.THREAT, Reason.SANCTION)
"""The operator's suppressions for these stop every mail."""
_UNDELIVERABLE = (Reason.HARD_BOUNCE, Reason.INVALID)


@dataclass(frozen=True, slots=True)
class Ground:
    """What a mail rests on."""

    kind: str
    """express, implied, soft_opt_in, aup_relationship, system, nonbulk or confirmation."""
    event: int = 0
    """Number of the event in the registry; 0 when none is needed."""
    at: int | None = None
    """When it was given or asked for; of a relationship, when it was recorded. None is not known."""
    grade: str = ""
    """"E0" to "E4", "R0" to "R2", or ""."""


@dataclass(frozen=True, slots=True)
class Decision:
    """May it go, and why."""

    allowed: bool
    outcome: Literal["allow", "refuse", "refuse_message", "defer"]
    """`refuse`: this recipient. `refuse_message`: no recipient can have it as it is. `defer`: later perhaps."""
    reason: str | None = None
    """A code of spec/consent.md section 3.4 (`consent.refusals` has its words); None when allowed."""
    ground: Ground | None = None
    reasons: tuple[str, ...] = ()
    """Every step that spoke, in order: code, then what on file made it so. For the audit and the operator, never for a
    customer: they name the operator's records."""


_ALLOW_SYSTEM = Decision(True, "allow", None, Ground("system"))


def decide(mailing: Mailing, known: Known, profiles: Mapping[str, Profile], now: int) -> Decision:
    """Whether the mailing may go to the recipient of whom this is known, at `now` (microseconds). Never raises for
    anything a standing may hold.

    Stops count even when they are dated after `now` (another node's clock may be ahead), consents do not.
    """
    if mailing.message_class is Class.SYSTEM:
        return _ALLOW_SYSTEM
    if mailing.stream == "suspended":
        return _refuse("TENANT-SUSPENDED")
    if mailing.stream == "paused":
        return Decision(False, "defer", "STREAM-PAUSED", None, ("STREAM-PAUSED",))
    blocked = _operator_block(mailing, known, now)
    if blocked:
        return _refuse("PROVIDER-BLOCK", blocked)
    if mailing.message_class is Class.BULK:
        return _bulk(mailing, known, profiles, now)
    if mailing.message_class is Class.CONFIRMATION:
        return _confirmation(mailing, known, now)
    return _one_to_one(mailing, known, now)


def _refuse(code: str, *details: str) -> Decision:
    return Decision(False, "refuse", code, None, tuple(f"{code}: {each}" for each in details) or (code,))


def _covers(stop: Withdrawal | Suppression, mailing: Mailing) -> bool:
    return stop.party in (ALL, mailing.party) and (mailing.list is None or stop.list in (ALL, mailing.list))


def _withdrawals(standing: Standing, mailing: Mailing) -> list[Withdrawal]:
    return [each for each in standing.withdrawals if _covers(each, mailing)]


def _suppressions(standing: Standing, mailing: Mailing, now: int) -> list[Suppression]:
    return [
        each for each in standing.suppressions if _covers(each, mailing) and (each.until is None or now < each.until)
    ]


def _told(stop: Withdrawal | Suppression) -> str:
    return f"{stop.reason or 'withdrawn'}, event {stop.event}"


def _operator_block(mailing: Mailing, known: Known, now: int) -> str:
    """What of the operator's own stops this mail; "" when nothing does."""
    bulk = mailing.message_class in (Class.BULK, Class.CONFIRMATION)
    for standing in (known.operator, known.operator_domain):
        if standing.suppressions:
            for stop in _suppressions(standing, mailing, now):
                if bulk or stop.stops == "all" or stop.reason in _PROVIDER_REASONS:
                    return _told(stop)
        if standing.withdrawals:
            for withdrawal in _withdrawals(standing, mailing):
                if bulk or withdrawal.stops == "all":
                    return _told(withdrawal)
    return ""


def _one_to_one(mailing: Mailing, known: Known, now: int) -> Decision:
    """Steps 5 and 6, of mail that is not bulk: only a stop of all mail concerns it."""
    withdrawals = [each for each in _withdrawals(known.own, mailing) if each.stops == "all"]
    if withdrawals and _lifting(mailing, known.own, now, withdrawals, ()):
        withdrawals = []
    stops: list[Withdrawal | Suppression] = []
    for standing in (known.own, known.own_domain):
        for stop in _suppressions(standing, mailing, now):
            if stop.stops == "all" and stop.reason in _UNDELIVERABLE:
                return _refuse("RCPT-INVALID", _told(stop))
            if stop.stops == "all":
                stops.append(stop)
    stops += withdrawals
    stops += [each for each in _withdrawals(known.own_domain, mailing) if each.stops == "all"]
    reasons = tuple(f"ALL-MAIL-STOP: {_told(stop)}" for stop in stops)
    if not stops:
        return Decision(True, "allow", None, Ground("nonbulk"))
    if mailing.message_class is Class.MANDATORY and mailing.all_mail_override:
        return Decision(True, "allow", None, Ground("nonbulk"), (*reasons, "overridden by the operator's rule"))
    return Decision(False, "refuse", "ALL-MAIL-STOP", None, reasons)


def _confirmation(mailing: Mailing, known: Known, now: int) -> Decision:
    """Steps 5, 7 and 9, of a mail that asks to confirm an opt-in."""
    request = max(_requests(mailing, known.own, now), key=lambda each: each.at, default=None)
    withdrawals, suppressions = _withdrawals(known.own, mailing), _suppressions(known.own, mailing, now)
    if request is not None:
        withdrawals = [each for each in withdrawals if each.at >= request.at]
        suppressions = [each for each in suppressions if not (_liftable(each) and each.since < request.at)]
    stopped = _stopped(mailing, known, now, withdrawals, suppressions)
    if stopped:
        return stopped
    if request is None or now - request.at > REQUEST_DAYS * _DAY:
        return _refuse("NO-REQUEST")
    if mailing.confirmations_sent >= MAX_CONFIRMATIONS:
        return _refuse("CONFIRMATION-LIMIT", f"request, event {request.event}")
    return Decision(True, "allow", None, Ground("confirmation", request.event, request.at))


def _requests(mailing: Mailing, standing: Standing, now: int) -> Iterator[Request]:
    for request in standing.requests:
        in_scope = request.party == mailing.party and request.list in (ALL, mailing.list)
        if in_scope and not request.imported and request.at <= now:
            yield request


def _stopped(
    mailing: Mailing, known: Known, now: int, withdrawals: list[Withdrawal], suppressions: list[Suppression]
) -> Decision | None:
    """Steps 5, 8 and 9 for what of the address itself was not lifted, and all that stands for its domain."""
    if known.own_domain.suppressions:
        suppressions = suppressions + _suppressions(known.own_domain, mailing, now)
    if known.own_domain.withdrawals:
        withdrawals = withdrawals + _withdrawals(known.own_domain, mailing)
    dead = [_told(stop) for stop in suppressions if stop.reason in _UNDELIVERABLE]
    if dead:
        return _refuse("RCPT-INVALID", *dead)
    if withdrawals:
        complained = any(each.reason == Reason.COMPLAINT for each in withdrawals)
        return _refuse("COMPLAINT" if complained else "WITHDRAWN", *map(_told, withdrawals))
    if suppressions:
        return _refuse("SUPPRESSED", *map(_told, suppressions))
    return None


def _liftable(stop: Suppression) -> bool:
    """The customer's own hand on bulk mail: a later confirmed opt-in outweighs it."""
    return stop.reason == Reason.MANUAL and stop.stops == "marketing"


def _required(mailing: Mailing) -> Grade:
    return mailing.required if mailing.list_complaint_at is None else max(mailing.required, Grade.E3)


def _fault(mailing: Mailing, grant: Grant, ends: tuple[End, ...], required: int, now: int) -> str:
    """Why an express consent is no ground now; "" when it is one."""
    if grant.flaw:
        return "SOURCE-BANNED" if grant.flaw == BANNED else "CONSENT-INVALID"
    if grant.party != mailing.party or grant.list not in (ALL, mailing.list):
        return "SCOPE"
    if grant.at > now:
        return "NO-CONSENT"
    for end in ends:
        if end.at >= grant.at and end.party in (ALL, grant.party) and end.list in (ALL, grant.list):
            if end.state is State.INVALIDATED:
                return "CONSENT-INVALID"
            if end.state is State.EXPIRED:
                return "CONSENT-EXPIRED"
    if grant.until is not None and grant.until <= now:
        return "CONSENT-EXPIRED"
    return "EVIDENCE-LOW" if grant.grade < required else ""


def _strength(grant: Grant) -> tuple[int, int, bool, int]:
    return (grant.at, grant.grade, not grant.imported, -grant.event)


def _lifting(
    mailing: Mailing,
    standing: Standing,
    now: int,
    withdrawals: list[Withdrawal],
    suppressions: list[Suppression] | tuple[()],
) -> Grant | None:
    """The newest grant that lifts all of these; it is then also the ground."""
    after = max((*(each.at for each in withdrawals), *(each.since for each in suppressions)))
    complained = any(each.reason == Reason.COMPLAINT for each in withdrawals)
    required = max(_required(mailing), Grade.E4 if complained else Grade.E3)
    able = [
        grant
        for grant in standing.grants
        if grant.at > after and not grant.imported and not _fault(mailing, grant, standing.ends, required, now)
    ]
    return max(able, key=_strength, default=None)


def _bulk(mailing: Mailing, known: Known, profiles: Mapping[str, Profile], now: int) -> Decision:
    """Steps 5 and 8 to 12."""
    own = known.own
    withdrawals = _withdrawals(own, mailing) if own.withdrawals else []
    suppressions = _suppressions(own, mailing, now) if own.suppressions else []
    liftable = [each for each in suppressions if _liftable(each)]
    lifting: Grant | None = None
    said: list[str] = []
    if withdrawals or liftable:
        lifting = _lifting(mailing, own, now, withdrawals, liftable)
        if lifting:
            stops = [*map(_told, withdrawals), *map(_told, liftable)]
            said = [f"lifted by consent, event {lifting.event}: {stop}" for stop in stops]
            withdrawals, suppressions = [], [each for each in suppressions if each not in liftable]
    if withdrawals or suppressions or known.own_domain.suppressions or known.own_domain.withdrawals:
        stopped = _stopped(mailing, known, now, withdrawals, suppressions)
        if stopped:
            return stopped
    if mailing.list_source in BANNED_SOURCES:
        return _refuse("SOURCE-BANNED", f"list source {mailing.list_source}")
    ground, faults = _express(mailing, own, now) if lifting is None else (_of_grant(lifting), [])
    if ground is None:
        ground = _relationship(mailing, own, profiles, now, faults)
    if ground is None:
        return _groundless(mailing, own, now, faults)
    if mailing.missing:
        said += [f"CONTENT: {each}" for each in mailing.missing]
        return Decision(False, "refuse_message", "CONTENT", ground, tuple(said))
    said += [f"{code}: {what}" for code, what in faults]
    return Decision(True, "allow", None, ground, tuple(said))


def _of_grant(grant: Grant) -> Ground:
    # A consent of an unknown time stands at the beginning of time (consent.standing).
    return Ground("express", grant.event, grant.at or None, f"E{grant.grade}")


def _express(mailing: Mailing, standing: Standing, now: int) -> tuple[Ground | None, list[tuple[str, str]]]:
    """The newest express consent that is a ground, or why none is."""
    required = _required(mailing)
    best: Grant | None = None
    faults: list[tuple[str, str]] = []
    for grant in standing.grants:
        fault = _fault(mailing, grant, standing.ends, required, now)
        if fault:
            faults.append((fault, f"consent, event {grant.event}"))
        elif best is None or _strength(grant) > _strength(best):
            best = grant
    return (_of_grant(best) if best else None), faults


def _relationship(
    mailing: Mailing,
    standing: Standing,
    profiles: Mapping[str, Profile],
    now: int,
    faults: list[tuple[str, str]],
) -> Ground | None:
    """The best evidenced relationship that is a ground; why the others are none goes to `faults`."""
    if not standing.relationships:
        return None
    profile = applicable(standing.country, mailing.profiles, profiles)
    grounds = profile.grounds if profile else {}
    circumstances = (("person", mailing.sender_is_person), ("charity", mailing.charity))
    given = [name for name, holds in (*circumstances, ("uk_corporate", mailing.uk_corporate)) if holds]
    minimum = mailing.minimum_relationship
    required = minimum if mailing.list_complaint_at is None else max(minimum, RelationshipGrade.R2)
    best: Relationship | None = None
    for each in standing.relationships:
        fault = "SCOPE"
        if each.party == mailing.party:
            fault = shortcoming(
                each,
                grounds.get(each.related.kind),
                given=given,
                today=day_of(now),
                required=required,
                cap=mailing.max_age_months,
            ) or _over(each, standing.ends, now)
        if fault:
            faults.append((fault, f"relationship, event {each.event}"))
        elif best is None or (each.grade, -each.event) > (best.grade, -best.event):
            best = each
    if best is None:
        return None
    return Ground(grounds[best.related.kind].ground, best.event, best.recorded, f"R{best.grade}")


def _over(each: Relationship, ends: tuple[End, ...], now: int) -> str:
    """A relationship ends at its own time, and what the operator voids for all lists it voids too."""
    for end in ends:
        voids = end.state is State.INVALIDATED and end.list == ALL and end.party in (ALL, each.party)
        if voids and end.at >= each.recorded:
            return "GROUND-INVALID"
    return "REL-EXPIRED" if each.until is not None and each.until <= now else ""


def _groundless(mailing: Mailing, standing: Standing, now: int, faults: list[tuple[str, str]]) -> Decision:
    """Refuse for the reason that comes nearest to a ground."""
    for request in standing.requests:
        if request.party == mailing.party and request.list in (ALL, mailing.list) and request.at <= now:
            faults.append(("UNCONFIRMED", f"request, event {request.event}"))
    faults.sort(key=lambda fault: _RANK[fault[0]])
    reasons = tuple(f"{code}: {what}" for code, what in faults)
    return Decision(False, "refuse", faults[0][0] if faults else "NO-CONSENT", None, reasons or ("NO-CONSENT",))
