"""Webhooks: what customers were told or are to be told, and trying again what was given up."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field

from consent.outbox import Dispatch, Status, UnknownDispatch
from consent.tokens import Role, Token
from gateway.audit.record import Act
from gateway.http.auth import caller
from gateway.http.context import READERS, Asked, Context, by
from gateway.http.problems import Problem
from gateway.http.switching import recorded

Wanted = Annotated[Status | None, Query(description="Only these.")]


class DispatchShown(BaseModel):
    """One event that a customer is told, by webhook or mail."""

    id: str = Field(description="The same in every attempt.", examples=["evt_01JD8"])
    customer: str
    type: str = Field(examples=["limit.reached"])
    status: Status = Field(description="`failed` is given up.")
    created: datetime
    attempts: int
    next: datetime | None = Field(description="Of what waits: when it is tried.")
    ended: datetime | None
    error: str = Field(description="What the last attempt failed for.")

    @classmethod
    def of(cls, found: Dispatch) -> "DispatchShown":
        """As the registry has it."""
        more = {name: getattr(found, name) for name in cls.model_fields if name != "next"}
        return cls.model_construct(**more, next=found.due if found.status == "waiting" else None)


class Dispatches(BaseModel):
    """The newest first, at most 1000; what was delivered is kept for 7 days, what was given up for 30."""

    dispatches: list[DispatchShown]


class Again(BaseModel):
    """What to try again."""

    model_config = ConfigDict(extra="forbid")

    id: str | None = Field(default=None, max_length=100, description="One event; null is all that was given up.")


def routes(app: FastAPI, context: Context) -> None:
    """Add the dispatches of a customer, and of all."""
    reading, writing = context.router("webhooks", READERS), context.router("webhooks", (Role.ADMIN,))
    every = context.router("webhooks", (Role.ADMIN, Role.AUDITOR), prefix="/api/v1")

    @every.get("/webhooks")
    async def get_all_webhooks(status: Wanted = None) -> Dispatches:
        """What all customers were told or are to be told."""
        return await _get(context, None, status)

    @reading.get("/webhooks")
    async def get_webhooks(asked: Annotated[Asked, Depends(context.asked)], status: Wanted = None) -> Dispatches:
        """What a customer was told or is to be told."""
        return await _get(context, asked.customer.id, status)

    @writing.post("/webhooks/retry")
    async def retry_webhooks(
        asked: Annotated[Asked, Depends(context.asked)], body: Again, token: Annotated[Token, Depends(caller)]
    ) -> Dispatches:
        """Try again what was given up, for another three days, from now; the answer is what that was."""
        return await context.run(_retry, context, asked.customer.id, body.id, token)

    for router in (every, reading, writing):
        app.include_router(router)


async def _get(context: Context, customer: str | None, status: Status | None) -> Dispatches:
    outbox = context.gateway.stores.outbox
    return _shown(await context.run(outbox.list, customer=customer, status=status))


def _retry(context: Context, customer: str, number: str | None, token: Token) -> Dispatches:
    try:
        again = context.gateway.stores.outbox.retry(context.gateway.clock(), number=number, customer=customer)
    except UnknownDispatch:
        raise Problem(HTTPStatus.NOT_FOUND, f"customer '{customer}' has no event '{number}'") from None
    if again:
        details = {"dispatches": [each.id for each in again][:100], "count": len(again)}
        recorded(context, Act(by(token).actor, "webhooks retry", customer, None, None, details))
    return _shown(again)


def _shown(found: tuple[Dispatch, ...]) -> Dispatches:
    return Dispatches.model_construct(dispatches=[DispatchShown.of(each) for each in found])
