"""Lists: what a consent is for."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from config.customers import Customer
from consent.imports.grades import banned
from consent.lists import MOST_PATTERNS, Basis, MailingList, Purpose, UnknownList, new_list
from consent.model import micros, moment
from consent.tokens import Role, Token
from gateway.consents import By, ConsentRefused
from gateway.http.auth import caller
from gateway.http.context import READERS, WRITERS, Asked, Context, by
from gateway.http.fields import Identifier, Language, Short, Words

Source = Literal["own", "purchased", "rented", "appended", "scraped", "list_broker"]
Pattern = Annotated[str, StringConstraints(max_length=254)]
Way = Literal["one_click", "web", "mailto", "reply", "portal"]


class ListFacts(BaseModel):
    """What is said of a list. What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    party: Identifier | None = Field(None, description="Of a new list; the customer's own party when absent.")
    list_id: Annotated[str, StringConstraints(max_length=255)] | None = Field(
        None, description="As in the List-Id field (RFC 2919).", examples=["newsletter.acme.example"]
    )
    reverse_paths: Annotated[tuple[Pattern, ...], Field(max_length=MOST_PATTERNS)] | None = Field(
        None,
        description="Mail whose reverse-path fits one of these is the list's; one '*' at most in each.",
        examples=[["bounce-*@news.acme.example"]],
    )
    name: Short | None = Field(None, examples=["The Acme newsletter"])
    description: Annotated[str, StringConstraints(max_length=2000)] | None = None
    language: Language | None = Field(None, examples=["en"])
    purpose: Purpose | None = Field(None, examples=["newsletter"])
    basis: Basis | None = Field(None, description="The lawful basis that the customer claims.")
    frequency: Short | None = Field(None, description="As promised.", examples=["monthly"])
    retention: Words | None = Field(None, description="How long the data is kept.")
    storage: Words | None = Field(None, description="Where it is kept.")
    third_parties: Words | None = Field(None, description="Who else gets it.")
    withdrawal: tuple[Way, ...] | None = Field(None, description="Ways to withdraw; web is always one.")
    source: Source | None = Field(
        None,
        description="Where its addresses come from; the last five are no ground for any mail, and only the operator "
        "takes one of them back.",
    )


class ListShown(BaseModel):
    """A list."""

    id: str = Field(examples=["newsletter"])
    party: str = Field(examples=["acme"])
    list_id: str = Field(examples=["newsletter.acme.example"])
    reverse_paths: tuple[str, ...]
    name: str
    description: str
    language: str
    purpose: str
    basis: str
    frequency: str
    retention: str
    storage: str
    third_parties: str
    withdrawal: tuple[str, ...]
    source: str
    required: str = Field(description="Grade that its consents need today.", examples=["E2"])
    complaint: datetime | None = Field(description="A complaint that raises that grade to E3 until it is lowered.")
    created: datetime | None = Field(description="When it was first named; null where only a credential does.")

    @classmethod
    def of(cls, customer: Customer, found: MailingList, now: datetime) -> "ListShown":
        """As the registry has it."""
        own = {
            name: getattr(found, name) for name in cls.model_fields if name not in ("required", "complaint", "created")
        }
        plain = customer.grade_on(now.date())
        return cls(
            **own,
            required=plain if found.complaint is None else max(plain, "E3"),
            complaint=None if found.complaint is None else moment(found.complaint),
            created=moment(found.created) if found.created else None,
        )


_MADE = ("required", "complaint", "created")


class Lists(BaseModel):
    """A customer's lists, by id."""

    lists: tuple[ListShown, ...]


class Why(BaseModel):
    """Why the operator acts."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[Words, Field(min_length=1, examples=["sign-up form repaired, ticket 4711"])]


def routes(app: FastAPI, context: Context) -> None:
    """Add lists."""
    reading, writing = context.router("lists", READERS), context.router("lists", WRITERS)
    lowering = context.router("lists", (Role.ADMIN,))

    @reading.get("/lists")
    async def get_lists(asked: Annotated[Asked, Depends(context.asked)]) -> Lists:
        """All lists of a customer. One exists as soon as a credential, an import or an event names it."""
        found = await context.run(context.consents.lists.all, asked.customer)
        now = context.gateway.clock()
        return Lists(lists=tuple(ListShown.of(asked.customer, each, now) for each in found))

    @reading.get("/lists/{name}")
    async def get_list(name: Identifier, asked: Annotated[Asked, Depends(context.asked)]) -> ListShown:
        """One list."""
        found = await context.run(context.consents.lists.get, asked.customer, name)
        return ListShown.of(asked.customer, found, context.gateway.clock())

    @writing.put("/lists/{name}")
    async def put_list(
        name: Identifier,
        body: ListFacts,
        asked: Annotated[Asked, Depends(context.asked)],
        token: Annotated[Token, Depends(caller)],
    ) -> ListShown:
        """Make a list, or say more of one."""
        found = await context.run(_put, context, asked.customer, name, body, by(token))
        return ListShown.of(asked.customer, found, context.gateway.clock())

    @lowering.post("/lists/{name}/lower")
    async def lower_list(
        name: Identifier,
        body: Why,
        asked: Annotated[Asked, Depends(context.asked)],
        token: Annotated[Token, Depends(caller)],
    ) -> ListShown:
        """Lower the grade that a complaint raised, once its cause is mended. Whoever complained is not written to."""
        found = await context.run(_lower, context, asked.customer, name, body.reason, by(token))
        return ListShown.of(asked.customer, found, context.gateway.clock())

    app.include_router(reading)
    app.include_router(writing)
    app.include_router(lowering)


def _put(context: Context, customer: Customer, name: str, body: ListFacts, actor: By) -> MailingList:
    consents = context.consents
    said: dict[str, Any] = body.model_dump(exclude_none=True)
    if body.party is not None:
        consents.parties.get(customer, body.party)
    if body.withdrawal is not None:
        said["withdrawal"] = tuple(dict.fromkeys(("web", *body.withdrawal)))
    try:
        before = consents.lists.get(customer, name)
    except UnknownList:
        before = new_list(customer, name, micros(context.gateway.clock()))
    if banned(before.source) and not banned(body.source or before.source) and not actor.operator:
        raise ConsentRefused(f"source: is {before.source}, which only the operator takes back: ask there")
    if consents.lists.put(customer, replace(before, **said)):
        consents.recording.acted(actor, "lists add", customer.id, name, details=said)
    return consents.lists.get(customer, name)


def _lower(context: Context, customer: Customer, name: str, reason: str, actor: By) -> MailingList:
    consents = context.consents
    lifted = consents.lists.lower(customer, name)
    if lifted is not None:
        details = {"complaint": moment(lifted).isoformat()}
        consents.recording.acted(actor, "lists lower", customer.id, name, reason, details)
    return consents.lists.get(customer, name)
