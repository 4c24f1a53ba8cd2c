"""Usage: how a customer's limits stand."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel, Field

from consent.tokens import Token
from gateway.http.auth import caller
from gateway.http.context import READERS, Asked, Context, inward, parsed
from gateway.http.fields import AddressText, Ip
from gateway.http.problems import LATER, Problem, answers
from gateway.limits import Wanted
from gateway.usage import LedgerAway

Scope = Literal[
    "customer", "report", "stream", "credential", "operator", "source", "sender", "recipient_by_customer",
    "recipient_by_all", "recipient_domain",
]  # fmt: skip
_Source = Annotated[Ip | None, Query(description="Admin and auditor: also of this client address.")]
_Sender = Annotated[AddressText | None, Query(description="Admin and auditor: also of this reverse-path.")]
_Recipient = Annotated[AddressText | None, Query(description="Admin and auditor: also of mail to this address.")]


class WindowShown(BaseModel):
    """One limit in one window."""

    scope: Scope
    name: str = Field(description="Which one of its scope; of an address its domain.", examples=["acme-app"])
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
    async def get_limits(
        asked: Annotated[Asked, Depends(context.asked)],
        token: Annotated[Token, Depends(caller)],
        source: _Source = None,
        sender: _Sender = None,
        recipient: _Recipient = None,
    ) -> LimitsShown:
        """What is used and what is left of a customer's limits, and of its reports', streams' and credentials'; to
        admin and auditor also of the operator's, and of a source, sender and recipient that they name."""
        wanted = None
        if inward(token):
            addresses = [None if each is None else parsed(each) for each in (sender, recipient)]
            wanted = Wanted(source or "", *addresses)
        elif source or sender or recipient:
            raise Problem(HTTPStatus.FORBIDDEN, "source, sender and recipient are for tokens of admin and auditor")
        try:
            found = await context.gateway.usage(asked.customer, wanted)
        except LedgerAway as error:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), LATER) from None
        return LimitsShown(customer=asked.customer.id, limits=[WindowShown(**asdict(each)) for each in found])

    app.include_router(router)
