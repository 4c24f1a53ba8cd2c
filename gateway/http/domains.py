"""Domains: which a customer holds, and how that was shown."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict, Field

from config.domain import Domain
from consent.domains import HeldDomain
from consent.tokens import Role, Token
from gateway.audit.record import Act
from gateway.dns import Away
from gateway.domain_token import Challenge
from gateway.http.auth import caller
from gateway.http.context import Asked, Context, by
from gateway.http.fields import CustomerId, Words
from gateway.http.problems import LATER, Problem
from gateway.http.switching import HELD, Why, recorded, switched

DomainText = Annotated[Domain, Field(max_length=253, examples=["shop.example"])]


class DomainShown(BaseModel):
    """A domain that a customer holds."""

    domain: str = Field(examples=["shop.example"])
    customer: str
    source: Literal["file", "dns", "assertion"] = Field(
        description="`file`: customers.toml names it; `dns`: a token in its zone; `assertion`: the operator's word."
    )
    reason: str
    since: datetime | None

    @classmethod
    def of(cls, held: HeldDomain) -> "DomainShown":
        """As the registry has it."""
        return cls(domain=held.domain, customer=held.customer, source=held.source, reason=held.reason, since=held.since)


class Domains(BaseModel):
    """A customer's domains, by name."""

    domains: list[DomainShown]


class NewDomain(BaseModel):
    """A domain to add."""

    model_config = ConfigDict(extra="forbid")

    domain: DomainText
    reason: Words = Field(
        "", description="Asserts that it is the customer's. Without one the DNS is asked for a token."
    )


class DomainGone(BaseModel):
    """A domain to take away."""

    model_config = ConfigDict(extra="forbid")

    domain: DomainText
    reason: Why


def routes(app: FastAPI, context: Context) -> None:
    """Add the domains of a customer."""
    reading, writing = context.router("domains", (Role.ADMIN, Role.AUDITOR)), context.router("domains", (Role.ADMIN,))

    @reading.get("/domains")
    async def get_domains(asked: Annotated[Asked, Depends(context.asked)]) -> Domains:
        """All domains of a customer, by file, token or assertion."""
        found = await context.run(context.gateway.stores.domains.all, asked.customer.id)
        return Domains(domains=[DomainShown.of(each) for each in found])

    @writing.post("/domains", status_code=201, responses=HELD)
    async def add_domain(
        customer: CustomerId, body: NewDomain, token: Annotated[Token, Depends(caller)]
    ) -> DomainShown:
        """Let a customer use a domain: with a reason on your word, without one if its zone holds the token, which the
        answer 409 tells. One that it holds already stays as it is."""
        return await switched(context, _add, context, customer, body, token)

    @writing.post("/domains/remove", responses=HELD)
    async def remove_domain(
        customer: CustomerId, body: DomainGone, token: Annotated[Token, Depends(caller)]
    ) -> DomainShown:
        """Take away a domain that was added so; the answer is what it was. What the file names is taken out there."""
        return await switched(context, _remove, context, customer, body, token)

    app.include_router(reading)
    app.include_router(writing)


def _held(context: Context, customer: str, domain: str) -> DomainShown | None:
    found = context.gateway.stores.domains.all(customer)
    return next((DomainShown.of(each) for each in found if each.domain == domain), None)


def _add(context: Context, customer: str, body: NewDomain, token: Token) -> DomainShown:
    store, domain = context.gateway.stores.domains, body.domain
    details: dict[str, object] = {"domain": domain, "source": "assertion" if body.reason else "dns"}
    if not store.check(customer, domain) and not body.reason:
        details["name"] = _prove(context, customer, domain)
    source: Literal["dns", "assertion"] = "assertion" if body.reason else "dns"
    if store.add(customer, domain, source, context.gateway.clock(), body.reason):
        near = [f"{each.domain} ({each.customer})" for each in store.near(domain) if each.customer != customer]
        details |= {"near": near} if near else {}
        recorded(context, Act(by(token).actor, "domains add", customer, domain, body.reason, details))
    found = _held(context, customer, domain)
    if found is None:
        raise Problem(HTTPStatus.CONFLICT, f"domain '{domain}' was added, and taken away at the same moment")
    return found


def _prove(context: Context, customer: str, domain: str) -> str:
    """The name of the record that proves the domain; raises Problem where the DNS does not hold it."""
    servers = context.gateway.settings.dns.servers
    challenge = Challenge.of(context.gateway.stores.secrets, customer, domain)
    publish = f"nothing was added: publish {challenge.record}"
    if not servers:
        raise Problem(HTTPStatus.CONFLICT, f"no [dns] servers are set to ask for a token: send a reason; {publish}")
    try:
        if challenge.met(servers):
            return challenge.name
    except Away as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}; nothing was added", LATER) from None
    raise Problem(HTTPStatus.CONFLICT, f"the DNS does not hold the token yet; {publish}, and ask again")


def _remove(context: Context, customer: str, body: DomainGone, token: Token) -> DomainShown:
    before = _held(context, customer, body.domain)
    if not context.gateway.stores.domains.remove(customer, body.domain, body.reason) or before is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"customer '{customer}' does not hold '{body.domain}'; nothing was changed")
    recorded(context, Act(by(token).actor, "domains remove", customer, body.domain, body.reason))
    return before
