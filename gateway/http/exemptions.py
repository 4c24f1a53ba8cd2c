"""Exemptions: rules that only observe one customer until a time."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from config.switch import Exemption
from consent.tokens import Role, Token
from gateway.audit.record import Act
from gateway.http.auth import caller
from gateway.http.context import Asked, Context, by
from gateway.http.fields import CustomerId, When
from gateway.http.problems import Problem
from gateway.http.switching import HELD, Why, recorded, switched
from gateway.switching import checked_rule

RuleCode = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40), Field(examples=["HDR-DATE"])
]


class ExemptionShown(BaseModel):
    """An exemption."""

    id: str = Field(description="It stands with each finding that it made observed.", examples=["d7b037b2a659"])
    customer: str
    rule: str = Field(examples=["HDR-DATE"])
    until: datetime
    in_force: bool
    reason: str
    since: datetime

    @classmethod
    def of(cls, found: Exemption, now: datetime) -> "ExemptionShown":
        """As the registry has it."""
        return cls(
            id=found.id,
            customer=found.customer,
            rule=found.rule,
            until=found.until,
            in_force=found.holds(now),
            reason=found.reason,
            since=found.since,
        )


class Exemptions(BaseModel):
    """Exemptions, those that are over too until another takes their place."""

    exemptions: list[ExemptionShown]


class NewExemption(BaseModel):
    """An exemption to make."""

    model_config = ConfigDict(extra="forbid")

    rule: RuleCode
    until: When = Field(description="At most 366 days ahead.", examples=["2027-01-31T00:00:00Z"])
    reason: Why


class Ending(BaseModel):
    """An exemption to end before its time."""

    model_config = ConfigDict(extra="forbid")

    rule: RuleCode
    reason: Why


def routes(app: FastAPI, context: Context) -> None:
    """Add the exemptions of a customer, and the list of all."""
    readers = (Role.ADMIN, Role.AUDITOR)
    reading, writing = context.router("exemptions", readers), context.router("exemptions", (Role.ADMIN,))
    every = context.router("exemptions", readers, prefix="/api/v1")

    @every.get("/exemptions")
    async def get_all_exemptions() -> Exemptions:
        """The exemptions of all customers."""
        return await _get(context, None)

    @reading.get("/exemptions")
    async def get_exemptions(asked: Annotated[Asked, Depends(context.asked)]) -> Exemptions:
        """A customer's exemptions."""
        return await _get(context, asked.customer.id)

    @writing.post("/exemptions", status_code=201, responses=HELD)
    async def add_exemption(
        customer: CustomerId, body: NewExemption, token: Annotated[Token, Depends(caller)]
    ) -> ExemptionShown:
        """Let a rule only observe this customer until a time, and then end by itself. Findings name its id."""
        return await switched(context, _add, context, customer, body, token)

    @writing.post("/exemptions/remove")
    async def remove_exemption(
        customer: CustomerId, body: Ending, token: Annotated[Token, Depends(caller)]
    ) -> ExemptionShown:
        """End an exemption before its time; the answer is what it was."""
        return await switched(context, _remove, context, customer, body, token)

    for router in (every, reading, writing):
        app.include_router(router)


async def _get(context: Context, customer: str | None) -> Exemptions:
    found = await context.run(context.gateway.stores.exemptions.all, customer)
    now = context.gateway.clock()
    return Exemptions(exemptions=[ExemptionShown.of(each, now) for each in found])


def _add(context: Context, customer: str, body: NewExemption, token: Token) -> ExemptionShown:
    now = context.gateway.clock()
    made = context.gateway.stores.exemptions.add(customer, checked_rule(body.rule), body.until, body.reason, now)
    details = {"exemption": made.id, "until": made.until.isoformat()}
    recorded(context, Act(by(token).actor, "exempt add", customer, made.rule, made.reason, details))
    return ExemptionShown.of(made, now)


def _remove(context: Context, customer: str, body: Ending, token: Token) -> ExemptionShown:
    gone = context.gateway.stores.exemptions.remove(customer, body.rule.upper(), body.reason)
    if gone is None:
        raise Problem(
            HTTPStatus.NOT_FOUND, f"customer '{customer}' is not exempt from '{body.rule}'; nothing was changed"
        )
    act = Act(by(token).actor, "exempt remove", customer, gone.rule, body.reason, {"exemption": gone.id})
    recorded(context, act)
    return ExemptionShown.of(gone, context.gateway.clock())
