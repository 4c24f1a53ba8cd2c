"""Told: what a customer, a person or the operator says here and now about an address, made into events. Pure.

A live event is believed as live only when it happened within 15 minutes of being told; what is told later counts as
imported, and so never lifts a withdrawal. A grade is what the evidence reaches: E2 at most, for what Postern has not
seen itself is a word given (R-084).
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from consent.imports.grades import banned, document_reference, grade, ip_evidence, relationship_grade
from consent.imports.row import Subject
from consent.imports.statements import nameless
from consent.model import ALL, Event, Grade, Kind, Reason, Related, State, Stops, micros

LIVE = timedelta(minutes=15)
"""How far from its being told an event may have happened to be believed as live."""
METHODS = ("web_form", "coi", "api", "paper", "verbal", "pos", "event", "contract")
"""How a consent may have been collected, where it does not come from a file."""
MOST_WORDS = 500
"""Characters of a reason in words."""
_LIVE = LIVE // timedelta(microseconds=1)


class ConsentRefused(Exception):
    """What was told cannot be recorded; the text names the field and the fix, and repeats nothing personal."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is told about one address. Texts are bounded and printable; whoever makes one sees to that."""

    state: State
    list: str | None = None
    """A list's id; None is everything from the sender."""
    at: datetime | None = None
    """When it happened, aware; None is now."""
    ip: str = ""
    user_agent: str = ""
    form_url: str = ""
    source: str = ""
    """A page or a form; nothing that names the person."""
    method: str = ""
    """One of METHODS; empty goes by what else is told."""
    notice: str = ""
    """Id of the notice shown."""
    language: str = ""
    country: str = ""
    until: datetime | None = None
    reason: str = ""
    """Of a withdrawal: a `consent.model.Reason`, or words."""
    stops: Stops = "marketing"

    def when(self, now: int) -> tuple[int, bool, str]:
        """(when it happened, whether that is too long ago to be believed as live, the offset it was told in).

        Raises ConsentRefused for a time that is yet to come; up to 15 minutes ahead is taken for a clock that is wrong.
        """
        if self.at is None:
            return now, False, ""
        at = micros(self.at)
        if at - now > _LIVE:
            raise ConsentRefused("at: lies in the future: send the time at which it happened, with its offset")
        return min(at, now), now - at > _LIVE, offset(self.at)

    @property
    def personal(self) -> dict[str, str]:
        """What in it identifies the person, beside the address."""
        told = self.source if self.source != self.page else ""
        named = {"ip": self.ip, "user_agent": self.user_agent, "form_url": self.form_url, "source_ref": told}
        return {name: value for name, value in named.items() if value}

    @property
    def page(self) -> str:
        """The source as it may be kept for ever."""
        return nameless(self.source)


def offset(time: datetime) -> str:
    """The offset of an aware time as the model keeps it, such as "+02:00"."""
    return time.isoformat()[-6:] if time.utcoffset() else "+00:00"


def given(
    told: Told, party: str, now: int, *, actor: str, origin: str, default_checked: bool
) -> tuple[Event, dict[str, str]]:
    """The event of a request, a consent or a confirmation, and its personal fields; raises ConsentRefused.

    `default_checked`: the notice is known to be pre-ticked, so that this is never a ground (R-083).
    """
    at, imported, zone = told.when(now)
    until = None if told.until is None else micros(told.until)
    if until is not None and until <= at:
        raise ConsentRefused("until: lies before the consent itself: leave it out, or send when the consent ends")
    if banned(told.source) or banned(told.method):
        raise ConsentRefused("source: purchased, rented, appended and scraped addresses are no ground for any mail")
    source = told.source or told.form_url
    consents = told.state in (State.GIVEN, State.CONFIRMED)
    reached = grade(
        at=at, source=source, ip=ip_evidence(told.ip), user_agent=told.user_agent, notice=told.notice, best=Grade.E2
    )
    event = Event(
        state=told.state,
        party=party,
        list=told.list or ALL,
        at=at,
        recorded=now,
        zone=zone,
        grade=reached if consents else 0,
        imported=imported,
        until=until,
        ground="express" if consents else "",
        method=told.method or ("web_form" if told.form_url else "api"),
        flaw="default_checked" if default_checked else "",
        entity="recipient",
        actor=actor,
        notice=told.notice,
        source=told.page,
        origin=origin,
        country=told.country,
        language=told.language,
    )
    return event, told.personal


def reasoned(text: str, allowed: tuple[Reason, ...], otherwise: Reason) -> tuple[str, dict[str, str]]:
    """A reason as the model has it, and what is kept sealed of one that was told in words.

    Raises ConsentRefused for a code that does not fit here.
    """
    if not text or text in allowed:
        return text or otherwise, {}
    if text in list(Reason):
        raise ConsentRefused(f"reason: {text!r} does not fit here; it is one of {', '.join(allowed)}, or words")
    return otherwise, {"reason": text}


@dataclass(frozen=True, slots=True)
class Dealing:
    """A relationship as it is told (spec/consent.md section 3.2)."""

    kind: Kind
    basis: date
    ongoing: bool = False
    ended: date | None = None
    similar_products: bool | None = None
    optout_offered: bool | None = None
    no_unsolicited_statement: bool | None = None
    relevant: bool | None = None
    negotiation: bool = False
    reference: str = field(default="", repr=False)
    """The customer's own document: its number, its SHA-256, or the message ids of a two-way exchange."""
    country: str = ""
    until: datetime | None = None


def related(
    dealing: Dealing, party: str, now: datetime, *, actor: str, origin: str, entity: str, reference_key: bytes
) -> tuple[Event, dict[str, str]]:
    """The event of a relationship and its personal fields; raises ConsentRefused."""
    # A day that has begun anywhere on earth is not in the future.
    if dealing.basis > (now + timedelta(hours=14)).date():
        raise ConsentRefused("basis: lies in the future: send the date of the purchase, inquiry or other beginning")
    if dealing.ended is not None and dealing.ended < dealing.basis:
        raise ConsentRefused("ended: lies before basis: send the date on which the relationship ended")
    if dealing.ended is not None and dealing.ongoing:
        raise ConsentRefused("ended: a relationship that is ongoing has not ended: send one of the two")
    recorded = micros(now)
    until = None if dealing.until is None else micros(dealing.until)
    basis = dealing.basis.isoformat()
    event = Event(
        state=State.RELATED,
        party=party,
        list=ALL,
        at=None,
        recorded=recorded,
        grade=relationship_grade(basis, dealing.reference),
        until=until,
        method="api",
        entity=entity,
        actor=actor,
        origin=origin,
        country=dealing.country,
        related=Related(
            kind=dealing.kind,
            basis=basis,
            ongoing=dealing.ongoing,
            ended=dealing.ended.isoformat() if dealing.ended else None,
            similar_products=dealing.similar_products,
            optout_offered=dealing.optout_offered,
            no_unsolicited_statement=dealing.no_unsolicited_statement,
            relevant=dealing.relevant,
            negotiation=dealing.negotiation,
            reference=document_reference(reference_key, dealing.reference),
        ),
    )
    return event, {"document_ref": dealing.reference} if dealing.reference else {}


@dataclass(frozen=True, slots=True)
class Stop:
    """A suppression as it is told, or what lifts one."""

    subject: Subject = field(repr=False)
    reason: Reason
    list: str | None = None
    """A list's id; None is everything from the sender."""
    stops: Stops | None = None
    """None: as the reason has it."""
    until: datetime | None = None
    words: str = ""
    """Why, in words: kept sealed."""
