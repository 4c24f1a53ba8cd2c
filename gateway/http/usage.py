"""Usage: how a customer's limits stand."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import Depends, FastAPI
from pydantic import BaseModel, Field

from gateway.http.context import READERS, Asked, Context
from gateway.http.problems import LATER, Problem, answers
from gateway.usage import LedgerAway


class WindowShown(BaseModel):
    """One limit in one window."""

    scope: Literal["customer", "report", "stream", "credential"]
    name: str = Field(description="Which customer, stream or credential.", examples=["acme-app"])
    measure: Literal["messages", "recipients", "bytes"]
    window: Literal["minute", "hour", "day", "30_days"]
    cap: int = Field(examples=[5000])
    hard: bool = Field(description="Whether its refusal is 550 instead of 450.")
    used: int = Field(description="Passed in the window, or under way now.", examples=[4200])
    room: int = Field(examples=[800])
    reset: int | None = Field(
        description="Seconds until there is room for one more: 0 is now, null never as long as the cap stands."
    )


class LimitsShown(BaseModel):
    """The limits that are set; what is not set is not counted."""

    customer: str = Field(examples=["acme"])
    limits: list[WindowShown]


def routes(app: FastAPI, context: Context) -> None:
    """Add what is left of a customer's limits."""
    router = context.router("limits", READERS)

    @router.get("/limits", responses=answers(HTTPStatus.SERVICE_UNAVAILABLE))
    async def get_limits(asked: Annotated[Asked, Depends(context.asked)]) -> LimitsShown:
        """What is used and what is left of a customer's limits, and of its reports', streams' and credentials'."""
        try:
            found = await context.gateway.usage(asked.customer)
        except LedgerAway as error:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), LATER) from None
        return LimitsShown(customer=asked.customer.id, limits=[WindowShown(**asdict(each)) for each in found])

    app.include_router(router)
