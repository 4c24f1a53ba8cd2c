"""Errors as problem details (RFC 9457): every answer that is not 2xx has type, title, status and detail."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from config.files import key_of
from consent.database import RegistryError
from consent.documents import DocumentError, UnknownDocument
from consent.imports.row import ImportRefused
from consent.notices import NoticeConflict
from gateway.audit.errors import JournalError
from gateway.consents import ConsentRefused, Unrecorded
from gateway.http.details import MEDIA_TYPE, details
from gateway.jobs import JobsFull

log = logging.getLogger("postern.http")

LATER = {"Retry-After": "5"}
"""Goes with 503: what is down is looked at every few seconds."""

_HINTS = {
    HTTPStatus.NOT_FOUND: "no such path; /docs lists those there are",
    HTTPStatus.METHOD_NOT_ALLOWED: "this path does not take that method; the Allow field names those it takes",
}
"""In place of Starlette's own text, which repeats the title."""


class ProblemDetails(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field("about:blank", description="`about:blank`: the title says what the status means.")
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["no customer 'acme'"])


class Problem(Exception):
    """An answer that is not 2xx; `detail` says what is wrong and what to do."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})

    def response(self) -> JSONResponse:
        """As it is sent."""
        return JSONResponse(details(self.status, self.detail), int(self.status), self.headers, MEDIA_TYPE)


def answers(
    *statuses: HTTPStatus, schema: type[BaseModel] = ProblemDetails, description: str = ""
) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these problems, for OpenAPI; `install` adds the schema."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{schema.__name__}"}}}
    return {int(status): {"description": description or status.phrase, "content": content} for status in statuses}


def install(app: FastAPI, *schemas: type[BaseModel]) -> None:
    """Answer every error of the application as problem details; `schemas` are those that `answers` names besides."""

    async def problem(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)
        return error.response()

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        status = HTTPStatus(error.status_code)
        return Problem(status, _HINTS.get(status, str(error.detail)), error.headers).response()

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        detail = "; ".join(_fault(fault) for fault in error.errors())
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail).response()

    async def registry(request: Request, error: Exception) -> JSONResponse:
        # Its text names the registry's host, which is nobody's business who has not shown a token.
        # Nor is the path logged as it was sent: it may hold an address.
        route = request.scope.get("route")
        log.error("%s %s: %s", request.method, getattr(route, "path_format", "?"), error)
        return Problem(
            HTTPStatus.SERVICE_UNAVAILABLE, "the registry does not answer; try again later", LATER
        ).response()

    def answered(kind: type[Exception], status: HTTPStatus, words: Callable[[Exception], str]) -> None:
        async def answer(request: Request, error: Exception) -> JSONResponse:
            headers = LATER if status is HTTPStatus.SERVICE_UNAVAILABLE else None
            return Problem(status, words(error), headers).response()

        app.add_exception_handler(kind, answer)

    answered(ConsentRefused, HTTPStatus.UNPROCESSABLE_ENTITY, str)
    answered(ImportRefused, HTTPStatus.UNPROCESSABLE_ENTITY, str)
    answered(DocumentError, HTTPStatus.UNPROCESSABLE_ENTITY, _without_commands)
    answered(UnknownDocument, HTTPStatus.NOT_FOUND, _without_commands)
    answered(NoticeConflict, HTTPStatus.CONFLICT, str)
    answered(JobsFull, HTTPStatus.SERVICE_UNAVAILABLE, str)
    answered(
        Unrecorded, HTTPStatus.SERVICE_UNAVAILABLE, lambda error: f"done; but the audit could not record it: {error}"
    )
    answered(
        JournalError,
        HTTPStatus.SERVICE_UNAVAILABLE,
        lambda error: f"nothing was changed: the audit cannot record it: {error}",
    )

    async def ours(request: Request, error: Exception) -> JSONResponse:
        return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal fault; the log has the details").response()

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(RegistryError, registry)
    app.add_exception_handler(Exception, ours)
    _describe(app, ProblemDetails, *schemas)


def _without_commands(error: Exception) -> str:
    """What the error says, without the command it names behind a semicolon."""
    return str(error).partition("; `postern")[0]


def _fault(fault: Mapping[str, Any]) -> str:
    """One fault of a request. What was sent is not repeated: it may be a secret put in the wrong place."""
    if fault["type"] == "json_invalid":
        return f"body: not JSON: {fault['ctx']['error']} at character {fault['loc'][-1]}"
    if tuple(fault["loc"]) == ("body",) and fault["type"] in ("missing", "model_attributes_type"):
        return "body: must be a JSON object, sent with Content-Type: application/json"
    where, *place = fault["loc"]
    return f"{key_of(tuple(place)) if place else where}: {fault['msg'].removeprefix('Value error, ')}"


def _describe(app: FastAPI, *schemas: type[BaseModel]) -> None:
    """Put the schemas into the application's OpenAPI description, under the names that `answers` uses."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        described = make()
        for schema in schemas:
            described["components"]["schemas"][schema.__name__] = schema.model_json_schema()
        return described

    app.openapi = openapi  # type: ignore[method-assign]
