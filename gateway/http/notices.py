"""Notices: the wordings that people were shown."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from consent.model import micros, moment
from consent.notices import MOST_CHARACTERS, Notice
from consent.tokens import Token
from gateway.consents import By
from gateway.http.auth import caller
from gateway.http.context import READERS, WRITERS, Asked, Context, by
from gateway.http.fields import Language, Link, NoticeId
from gateway.http.problems import answers

_OCTETS = 2 * 1024 * 1024
"""A text of the most characters, each escaped in JSON as two times six."""


class NewNotice(BaseModel):
    """One wording, exactly as it was shown."""

    model_config = ConfigDict(extra="forbid")

    id: NoticeId = Field(examples=["signup-3"])
    text: Annotated[str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS)] = Field(
        examples=["I want the Acme newsletter by e-mail. I can withdraw at any time."]
    )
    language: Language | None = Field(None, examples=["en"])
    default_checked: bool = Field(
        False, description="The box was ticked beforehand: then nothing it was shown with is express consent."
    )
    url: Link = Field("", examples=["https://www.acme.example/signup"])
    withdrawal_statement: bool | None = Field(None, description="It says that consent can be withdrawn.")
    html_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None, description="Of the page's snapshot; the snapshot itself is the customer's to keep."
    )


class NoticeShown(BaseModel):
    """A notice on file."""

    id: str = Field(examples=["signup-3"])
    text: str
    sha256: str = Field(description="Of the text in UTF-8.")
    language: str
    default_checked: bool
    url: str
    withdrawal_statement: bool | None
    html_sha256: str | None
    recorded: datetime

    @classmethod
    def of(cls, found: Notice) -> "NoticeShown":
        """As the registry has it."""
        return cls(
            id=found.id,
            text=found.text,
            sha256=found.sha256,
            language=found.language,
            default_checked=found.default_checked,
            url=found.url,
            withdrawal_statement=found.withdrawal_statement,
            html_sha256=found.html_sha256 or None,
            recorded=moment(found.recorded),
        )


class Notices(BaseModel):
    """A customer's notices, by id."""

    notices: list[NoticeShown]


def routes(app: FastAPI, context: Context) -> None:
    """Add notices."""
    reading, writing = context.router("notices", READERS), context.router("notices", WRITERS, octets=_OCTETS)

    @reading.get("/notices")
    async def get_notices(asked: Annotated[Asked, Depends(context.asked)]) -> Notices:
        """All notices of a customer."""
        found = await context.run(context.consents.notices.all, asked.customer.id)
        return Notices(notices=[NoticeShown.of(each) for each in found])

    @reading.get("/notices/{notice}")
    async def get_notice(notice: NoticeId, asked: Annotated[Asked, Depends(context.asked)]) -> NoticeShown:
        """One notice."""
        return NoticeShown.of(await context.run(context.consents.notices.get, asked.customer.id, notice))

    @writing.post("/notices", status_code=201, responses=answers(HTTPStatus.CONFLICT))
    async def add_notice(
        body: NewNotice, asked: Annotated[Asked, Depends(context.asked)], token: Annotated[Token, Depends(caller)]
    ) -> NoticeShown:
        """Keep a wording. It is never changed: the same again is answered alike, another text under its id with 409."""
        notice = Notice(
            id=body.id,
            text=body.text,
            language=body.language or "",
            default_checked=body.default_checked,
            url=body.url,
            withdrawal_statement=body.withdrawal_statement,
            html_sha256=body.html_sha256 or "",
            recorded=micros(context.gateway.clock()),
        )
        return NoticeShown.of(await context.run(_put, context, asked.customer.id, notice, by(token)))

    app.include_router(reading)
    app.include_router(writing)


def _put(context: Context, customer: str, notice: Notice, actor: By) -> Notice:
    consents = context.consents
    if consents.notices.put(customer, notice):
        details = {"sha256": notice.sha256, "default_checked": notice.default_checked}
        consents.recording.acted(actor, "notices add", customer, notice.id, details=details)
    return consents.notices.get(customer, notice.id)
