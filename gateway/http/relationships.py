"""Relationships: what a customer has had to do with somebody (R-094)."""

from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from consent.model import Kind
from consent.tokens import Token
from gateway.consents import Dealing
from gateway.http.auth import caller
from gateway.http.context import WRITERS, Asked, Context, by, parsed
from gateway.http.fields import AddressText, Country, Day, Identifier, When
from gateway.http.recorded import Recorded


class Relationship(BaseModel):
    """One relationship. Graded by evidence: R1 with the customer's own document reference, R2 with the document's
    SHA-256 or the message ids of a two-way exchange."""

    model_config = ConfigDict(extra="forbid")

    address: AddressText
    kind: Kind = Field(examples=["purchase"])
    basis: Day = Field(description="Date of the purchase, inquiry, publication…", examples=["2026-03-01"])
    ongoing: bool = Field(False, description="It goes on, as a subscription does.")
    ended: Day | None = Field(None, description="Date on which an ongoing one ended: its period runs from then.")
    reference: Annotated[str, StringConstraints(max_length=1000)] = Field(
        "",
        description="The customer's own document: its number, its SHA-256, or the message ids of a two-way exchange. "
        "The same document told again replaces what was told of it.",
        examples=["invoice 2026-0815"],
    )
    party: Identifier | None = Field(None, description="With which party; the customer's own when absent.")
    similar_products: bool | None = Field(None, description="Mail is about the sender's own similar products.")
    optout_offered: bool | None = Field(None, description="A way to object was offered at collection.")
    no_unsolicited_statement: bool | None = Field(
        None, description="The address was published with a statement that it wants no such mail."
    )
    relevant: bool | None = Field(None, description="Mail concerns the person's role.")
    negotiation: bool = Field(False, description="An inquiry that was a negotiation for a sale.")
    country: Country | None = Field(None, description="ISO 3166 code, or eu.", examples=["ca"])
    until: When | None = Field(None, description="From then on it does not hold any more.")


def routes(app: FastAPI, context: Context) -> None:
    """Add relationships."""
    router = context.router("relationships", WRITERS)

    @router.post("/relationships", status_code=201)
    async def add_relationship(
        body: Relationship, asked: Annotated[Asked, Depends(context.asked)], token: Annotated[Token, Depends(caller)]
    ) -> Recorded:
        """Record a relationship, or that one has ended. A look-up of the address shows those there are."""
        dealing = Dealing(**body.model_dump(exclude={"address", "party", "country"}), country=body.country or "")
        done = await context.run(
            context.consents.relate, asked.customer, parsed(body.address), dealing, by(token), party=body.party
        )
        return Recorded.of(done)

    app.include_router(router)
