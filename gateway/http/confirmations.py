"""Confirmations: have Postern ask a person to confirm an opt-in (double opt-in), and see what became of the mail."""

import math
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from consent.confirmations import Confirmation
from consent.tokens import Token
from gateway.confirmations import AskRefused
from gateway.http.auth import caller
from gateway.http.context import READERS, WRITERS, Asked, Context, by, parsed
from gateway.http.fields import AddressText, Identifier
from gateway.http.problems import Problem, answers

ConfirmationId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", examples=["9f2c" * 8])]


class Wanted(BaseModel):
    """Who is to be asked, and for which list."""

    model_config = ConfigDict(extra="forbid")

    address: AddressText
    list: Identifier = Field(examples=["newsletter"])


class ConfirmationShown(BaseModel):
    """A confirmation mail and what became of it."""

    id: str = Field(examples=["9f2c" * 8])
    list: str = Field(examples=["newsletter"])
    request: int = Field(description="Number of the request's event, which it answers.", examples=[4711])
    status: Literal["waiting", "sent", "failed"] = Field(description="Of the mail; sent: the next hop has taken it.")
    created: datetime
    expires: datetime = Field(description="When its link does.")
    sent: datetime | None
    attempts: int
    error: str | None = Field(description="Why the last attempt failed.")
    used: datetime | None = Field(
        description="When its link was first used. Whether the address may be written to is what `check` answers."
    )

    @classmethod
    def of(cls, mail: Confirmation) -> "ConfirmationShown":
        """What a customer sees of it: nothing of its link."""
        return cls(
            id=mail.id,
            list=mail.list,
            request=mail.request,
            status=mail.status,
            created=mail.created,
            expires=mail.expires,
            sent=mail.sent,
            attempts=mail.attempts,
            error=mail.error or None,
            used=mail.confirmed,
        )


_WAITS: dict[int | str, dict[str, Any]] = {
    200: {"description": "One for the same request still waits.", "model": ConfirmationShown}
}


def routes(app: FastAPI, context: Context) -> None:
    """Add asking, and seeing what became of it."""
    writing, gateway = context.router("confirmations", WRITERS), context.gateway

    @writing.post("/confirmations", status_code=201, responses=_WAITS | answers(HTTPStatus.CONFLICT))
    async def add_confirmation(
        body: Wanted,
        response: Response,
        asked: Annotated[Asked, Depends(context.asked)],
        token: Annotated[Token, Depends(caller)],
    ) -> ConfirmationShown:
        """Have one confirmation mail sent in answer to a request on file, at most 7 days old (state `requested`).

        The mail waits durably when it is answered. While one for the same request still waits, that one is answered,
        with 200. 409: there is no such request, or something on file forbids it. 429: at most two mails for a request,
        two to an address in seven days over all customers, and so many of a customer in an hour.
        """
        address = parsed(body.address)
        try:
            mail, new = await context.run(
                gateway.confirmations.ask, asked.customer, address, body.list, by(token), suspended=asked.suspended
            )
        except AskRefused as refused:
            raise _problem(refused, gateway.clock()) from None
        if new:
            gateway.confirming.hurry()
        else:
            response.status_code = HTTPStatus.OK
        return ConfirmationShown.of(mail)

    app.include_router(writing)
    reading = context.router("confirmations", READERS)

    @reading.get("/confirmations/{id}")
    async def show_confirmation(
        id: ConfirmationId, asked: Annotated[Asked, Depends(context.asked)]
    ) -> ConfirmationShown:
        """What became of a confirmation mail of the last 60 days."""
        mail = await context.run(gateway.stores.confirmations.get, id)
        if mail is None or mail.customer != asked.customer.id:
            raise Problem(HTTPStatus.NOT_FOUND, f"no confirmation mail {id!r}")
        return ConfirmationShown.of(mail)

    app.include_router(reading)


def _problem(refused: AskRefused, now: datetime) -> Problem:
    if refused.code != "CONFIRMATION-LIMIT":
        return Problem(HTTPStatus.CONFLICT, str(refused))
    wait = {}
    if refused.again is not None:
        wait["Retry-After"] = str(max(1, math.ceil((refused.again - now).total_seconds())))
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, str(refused), wait)
