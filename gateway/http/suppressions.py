"""Suppressions: addresses, domains and hashes that are not to be written to, by one customer or by anybody."""

import re
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal, Self

from fastapi import Depends, FastAPI, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from config.customers import Customer
from config.domain import Domain
from consent.imports.row import DomainName, Hashed, Subject
from consent.model import ALL, Reason, Suppression, moment
from consent.tokens import Role, Token
from gateway.consents import Stop
from gateway.http.auth import caller
from gateway.http.context import READERS, WRITERS, Asked, Context, by, parsed
from gateway.http.fields import AddressText, Identifier, When, Words
from gateway.http.problems import Problem
from gateway.http.recorded import Recorded

DomainText = Annotated[Domain, Field(max_length=253, examples=["recipient.example"])]
_LENGTHS: dict[int, Literal["md5", "sha1", "sha256"]] = {32: "md5", 40: "sha1", 64: "sha256"}


_ONE = "send exactly one of address, domain and hash"


def _hash(text: str) -> str:
    if len(text) not in _LENGTHS or not re.match(r"[0-9a-f]+\Z", text):
        raise ValueError("must be the MD5, SHA-1 or SHA-256 of the lower-cased address in hexadecimal")
    return text


HashText = Annotated[
    str,
    StringConstraints(to_lower=True, max_length=64),
    AfterValidator(_hash),
    Field(examples=["973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"]),
]
SuppressionReason = Literal["manual", "hard_bounce", "invalid", "legal", "spamtrap", "threat", "sanction"]


class _Subject(BaseModel):
    """Whom or what it is about: exactly one of the three."""

    model_config = ConfigDict(extra="forbid")

    address: AddressText | None = None
    domain: DomainText | None = Field(None, description="Every address of this very domain.")
    hash: HashText | None = Field(None, description="MD5, SHA-1 or SHA-256 of the lower-cased address, hexadecimal.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(each is not None for each in (self.address, self.domain, self.hash)) != 1:
            raise ValueError(_ONE)
        return self

    @property
    def subject(self) -> Subject:
        """As the registry has it."""
        return subject_of(self.address, self.domain, self.hash)


def subject_of(address: str | None, domain: str | None, digest: str | None) -> Subject:
    """The one of the three that is given."""
    if address is not None:
        return parsed(address)
    if domain is not None:
        return DomainName(domain)
    assert digest is not None
    return Hashed(_LENGTHS[len(digest)], digest)


class OperatorsSuppression(_Subject):
    """Stop mail to it."""

    reason: SuppressionReason = Field("manual", description="The last three are the operator's.")
    stops: Literal["marketing", "all"] | None = Field(
        None, description="marketing: bulk mail only. When absent, as the reason has it."
    )
    until: When | None = Field(None, description="Without one it does not end by itself.")
    note: Words = Field("", description="Why, in words; kept sealed.", examples=["asked by phone"])


class NewSuppression(OperatorsSuppression):
    """Stop a customer's mail to it."""

    list: Identifier | None = Field(None, description="Without one: everything from the customer.")


class OperatorsLifting(_Subject):
    """Let mail to it pass again, as far as this stopped it."""

    reason: SuppressionReason = Field("manual", description="Of the suppressions to lift.")
    why: Annotated[Words, Field(min_length=1, description="Why it is lifted.", examples=["the mailbox works again"])]


class Lifting(OperatorsLifting):
    """Let a customer's mail to it pass again, as far as this stopped it."""

    list: Identifier | None = Field(None, description="Without one: those of every list, and of all lists.")


class Suppressed(BaseModel):
    """A suppression that holds."""

    id: int = Field(description="Number of its event.")
    reason: str = Field(examples=["manual"])
    list: str | None = Field(description="Null: everything.")
    stops: Literal["marketing", "all"]
    since: datetime
    until: datetime | None

    @classmethod
    def of(cls, found: Suppression) -> "Suppressed":
        """As the registry has it."""
        return cls(
            id=found.event,
            reason=found.reason,
            list=None if found.list == ALL else found.list,
            stops=found.stops,
            since=moment(found.since),
            until=None if found.until is None else moment(found.until),
        )


class Suppressions(BaseModel):
    """Those that hold now."""

    suppressions: list[Suppressed]


def _wanted(
    address: Annotated[AddressText | None, Query()] = None,
    domain: Annotated[DomainText | None, Query()] = None,
    hash: Annotated[HashText | None, Query()] = None,
) -> Subject:
    """The subject of a question (a dependency)."""
    if sum(each is not None for each in (address, domain, hash)) != 1:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"query: {_ONE}")
    return subject_of(address, domain, hash)


def routes(app: FastAPI, context: Context) -> None:
    """Add a customer's suppressions, and the operator's."""
    _of_customers(app, context)
    _of_the_operator(app, context)


def _of_customers(app: FastAPI, context: Context) -> None:
    writing, reading = context.router("suppressions", WRITERS), context.router("suppressions", READERS)

    @writing.post("/suppressions", status_code=201)
    async def add_suppression(
        body: NewSuppression, asked: Annotated[Asked, Depends(context.asked)], token: Annotated[Token, Depends(caller)]
    ) -> Recorded:
        """Stop this customer's mail to an address, a domain or a hashed address."""
        return await _add(context, asked.customer, body, body.list, token)

    @writing.post("/suppressions/lift", status_code=201)
    async def lift_suppression(
        body: Lifting, asked: Annotated[Asked, Depends(context.asked)], token: Annotated[Token, Depends(caller)]
    ) -> Recorded:
        """Lift suppressions of one reason. A customer's token lifts its own of reason manual, hard_bounce and invalid;
        withdrawals are lifted by nobody."""
        return await _lift(context, asked.customer, body, body.list, token)

    @reading.get("/suppressions")
    async def get_suppressions(
        asked: Annotated[Asked, Depends(context.asked)], subject: Annotated[Subject, Depends(_wanted)]
    ) -> Suppressions:
        """The customer's suppressions of one address, domain or hash."""
        return await _get(context, asked.customer, subject)

    app.include_router(writing)
    app.include_router(reading)


def _of_the_operator(app: FastAPI, context: Context) -> None:
    writing = context.router("suppressions", (Role.ADMIN,), prefix="/api/v1")
    reading = context.router("suppressions", (Role.ADMIN, Role.AUDITOR), prefix="/api/v1")

    @writing.post("/suppressions", status_code=201)
    async def add_operators_suppression(
        body: OperatorsSuppression, token: Annotated[Token, Depends(caller)]
    ) -> Recorded:
        """Stop every customer's mail to an address, a domain or a hashed address. Customers see "refused by provider
        policy", and no more."""
        return await _add(context, None, body, None, token)

    @writing.post("/suppressions/lift", status_code=201)
    async def lift_operators_suppression(body: OperatorsLifting, token: Annotated[Token, Depends(caller)]) -> Recorded:
        """Lift the operator's suppressions of one reason."""
        return await _lift(context, None, body, None, token)

    @reading.get("/suppressions")
    async def get_operators_suppressions(subject: Annotated[Subject, Depends(_wanted)]) -> Suppressions:
        """The operator's suppressions of one address, domain or hash."""
        return await _get(context, None, subject)

    app.include_router(writing)
    app.include_router(reading)


async def _add(
    context: Context, customer: Customer | None, body: OperatorsSuppression, name: str | None, token: Token
) -> Recorded:
    stop = Stop(body.subject, Reason(body.reason), name, body.stops, body.until, body.note)
    return Recorded.of(await context.run(context.consents.suppress, customer, stop, by(token)))


async def _lift(
    context: Context, customer: Customer | None, body: OperatorsLifting, name: str | None, token: Token
) -> Recorded:
    stop = Stop(body.subject, Reason(body.reason), name, words=body.why)
    return Recorded.of(await context.run(context.consents.lift, customer, stop, by(token)))


async def _get(context: Context, customer: Customer | None, subject: Subject) -> Suppressions:
    found = await context.run(context.consents.suppressions, customer, subject)
    return Suppressions(suppressions=[Suppressed.of(each) for each in found])
