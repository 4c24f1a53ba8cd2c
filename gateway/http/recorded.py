"""Recorded: the answer to whatever puts one event on record, and how a decision is shown."""

from datetime import datetime

from pydantic import BaseModel, Field

from consent.decide import Decision, Ground
from consent.model import ALL, moment
from consent.refusals import refusal
from consent.words import grade_text
from gateway.consents import Done


class Batch(BaseModel):
    """The link of the registry's chain that holds an event."""

    number: int = Field(examples=[17])
    hash: str = Field(description="HMAC-SHA-256, hexadecimal.", examples=["9f2c" * 16])


class Recorded(BaseModel):
    """One event, durable in registry and audit."""

    id: int | None = Field(description="Its number; null when it was known already and nothing was recorded.")
    new: bool = Field(description="False when it was told before.")
    state: str = Field(examples=["withdrawn"])
    list: str | None = Field(description="Null: everything from the sender.", examples=["newsletter"])
    party: str | None = Field(description="Null: every party of the customer.", examples=["acme"])
    at: datetime | None = Field(description="When it happened.")
    recorded: datetime
    live: bool = Field(
        description="Told within 15 minutes of its happening. What is told later counts as imported: it never lifts a "
        "withdrawal."
    )
    grade: str | None = Field(description="Reached by the evidence in it: E0 to E2, R0 to R2.", examples=["E2"])
    reason: str | None = Field(examples=["unsubscribe"])
    batch: Batch | None = Field(description="Null when nothing was recorded.")

    @classmethod
    def of(cls, done: Done) -> "Recorded":
        """What became of something that was told."""
        event, batch = done.event, done.batch
        return cls(
            id=done.number,
            new=done.new,
            state=event.state.value,
            list=None if event.list == ALL else event.list,
            party=None if event.party == ALL else event.party,
            at=None if event.at is None else moment(event.at),
            recorded=moment(event.recorded),
            live=not event.imported,
            grade=grade_text(event) or None,
            reason=event.reason or None,
            batch=Batch(number=batch.number, hash=batch.hash) if batch else None,
        )


class GroundShown(BaseModel):
    """What mail rests on."""

    kind: str = Field(description="express, implied, soft_opt_in or aup_relationship.", examples=["express"])
    id: int = Field(description="Number of the event.", examples=[4711])
    at: datetime | None = Field(description="When it was given; of a relationship, when it was recorded.")
    grade: str = Field(examples=["E2"])

    @classmethod
    def of(cls, ground: Ground) -> "GroundShown":
        """A decision's ground."""
        at = None if ground.at is None else moment(ground.at)
        return cls(kind=ground.kind, id=ground.event, at=at, grade=ground.grade)


class Decided(BaseModel):
    """May it be written to, and why."""

    allowed: bool
    reason: str | None = Field(description="A code; null when it is allowed.", examples=["NO-CONSENT"])
    text: str | None = Field(description="The same in words.", examples=["No consent or relationship on file"])
    fix: str | None = Field(description="What to do about it.")
    ground: GroundShown | None = Field(description="What mail rests on; null when it is not allowed.")
    reasons: list[str] = Field(description="Every step that spoke, in order; for admin and auditor only.")


def decided(decision: Decision) -> dict[str, object]:
    """The members of `Decided`."""
    words = refusal(decision.reason) if decision.reason else None
    return {
        "allowed": decision.allowed,
        "reason": decision.reason,
        "text": words.text if words else None,
        "fix": words.fix if words else None,
        "ground": GroundShown.of(decision.ground) if decision.ground else None,
        "reasons": list(decision.reasons),
    }
