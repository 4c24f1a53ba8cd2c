"""Unsubscribe links for a mail program that writes them into its messages: one for each recipient (R-115, R-117)."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict, Field

from consent.tokens import Token
from gateway.http.auth import caller
from gateway.http.context import WRITERS, Asked, Context, by, parsed
from gateway.http.fields import AddressText, Identifier
from gateway.http.problems import Problem, answers
from gateway.links import NoLinks, new_reference

MOST_ADDRESSES = 1000
_OCTETS = 1024 * 1024
_PER_REQUEST = 100
"""Addresses that cost as much of a token's rate as one request."""


class Wanted(BaseModel):
    """Recipients, and the list that they are to leave."""

    model_config = ConfigDict(extra="forbid")

    addresses: Annotated[tuple[AddressText, ...], Field(min_length=1, max_length=MOST_ADDRESSES)] = Field(
        examples=[["bob@recipient.example"]]
    )
    list: Identifier | None = Field(
        None, examples=["spring"], description="As the mail will be sent for; null: for no list, to leave everything."
    )


class LinkShown(BaseModel):
    """How one recipient leaves: nobody else's link will do."""

    address: str = Field(description="As it was given.", examples=["bob@recipient.example"])
    url: str = Field(
        description="For a visible link in each text; it may be followed by `?lang=` and a language.",
        examples=["https://unsubscribe.example/u/GhbX0Nq1"],
    )
    list_unsubscribe: str = Field(
        description="The value of List-Unsubscribe.",
        examples=["<https://unsubscribe.example/u/GhbX0Nq1>, <mailto:u+di3l@gw.example?subject=unsubscribe>"],
    )
    list_unsubscribe_post: str = Field(
        description="The value of List-Unsubscribe-Post.", examples=["List-Unsubscribe=One-Click"]
    )


class LinksShown(BaseModel):
    """One link for each address, in order."""

    reference: str = Field(
        description="Stands for this request, in the audit and in what is told of who leaves.",
        examples=["01KAGXYZ0123456789ABCDEFGH"],
    )
    links: list[LinkShown]


def routes(app: FastAPI, context: Context) -> None:
    """Add the links."""
    router = context.router("unsubscribe links", WRITERS, octets=_OCTETS)

    @router.post("/unsubscribe-links", responses=answers(HTTPStatus.CONFLICT))
    async def make_links(
        body: Wanted, asked: Annotated[Asked, Depends(context.asked)], token: Annotated[Token, Depends(caller)]
    ) -> LinksShown:
        """Make the unsubscribe links of up to 1,000 recipients. Nothing is sent, and nothing is asked of consents."""
        context.rates.take(token.id, len(body.addresses) / _PER_REQUEST)
        return await context.run(_make, context, asked, body, token)

    app.include_router(router)


def _make(context: Context, asked: Asked, body: Wanted, token: Token) -> LinksShown:
    gateway, customer = context.gateway, asked.customer
    if body.list is not None:
        context.consents.lists.get(customer, body.list)
    now = gateway.clock()
    reference, links = new_reference(now), gateway.links
    try:
        made = [links.make(customer, body.list, parsed(each), reference, now) for each in body.addresses]
    except NoLinks as error:
        raise Problem(HTTPStatus.CONFLICT, str(error)) from None
    details = {"reference": reference, "links": len(made)}
    context.consents.recording.acted(by(token), "unsubscribe links", customer.id, body.list, details=details)
    pairs = zip(body.addresses, made, strict=True)
    return LinksShown(reference=reference, links=[LinkShown(**each.members(address)) for address, each in pairs])
