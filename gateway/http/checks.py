"""Check: may these addresses be written to, without sending anything."""

from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict, Field

from consent.tokens import Token
from gateway.http.auth import caller
from gateway.http.context import READERS, Asked, Context, inward, parsed
from gateway.http.fields import AddressText, Identifier, When
from gateway.http.recorded import Decided, decided

MOST_ADDRESSES = 1000
_OCTETS = 1024 * 1024
_PER_REQUEST = 100
"""Addresses that cost as much of a token's rate as one request."""


class Question(BaseModel):
    """A list and addresses."""

    model_config = ConfigDict(extra="forbid")

    list: Identifier = Field(examples=["newsletter"])
    addresses: Annotated[tuple[AddressText, ...], Field(min_length=1, max_length=MOST_ADDRESSES)] = Field(
        examples=[["bob@recipient.example"]]
    )
    at: When | None = Field(None, description="As if it were then, by what is on record now; now when absent.")


class _Address(BaseModel):
    address: str = Field(description="As it was asked for.", examples=["bob@recipient.example"])


class Checked(Decided, _Address):
    """The answer for one address."""


class Results(BaseModel):
    """One result for each address, in order."""

    results: list[Checked]


def routes(app: FastAPI, context: Context) -> None:
    """Add the check."""
    router = context.router("check", READERS, octets=_OCTETS)

    @router.post("/check")
    async def check(
        body: Question, asked: Annotated[Asked, Depends(context.asked)], token: Annotated[Token, Depends(caller)]
    ) -> Results:
        """Whether bulk mail of a list may be sent to up to 1,000 addresses. Nothing is sent, and nothing recorded."""
        context.rates.take(token.id, len(body.addresses) / _PER_REQUEST)
        return await context.run(_check, context, asked, body, inward(token))

    app.include_router(router)


def _check(context: Context, asked: Asked, body: Question, inside: bool) -> Results:
    addresses = [parsed(each) for each in body.addresses]
    consents = context.consents
    found = consents.check(asked.customer, addresses, body.list, at=body.at, suspended=asked.suspended)
    if not inside:
        pairs = zip(addresses, found, strict=True)
        found = [consents.for_customer(asked.customer, address, decision) for address, decision in pairs]
    return Results(
        results=[
            Checked(address=text, **decided(decision)) for text, decision in zip(body.addresses, found, strict=True)
        ]
    )
