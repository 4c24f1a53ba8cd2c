"""Credentials: who may send for a customer; made, locked, unlocked, given another password, removed."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import Depends, FastAPI, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from config.switch import OPERATOR, Lock, overlap_of
from consent.credentials import HeldCredential, Which
from consent.tokens import Role, Token
from gateway.audit.record import Act
from gateway.http.auth import caller
from gateway.http.context import Asked, Context, by
from gateway.http.fields import CustomerId, Identifier
from gateway.http.switching import HELD, Why, record, recorded, switched, urgent
from gateway.switching import acts

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), Field(examples=["acme-app"])
]
"""A username in any case, one of its networks, or the SHA-256 fingerprint of one of its certificates."""


class LockShown(BaseModel):
    """Why a credential may not send."""

    reason: str
    by: str = Field(description="`operator`, or the signals of an automatic lock.", examples=["operator"])
    since: datetime


class CredentialShown(BaseModel):
    """A credential."""

    customer: str = Field(examples=["acme"])
    name: str = Field(description="The name to use for it.", examples=["acme-app"])
    kind: str = Field(
        description="password, networks, certificates, or several; `none at present`: a lock waits for this name.",
        examples=["password"],
    )
    stream: str | None
    list: str | None
    made_by: Literal["file", "command"] = Field(description="`command`: by this API, too.")
    since: datetime | None = Field(description="When a command made it.")
    lock: LockShown | None
    old_password_until: datetime | None = Field(description="Until when the password before the last one holds.")

    @classmethod
    def of(cls, held: HeldCredential, now: datetime) -> "CredentialShown":
        """As the registry has it."""
        lock, overlap, credential = held.lock, held.overlap, held.credential
        return cls(
            customer=held.customer,
            name=held.name,
            kind=held.kind,
            stream=credential.stream if credential else None,
            list=credential.list if credential else None,
            made_by=held.source,
            since=held.since,
            lock=LockShown(reason=lock.reason, by=lock.source, since=lock.since) if lock else None,
            old_password_until=overlap.until if overlap and overlap.holds(now) else None,
        )


class Credentials(BaseModel):
    """A customer's credentials, in the order of its file."""

    credentials: list[CredentialShown]


class NewCredential(BaseModel):
    """A credential to make."""

    model_config = ConfigDict(extra="forbid")

    username: Annotated[str, StringConstraints(min_length=1, max_length=128)] = Field(examples=["acme-shop"])
    stream: Literal["bulk", "transactional", "auto"] = "auto"
    list: Identifier | None = Field(None, description="The list its mail is for.")


class NewPassword(BaseModel):
    """A password that cannot be had again."""

    customer: str
    name: str
    password: str
    old_password_until: datetime | None = Field(description="Until when the one before holds; null where none does.")
    unrecorded: str = Field(description="Empty; else why the audit could not record it yet.")


class Meant(BaseModel):
    """Which credentials, and why: a name, or all of them."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = Field(None, examples=["acme-app"])
    all: bool = Field(False, description="True, in place of a name: every credential that the path stands for.")
    reason: Why

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.all == (self.name is not None):
            raise ValueError("send either name, or all: true")
        return self


class Rotation(BaseModel):
    """A password to replace."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    overlap: Annotated[str, StringConstraints(max_length=20)] = Field(
        "7d", description="How long the old one still holds: 7d, 12h, 30m, at most 90d; 0 ends it at once."
    )

    @field_validator("overlap")
    @classmethod
    def _readable(cls, value: str) -> str:
        overlap_of(value)
        return value


class Removal(BaseModel):
    """A credential to take away."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    reason: Why


class Switched(BaseModel):
    """What became of the credentials that were meant."""

    changed: list[CredentialShown] = Field(description="As they are now.")
    same: list[CredentialShown] = Field(description="Those that were so already: nothing was changed or recorded.")


def routes(app: FastAPI, context: Context) -> None:
    """Add the credentials of a customer, and the switch for those of all."""
    _reading_and_making(app, context)
    _switching(app, context)


def _reading_and_making(app: FastAPI, context: Context) -> None:
    reading, writing = (
        context.router("credentials", (Role.ADMIN, Role.AUDITOR)),
        context.router("credentials", (Role.ADMIN,)),
    )

    @reading.get("/credentials")
    async def get_credentials(asked: Annotated[Asked, Depends(context.asked)]) -> Credentials:
        """All credentials of a customer, and who has locked which, why and since when."""
        found = await context.run(context.gateway.stores.credentials.all, Which(asked.customer.id))
        now = context.gateway.clock()
        return Credentials(credentials=[CredentialShown.of(each, now) for each in found])

    @writing.post("/credentials", status_code=201, responses=HELD)
    async def add_credential(
        customer: CustomerId, body: NewCredential, token: Annotated[Token, Depends(caller)], response: Response
    ) -> NewPassword:
        """Make a credential with a password of its own, which is told only now. It stays when the file is applied."""
        response.headers["Cache-Control"] = "no-store"
        return await switched(context, _create, context, customer, body, token)

    @writing.post("/credentials/rotate")
    async def rotate_credential(
        customer: CustomerId, body: Rotation, token: Annotated[Token, Depends(caller)], response: Response
    ) -> NewPassword:
        """Give a credential a new password, which is told only now. Both hold until the overlap is over."""
        response.headers["Cache-Control"] = "no-store"
        return await switched(context, _rotate, context, customer, body, token)

    @writing.post("/credentials/remove", responses=HELD)
    async def remove_credential(
        customer: CustomerId, body: Removal, token: Annotated[Token, Depends(caller)]
    ) -> CredentialShown:
        """Take away a credential that a command or this API made; what the file names is taken out there."""
        return await switched(context, _remove, context, customer, body, token)

    app.include_router(reading)
    app.include_router(writing)


def _switching(app: FastAPI, context: Context) -> None:
    mine = urgent(context, "credentials", "/api/v1/customers/{customer}")
    every = urgent(context, "credentials", "/api/v1")

    @mine.post("/credentials/lock")
    async def lock_credentials(customer: CustomerId, body: Meant, token: Annotated[Token, Depends(caller)]) -> Switched:
        """Stop one credential of a customer, or all: on this node at once, on all nodes and open sessions within 5
        seconds. Its mail is answered 450 4.7.1."""
        return await switched(context, _switch, context, "lock", Which(customer, body.name), body.reason, token)

    @mine.post("/credentials/unlock")
    async def unlock_credentials(
        customer: CustomerId, body: Meant, token: Annotated[Token, Depends(caller)]
    ) -> Switched:
        """Lift the lock of one credential of a customer, or of all, whoever made it."""
        return await switched(context, _switch, context, "unlock", Which(customer, body.name), body.reason, token)

    @every.post("/credentials/lock")
    async def lock_any_credentials(body: Meant, token: Annotated[Token, Depends(caller)]) -> Switched:
        """Stop a credential, whoever's it is, or all of all customers."""
        return await switched(context, _switch, context, "lock", Which(None, body.name), body.reason, token)

    @every.post("/credentials/unlock")
    async def unlock_any_credentials(body: Meant, token: Annotated[Token, Depends(caller)]) -> Switched:
        """Lift a credential's lock, whoever's it is, or all locks."""
        return await switched(context, _switch, context, "unlock", Which(None, body.name), body.reason, token)

    app.include_router(mine)
    app.include_router(every)


def _create(context: Context, customer: str, body: NewCredential, token: Token) -> NewPassword:
    gateway = context.gateway
    made, password = gateway.stores.credentials.create(
        customer, body.username, gateway.clock(), stream=body.stream, list_id=body.list
    )
    details = {"stream": body.stream} | ({"list": body.list} if body.list else {})
    act = Act(by(token).actor, "credentials create", customer, made.name, "", details)
    return NewPassword(
        customer=customer, name=made.name, password=password, old_password_until=None, unrecorded=record(context, act)
    )


def _rotate(context: Context, customer: str, body: Rotation, token: Token) -> NewPassword:
    gateway, overlap = context.gateway, overlap_of(body.overlap)
    done = gateway.stores.credentials.rotate(Which(customer, body.name), overlap, gateway.clock())
    details = {"old_until": done.until.isoformat()}
    act = Act(by(token).actor, "credentials rotate", customer, done.name, "", details)
    return NewPassword(
        customer=customer,
        name=done.name,
        password=done.password,
        old_password_until=done.until if overlap else None,
        unrecorded=record(context, act),
    )


def _remove(context: Context, customer: str, body: Removal, token: Token) -> CredentialShown:
    gone = context.gateway.stores.credentials.remove(Which(customer, body.name), body.reason)
    recorded(context, Act(by(token).actor, "credentials remove", customer, gone.name, body.reason))
    return CredentialShown.of(gone, context.gateway.clock())


def _switch(context: Context, act: Literal["lock", "unlock"], which: Which, reason: str, token: Token) -> Switched:
    """The change comes first: a switch that stops a spammer must work on a full disk, too. Then the record is owed."""
    store, now = context.gateway.stores.credentials, context.gateway.clock()
    done = store.lock(which, reason, now) if act == "lock" else store.unlock(which, reason)
    recorded(context, *acts(by(token).actor, act, done, reason))
    lock = Lock(" ".join(reason.split()), OPERATOR, now) if act == "lock" else None
    return Switched(
        changed=[CredentialShown.of(replace(each, lock=lock), now) for each in done.changed],
        same=[CredentialShown.of(each, now) for each in done.same],
    )
