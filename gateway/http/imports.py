"""Imports: files of consents that are received, run one at a time beside the gateway, and asked after."""

import asyncio
from datetime import datetime
from http import HTTPStatus
from pathlib import PureWindowsPath
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Depends, FastAPI, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from consent.import_jobs import ImportStore, Job, Order, UnknownImport
from consent.model import moment
from consent.tokens import Token
from gateway.http import upload
from gateway.http.auth import caller
from gateway.http.context import READERS, WRITERS, Asked, Context, inward
from gateway.http.fields import Identifier, NoticeId, Short, Words
from gateway.http.problems import Problem, answers
from gateway.http.server import EXTEND
from gateway.http.slots import Slots

AT_ONCE = 10 * 1024 * 1024
"""Octets up to which an import is answered when it is done."""
_ANSWER_SECONDS = 60.0
"""How long such an answer is waited for: it may stand behind a larger import."""
_UPLOADS = 8
"""Files received at once; the next is answered 503."""
_OF_ONE = 4
"""One customer's among them."""
_LISTED = 100

JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{24}$", examples=["66f3a1c09e5d4b7781c2aa10"])]


class RowError(BaseModel):
    """A row that was not taken."""

    line: int = Field(description="The physical line on which it starts, the header being 1.", examples=[7])
    reason: str = Field(examples=["no e-mail address: fill the address column, or leave the row out"])


class Import(BaseModel):
    """An import: how far it is, and what came of it."""

    id: str = Field(examples=["66f3a1c09e5d4b7781c2aa10"])
    status: Literal["waiting", "running", "interrupted", "done", "refused", "failed"] = Field(
        description="interrupted: goes on by itself; refused: the whole file, `reason` says why; failed: our fault."
    )
    customer: str = Field(examples=["acme"])
    list: str = Field(examples=["newsletter"])
    progress: float = Field(description="0 to 1.")
    phase: str = Field(description="reading, withdrawals (which come first), consents or done.")
    rows: int = Field(description="Rows of the file that were read.")
    accepted: int
    refused: int = Field(description="Rows with an error.")
    errors: tuple[RowError, ...] = Field(description="The first thousand.")
    more_errors: int = Field(description="Errors beyond those.")
    facts: dict[str, int] = Field(
        description="What the rows state: consents, withdrawals, suppressions, relationships; capped: graded lower for "
        "quality's sake; new: recorded; known: told before."
    )
    reason: str | None = Field(description="Why it was refused, interrupted or failed.")
    dry_run: bool
    diff: dict[str, Any] | None = Field(description="Of a dry run: what would change.")
    quality: dict[str, Any] = Field(description="What is odd about the consents: shared times and addresses and so on.")
    mapping: dict[str, str] = Field(description="Column of the file: what it was taken for.")
    format: str = Field(description="As it was found.", examples=["mailchimp-subscribed"])
    notice: str | None
    zone: str | None = Field(description="Assumed for times that name none.")
    attestation: str
    uploader: str = Field(examples=["token:7906674dbd8f"])
    sha256: str = Field(description="Of the file as received.")
    parser: str = Field(description="Version of the readers.")
    already_imported: bool = Field(description="The same file was imported before: nothing was done.")
    repeats: str | None = Field(description="By that import.")
    created: datetime
    finished: datetime | None

    @classmethod
    def of(cls, job: Job, inside: bool) -> "Import":
        """As the registry has it; `inside`: for the operator."""
        shown = job.result()
        rows = job.done + (job.total if job.phase == "consents" else 0)
        progress = 1.0 if job.ended else min(1.0, rows / (2 * job.total)) if job.total else 0.0
        return cls(
            **{name: value for name, value in shown.items() if name in cls.model_fields and name not in _OWN},
            customer=job.order.customer,
            progress=round(progress, 4),
            diff=shown.get("diff"),
            uploader="the operator" if "@" in job.order.uploader and not inside else job.order.uploader,
            created=moment(job.created),
            finished=None if job.finished is None else moment(job.finished),
        )


_OWN = ("customer", "progress", "diff", "uploader", "created", "finished")


class Imports(BaseModel):
    """A customer's imports, the newest first, without their errors."""

    imports: list[Import]


_BODY = {
    "requestBody": {
        "required": True,
        "description": "The file: CSV, JSON or ZIP, as a platform exports it.",
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": "email,event_state,event_time,source_ref\nbob@recipient.example,given,"
                "2026-03-01T10:00:00+01:00,https://www.acme.example/signup\n",
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}
_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": Import,
        "description": "Received; it runs. Location says where to ask after it.",
        "headers": {"Location": {"schema": {"type": "string"}, "description": "/api/v1/jobs/{id}"}},
    }
}


def _order(
    list: Annotated[Identifier, Query(description="The list it is for; made if new.", examples=["newsletter"])],
    format: Annotated[Short, Query(description="auto, or a format or platform.", examples=["auto"])] = "auto",
    notice: Annotated[
        NoticeId | None, Query(description="The notice that you declare was shown.", examples=["signup-3"])
    ] = None,
    tz: Annotated[Short, Query(description="For times that name no zone.", examples=["Europe/Paris"])] = "",
    filename: Annotated[
        Short, Query(description="Some formats are told apart by it; else the form's.", examples=["export.csv"])
    ] = "",
    dry_run: Annotated[bool, Query(description="Say what would change, and change nothing.")] = False,
    scope: Annotated[
        Literal["list", "all"], Query(description="all: withdrawals in it cover everything from the customer.")
    ] = "list",
    attestation: Annotated[Words, Query(description="What you declare about these consents.")] = "",
) -> Order:
    """What is asked for, yet without who asks (a dependency)."""
    return Order(
        customer="",
        list=list,
        format=format,
        filename=filename,
        notice=notice or "",
        zone=tz,
        dry_run=dry_run,
        scope_all=scope == "all",
        attestation=attestation,
    )


def routes(app: FastAPI, context: Context) -> None:
    """Add imports and their jobs."""
    writing, slots = context.router("imports", WRITERS), Slots(_UPLOADS, _OF_ONE, "files are being received")
    store = ImportStore(context.gateway.stores.consent_database)

    @writing.post("/consent/imports", responses=_ACCEPTED, response_model=Import, openapi_extra=_BODY)
    async def add_import(
        request: Request,
        asked: Annotated[Asked, Depends(context.asked)],
        wanted: Annotated[Order, Depends(_order)],
        token: Annotated[Token, Depends(caller)],
    ) -> Any:
        """Import a file. Up to 10 MB it is answered when it is done, and larger ones when they are received.

        Withdrawals and suppressions come first, and no import ever lifts one. The same file twice changes nothing.
        """
        slots.check(asked.customer.id)
        with slots.held(asked.customer.id):
            order = msgspec.structs.replace(wanted, customer=asked.customer.id, uploader=f"token:{token.id}")
            try:
                job, size = await _received(context, request, asked, order)
            except ConnectionError:
                return Response()  # the sender has gone: nobody reads it
        if size <= AT_ONCE:
            request.scope[EXTEND](_ANSWER_SECONDS + 60)
            job = await _ended(context, store, job)
        if not job.ended:
            where = f"/api/v1/jobs/{job.id}"
            shown = Import.of(job, inward(token)).model_dump(mode="json")
            return JSONResponse(shown, int(HTTPStatus.ACCEPTED), {"Location": where})
        if job.status == "refused":
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, job.reason)
        return Import.of(job, inward(token))

    app.include_router(writing)
    reading = context.router("imports", READERS)

    @reading.get("/consent/imports")
    async def get_imports(
        asked: Annotated[Asked, Depends(context.asked)],
        token: Annotated[Token, Depends(caller)],
        limit: Annotated[int, Query(ge=1, le=_LISTED)] = 20,
    ) -> Imports:
        """The customer's imports, the newest first."""
        found = await context.run(store.list, asked.customer.id, limit)
        return Imports(imports=[Import.of(job, inward(token)) for job in found])

    app.include_router(reading)
    jobs = context.router("imports", READERS, prefix="/api/v1")

    @jobs.get("/jobs/{job}", responses=answers(HTTPStatus.NOT_FOUND))
    async def get_job(job: JobId, token: Annotated[Token, Depends(caller)]) -> Import:
        """How far an import is, and what came of it."""
        try:
            # A customer's token asks for its own only: another's is looked for as one that there is not.
            found = await context.run(store.get, job, token.customer)
        except UnknownImport:
            raise Problem(HTTPStatus.NOT_FOUND, f"no job '{job}'") from None
        return Import.of(found, inward(token))

    app.include_router(jobs)


async def _received(context: Context, request: Request, asked: Asked, order: Order) -> tuple[Job, int]:
    """Receive the file and hand it in; (the job, octets of the file)."""
    jobs, most = context.gateway.jobs, context.gateway.settings.http.import_bytes
    place = jobs.reserve(asked.customer.id)
    try:
        size, named = await upload.receive(request, place.path, most, context.pool)
    except BaseException:
        await asyncio.shield(jobs.drop(place))
        raise
    if not order.filename and named:
        # As some browsers send it, with the folders of the sender's machine.
        name = "".join(each for each in PureWindowsPath(named).name if each.isprintable())[:200]
        order = msgspec.structs.replace(order, filename=name)
    return await jobs.submit(asked.customer, order, place), size


async def _ended(context: Context, store: ImportStore, job: Job) -> Job:
    """The job when it is done, or as it is after a time."""
    try:
        return await asyncio.wait_for(context.gateway.jobs.wait(job.id), _ANSWER_SECONDS)
    except TimeoutError:
        return await context.run(store.get, job.id)
