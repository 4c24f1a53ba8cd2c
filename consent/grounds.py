"""Grounds: whether a relationship lets bulk mail be sent under one jurisdiction's profile, and if not, why not. Pure.

A day is a day in UTC, counted as `date.toordinal` does.
"""

from calendar import monthrange
from collections.abc import Collection
from datetime import date

from consent.model import Kind, Related, Relationship, RelationshipGrade
from consent.profiles import SAID, Implied

PERSONAL = (Kind.PERSONAL, Kind.FAMILY)
"""No ground for an organisation, under any profile (R-097)."""
BANNED = "banned_source"
"""Flaw of what came from a source that can never be a ground (R-098)."""
FOREVER = date.max.toordinal()
"""The last day there is."""
_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 86_400_000_000
"""Microseconds."""


def day_of(now: int) -> int:
    """The day in UTC of a time in microseconds, as an ordinal."""
    return _EPOCH + now // _DAY


def months_after(day: date, months: int) -> int:
    """The ordinal of the same day so many calendar months later, or of that month's last day where it has no such
    day: two years after 29 February is 28 February. Past the calendar's end, FOREVER."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    if year > date.max.year:
        return FOREVER
    return date(year, month, min(day.day, monthrange(year, month)[1])).toordinal()


def last_day(related: Related, implied: Implied, cap: int | None) -> int:
    """The ordinal of the last day on which it is a ground; FOREVER while it goes on or when nothing limits it.

    `cap`: months that the operator lets a relationship last at most. Raises ValueError when a date is none.
    """
    start = related.basis
    if implied.ongoing and related.ended:
        start = related.ended
    elif implied.ongoing and related.ongoing:
        return FOREVER
    months = [limit for limit in (implied.months, cap) if limit is not None]
    return months_after(date.fromisoformat(start), min(months)) if months else FOREVER


def shortcoming(
    relationship: Relationship,
    implied: Implied | None,
    *,
    given: Collection[str],
    today: int,
    required: RelationshipGrade,
    cap: int | None,
) -> str:
    """Why it is no ground, as a reason code of spec/consent.md; "" when it is one.

    `implied` is what the profile says of its kind, None when nothing; `given` names the needs that the mailing itself
    fulfils (person, charity, uk_corporate). Of several faults the one that is hardest to mend is told.
    """
    related = relationship.related
    if related.kind in PERSONAL and "person" not in given:
        return "GROUND-INVALID"
    if implied is None or ("uk_corporate" in implied.needs and "uk_corporate" not in given):
        return "NO-CONSENT"
    if relationship.flaw:
        return "SOURCE-BANNED" if relationship.flaw == BANNED else "GROUND-INVALID"
    missing = [need for need in implied.needs if not _met(need, relationship, given)]
    if related.basis < implied.since or any(_denied(need, related) for need in missing):
        return "GROUND-INVALID"
    if implied.once and related.ended:
        return "REFERRAL-USED"
    try:
        if last_day(related, implied, cap) < today:
            return "REL-EXPIRED"
        begun = date.fromisoformat(related.basis).toordinal() <= today
    except ValueError:
        return "GROUND-INCOMPLETE"
    if not begun or any(need != "two_way" for need in missing):
        return "GROUND-INCOMPLETE"
    return "EVIDENCE-LOW" if missing or relationship.grade < required else ""


def _met(need: str, relationship: Relationship, given: Collection[str]) -> bool:
    if need in SAID:
        return getattr(relationship.related, need) is True
    if need == "no_refusal":
        return relationship.related.no_unsolicited_statement is False
    if need == "two_way":
        return relationship.grade >= RelationshipGrade.R2
    return need in given


def _denied(need: str, related: Related) -> bool:
    """On record is the contrary of what is needed. An inquiry that nobody called a negotiation may still be one."""
    if need == "no_refusal":
        return related.no_unsolicited_statement is True
    return need in SAID and need != "negotiation" and getattr(related, need) is False
