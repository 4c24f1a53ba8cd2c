"""Words: how the values of the model are told to people: times, grades, states, and what an event's grade rests on."""

from contextlib import suppress
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from consent.model import Event, Grade, Reason, RelationshipGrade, State, moment
from consent.records import Recorded

SUBJECTS = ("address", "domain", "hash")
"""Personal fields that name the subject itself: a suppression may be of a domain or of a hash alone."""

_GRADES = {
    Grade.E0: "bare assertion: no time and source are on file",
    Grade.E1: "time and source; no address or user agent, or no notice",
    Grade.E2: "time and source, network address or user agent, and the notice shown (single opt-in)",
    Grade.E3: "confirmed opt-in, by the log of whoever ran the confirmation",
    Grade.E4: "confirmed opt-in that this gateway itself sent and saw confirmed",
}
_RELATIONSHIP_GRADES = {
    RelationshipGrade.R0: "bare assertion",
    RelationshipGrade.R1: "kind, date and a reference to the sender's own document",
    RelationshipGrade.R2: "hash of the document, or the message ids of a two-way exchange",
}
STATES = {
    State.REQUESTED: "asked for; not confirmed",
    State.GIVEN: "consent given",
    State.CONFIRMED: "consent confirmed by the mailbox",
    State.REFUSED: "consent refused",
    State.WITHDRAWN: "consent withdrawn",
    State.EXPIRED: "consent expired",
    State.INVALIDATED: "consent found void by the operator",
    State.RELATED: "relationship",
    State.SUPPRESSED: "suppressed: not to be written to",
    State.LIFTED: "suppression lifted",
    State.ERASED: "personal data erased at the person's request",
}


def time_text(value: int | None) -> str | None:
    """A time of the model as ISO 8601 in UTC; None stays None, and a time beyond the calendar is its number."""
    if value is None:
        return None
    try:
        return moment(value).isoformat()
    except OverflowError:
        return f"{value} microseconds"


def clock(value: int | None) -> str:
    """A time of the model for people, in UTC to the second; "not known" for None."""
    if value is None:
        return "not known"
    try:
        return f"{moment(value):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return "beyond the calendar"


def local_clock(value: int | None, zone: str) -> str:
    """A time in the offset or zone in which it was told ("+02:00", "Europe/Paris"); empty where that is unknown."""
    tz = _zone(zone)
    if value is None or tz is None:
        return ""
    try:
        return f"{moment(value).astimezone(tz):%Y-%m-%d %H:%M:%S} {zone}"
    except OverflowError:
        return ""


def _zone(zone: str) -> tzinfo | None:
    with suppress(ValueError):
        return datetime.strptime(zone, "%z").tzinfo
    try:
        return ZoneInfo(zone) if zone else None
    except (KeyError, ValueError, OSError):
        return None


def grade_text(event: Event) -> str:
    """The event's grade as people write it: "E2" of a consent, "R1" of a relationship, else nothing."""
    if event.state is State.RELATED:
        return RelationshipGrade(event.grade).name
    return Grade(event.grade).name if event.state in (State.GIVEN, State.CONFIRMED) else ""


def rests_on(event: Event) -> str:
    """What the event's grade rests on, in words; nothing where an event has no grade."""
    if event.state is State.RELATED:
        return _RELATIONSHIP_GRADES.get(RelationshipGrade(event.grade), "")
    if event.state in (State.GIVEN, State.CONFIRMED):
        return _GRADES[Grade(event.grade)]
    return ""


def witness(event: Event) -> str:
    """Who saw it: only a confirmation of our own (E4), an unsubscribe undone on our page, and what recipients and
    operators did here is witnessed."""
    if event.imported:
        return f"declared by import{f' (line {event.line})' if event.line else ''}, not witnessed"
    undone = event.state is State.CONFIRMED and event.origin.startswith("unsubscribe:")
    if undone or (event.state is State.CONFIRMED and event.grade >= Grade.E4):
        return "witnessed by this gateway"
    if event.state in (State.GIVEN, State.CONFIRMED, State.REQUESTED, State.RELATED):
        return "declared, not witnessed"
    return ""


def in_public(found: Recorded) -> Recorded:
    """An event as the customer or the recipient may see it.

    The operator's own people and machines are not named. Nobody learns from us who complained (RFC 6449 section
    4.3.1): a complaint that the customer has not itself told us of looks like any unsubscribe.
    """
    event = found.event
    if event.reason == Reason.COMPLAINT and not event.imported and event.entity != "tenant":
        event = replace(
            event, reason=Reason.UNSUBSCRIBE.value, entity="recipient", method="", source="", origin="", actor="",
            stops="marketing", commitments={},
        )  # fmt: skip
        personal = found.personal and {name: found.personal[name] for name in SUBJECTS if name in found.personal}
        return Recorded(found.number, event, personal, found.batch)
    if "@" in event.actor:
        return Recorded(found.number, replace(event, actor="the operator"), found.personal, found.batch)
    return found
