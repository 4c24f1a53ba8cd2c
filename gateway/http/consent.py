"""Consent: live events, withdrawals, erasures, and all that is on record of one address."""

from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from consent.address import Address
from consent.export import Shape
from consent.model import State
from consent.tokens import Token
from gateway.consents import METHODS, Told
from gateway.http.auth import caller
from gateway.http.context import READERS, WRITERS, Asked, Context, by, inward, parsed
from gateway.http.fields import AddressText, Country, Identifier, Ip, Language, Link, NoticeId, Short, When, Words
from gateway.http.recorded import Decided, Recorded, decided

MOST_LISTS = 1000
"""Lists that a look-up answers for; of more, name one."""

AddressInPath = Annotated[AddressText, Path(description="Percent-encoded.", examples=["bob@recipient.example"])]
Method = Literal["web_form", "coi", "api", "paper", "verbal", "pos", "event", "contract"]
assert Method.__args__ == METHODS  # type: ignore[attr-defined]


class LiveEvent(BaseModel):
    """What a person has just said or done.

    Graded by evidence, E2 at most: E1 has a time and a source (or form_url); E2 an ip or user_agent and a notice
    besides. Above that counts only what Postern itself saw.
    """

    model_config = ConfigDict(extra="forbid")

    address: AddressText
    state: Literal["requested", "given", "confirmed", "withdrawn"] = Field(examples=["given"])
    list: Identifier | None = Field(
        None, description="Required but for withdrawn, where none means everything.", examples=["newsletter"]
    )
    at: When | None = Field(
        None,
        description="When it happened; now when absent. Told more than 15 minutes later it counts as imported.",
    )
    source: Short = Field("", description="A page or form; nothing that names the person.", examples=["signup page"])
    form_url: Link = Field("", examples=["https://www.acme.example/signup"])
    ip: Ip | None = Field(None, examples=["203.0.113.7"])
    user_agent: Words = Field("", examples=["Mozilla/5.0"])
    notice: NoticeId | None = Field(None, description="Id of the notice shown.", examples=["signup-3"])
    method: Method | None = Field(None, description="web_form when there is a form_url, else api.")
    language: Language | None = Field(None, examples=["en"])
    country: Country | None = Field(None, description="ISO 3166 code, or eu.", examples=["de"])
    until: When | None = Field(None, description="From then on the consent does not hold any more.")
    reason: Words = Field("", description="Of a withdrawal; see withdrawals.")


class Withdrawal(BaseModel):
    """A person wants no more."""

    model_config = ConfigDict(extra="forbid")

    address: AddressText
    list: Identifier | None = Field(
        None, description="Without one: everything from the customer.", examples=["newsletter"]
    )
    reason: Words = Field(
        "",
        description="unsubscribe, one_click, web, mailto, complaint, manual or legal; or words, which are kept sealed.",
        examples=["unsubscribe"],
    )
    at: When | None = Field(None, description="When it was said; now when absent.")
    stops: Literal["marketing", "all"] = Field("marketing", description="all: every mail, not bulk mail only.")


class Erasure(BaseModel):
    """A person wants their data erased."""

    model_config = ConfigDict(extra="forbid")

    address: AddressText
    reason: Words = Field("", description="For the record; name nobody in it.", examples=["request of 3 March"])


class Erased(BaseModel):
    """What became of it."""

    address: str
    erased: bool = Field(description="False when it was done before and nothing has come since.")


class _List(BaseModel):
    list: str = Field(examples=["newsletter"])


class DecidedForList(Decided, _List):
    """The answer for one list."""


class LookUp(BaseModel):
    """All that is on record of one address at one customer."""

    address: str = Field(examples=["bob@recipient.example"])
    key: str = Field(description="Its keyed hash, under which it stands in registry and audit.")
    customer: str = Field(examples=["acme"])
    lists: list[DecidedForList] = Field(description="For each list: may it be written to now, why, on what ground.")
    more_lists: bool = Field(description=f"There are more than {MOST_LISTS}: name one.")
    records: list[dict[str, Any]] = Field(
        description="In the sections of ISO/IEC TS 27560:2023: header, processing, parties, events, with the evidence "
        "of each event. `personal` is null once it was erased."
    )


def routes(app: FastAPI, context: Context) -> None:
    """Add what is told and asked of one address."""
    writing = context.router("consent", WRITERS)

    @writing.post("/consent/events", status_code=201)
    async def add_event(
        body: LiveEvent, asked: Annotated[Asked, Depends(context.asked)], token: Annotated[Token, Depends(caller)]
    ) -> Recorded:
        """Record that consent was requested, given, confirmed or withdrawn just now. Durable when it is answered."""
        told = Told(
            state=State(body.state),
            list=body.list,
            at=body.at,
            ip=body.ip or "",
            user_agent=body.user_agent,
            form_url=body.form_url,
            source=body.source,
            method=body.method or "",
            notice=body.notice or "",
            language=body.language or "",
            country=body.country or "",
            until=body.until,
            reason=body.reason,
        )
        address = parsed(body.address)
        return Recorded.of(await context.run(context.consents.record, asked.customer, address, told, by(token)))

    @writing.post("/consent/withdrawals", status_code=201)
    async def add_withdrawal(
        body: Withdrawal, asked: Annotated[Asked, Depends(context.asked)], token: Annotated[Token, Depends(caller)]
    ) -> Recorded:
        """Record a withdrawal. When it is answered it is durable in registry and audit, and in force on this node; on
        every other one for whatever is decided from then on."""
        done = await context.run(
            context.consents.withdraw,
            asked.customer,
            parsed(body.address),
            by(token),
            name=body.list,
            reason=body.reason,
            at=body.at,
            stops=body.stops,
        )
        return Recorded.of(done)

    @writing.post("/consent/erasures", status_code=201)
    async def add_erasure(
        body: Erasure, asked: Annotated[Asked, Depends(context.asked)], token: Annotated[Token, Depends(caller)]
    ) -> Erased:
        """Erase what is on record of a person at this customer. Mail to the address stays stopped."""
        address = parsed(body.address)
        erased = await context.run(context.consents.erase, asked.customer, address, by(token), reason=body.reason)
        return Erased(address=body.address, erased=erased)

    app.include_router(writing)
    reading = context.router("consent", READERS)

    @reading.get("/consent/{address:path}")
    async def look_up(
        address: AddressInPath,
        asked: Annotated[Asked, Depends(context.asked)],
        token: Annotated[Token, Depends(caller)],
        list: Annotated[Identifier | None, Query(description="Only this list's.", examples=["newsletter"])] = None,
    ) -> LookUp:
        """May this address be written to now, for each list, why, and with what proof."""
        return await context.run(_look_up, context, asked, parsed(address), list, inward(token))

    app.include_router(reading)


def shape(context: Context, asked: Asked, inside: bool) -> Shape:
    """All that the records of a customer refer to; blocks."""
    consents, customer = context.consents, asked.customer
    parties, lists = consents.parties.all(customer), consents.lists.all(customer)
    return Shape.of(customer, parties, lists, consents.notices.all(customer.id), public=not inside)


def _look_up(context: Context, asked: Asked, address: Address, only: str | None, inside: bool) -> LookUp:
    consents, customer = context.consents, asked.customer
    shaped = shape(context, asked, inside)
    names = [only] if only is not None else list(shaped.lists)
    found = consents.decisions(customer, address, names[:MOST_LISTS], suspended=asked.suspended)
    if not inside:
        found = [(name, consents.for_customer(customer, address, decision)) for name, decision in found]
    key = context.gateway.stores.secrets.address_key(address)
    return LookUp(
        address=address.text,
        key=key,
        customer=customer.id,
        lists=[DecidedForList(list=name, **decided(decision)) for name, decision in found],
        more_lists=len(names) > MOST_LISTS,
        records=shaped.records(key, consents.store.history(customer.id, address), only),
    )
