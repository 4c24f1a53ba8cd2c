"""Parties: in whose name a customer's mail is sent."""

from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from config.customers import Customer
from config.domain import Domain
from consent.parties import Party, PartyType
from consent.tokens import Token
from gateway.consents import By
from gateway.http.auth import caller
from gateway.http.context import READERS, WRITERS, Asked, Context, by
from gateway.http.fields import Identifier, Link, Short


class PartyFacts(BaseModel):
    """A brand or legal entity. At least one of email, phone and url is needed: people must be able to reach it."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Short, Field(min_length=1, examples=["Acme Garden Ltd"])]
    trading_name: Short = ""
    postal_address: Annotated[str, StringConstraints(max_length=500)] = Field(
        "", examples=["1 High Street, Exampletown"]
    )
    email: Annotated[Short, Field(examples=["privacy@acme.example"])] = ""
    phone: Annotated[str, StringConstraints(max_length=64)] = ""
    url: Link = ""
    domains: Annotated[tuple[Domain, ...], Field(max_length=100, examples=[["news.acme.example"]])] = ()
    type: PartyType = "controller"


class PartyShown(PartyFacts):
    """A party."""

    id: str = Field(examples=["garden"])

    @classmethod
    def of(cls, found: Party) -> "PartyShown":
        """As the registry has it."""
        # Not validated again: the customer's own party comes from customers.toml.
        return cls.model_construct(**{name: getattr(found, name) for name in cls.model_fields})


class Parties(BaseModel):
    """The customer's own party first, then the others by id."""

    parties: list[PartyShown]


def routes(app: FastAPI, context: Context) -> None:
    """Add parties."""
    reading, writing = context.router("parties", READERS), context.router("parties", WRITERS)

    @reading.get("/parties")
    async def get_parties(asked: Annotated[Asked, Depends(context.asked)]) -> Parties:
        """All parties of a customer."""
        found = await context.run(context.consents.parties.all, asked.customer)
        return Parties.model_construct(parties=[PartyShown.of(each) for each in found])

    @writing.put("/parties/{party}")
    async def put_party(
        party: Identifier,
        body: PartyFacts,
        asked: Annotated[Asked, Depends(context.asked)],
        token: Annotated[Token, Depends(caller)],
    ) -> PartyShown:
        """Add or replace a party. The customer's own comes from customers.toml and cannot be replaced."""
        made = Party(id=party, **body.model_dump())
        return PartyShown.of(await context.run(_put, context, asked.customer, made, by(token)))

    app.include_router(reading)
    app.include_router(writing)


def _put(context: Context, customer: Customer, party: Party, actor: By) -> Party:
    consents = context.consents
    if consents.parties.put(customer, party):
        consents.recording.acted(actor, "parties add", customer.id, party.id, details={"name": party.name})
    return party
