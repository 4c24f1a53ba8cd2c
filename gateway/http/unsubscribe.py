"""Unsubscribe: `GET|POST /u/{token}`, for anybody who holds a token (RFC 8058, R-117 to R-120), and the application
that serves the public.

GET and HEAD show and change nothing, however often a scanner of links asks. POST is a mailbox provider's one-click
request, in either encoding, or a button of the page; it is answered 200 only once the withdrawal is durable. No cookie,
no script, no redirect, nothing that a Host field says: a customer's own host name that points here shows the same.
Whatever is no token of ours gets one and the same 404.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import ParamSpec, TypeVar

from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from consent.database import RegistryDown, RegistryError
from consent.model import Reason
from consent.unsubscribe import NoToken, Token
from consent.unsubscribe_page import CONTENT_SECURITY_POLICY, View, note, page
from consent.unsubscribe_words import language
from gateway.audit.errors import JournalError
from gateway.http.limits import BodyLimit
from gateway.http.pool import Pool
from gateway.http.problems import LATER, Problem
from gateway.http.rates import Rates
from gateway.ledger.model import address_group
from gateway.unsubscribes import Unsubscribes

log = logging.getLogger("postern.unsubscribe")

P = ParamSpec("P")
R = TypeVar("R")

PATH = "/u/"
_MOST_BYTES = 16 * 1024
_BODY_SECONDS = 10.0
_MOST_FIELDS = 20
_OF_TOKEN = 1.0
"""Requests a second for one token, on average over ten; those that show and those that change apart, so that a scanner
does not keep a person from leaving. A token that was heard once is done: nothing is lost by what is refused."""
_OF_ADDRESS = 1.0
"""Requests a second without a valid token from one address, likewise. Valid ones are not counted: all may come from one
mailbox provider, or through one proxy."""
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language",
}
_NONE: Mapping[str, str] = {}


def make_app(
    unsubscribes: Unsubscribes, pool: Pool, monotonic: Callable[[], float], more: Sequence[Route] = ()
) -> BodyLimit:
    """The application that serves /u/, /healthz and `more`; `pool` are its threads, `monotonic` the clock of rates."""
    service = _Service(unsubscribes, pool, monotonic)
    routes = [
        Route(PATH + "{token}", service.show, methods=["GET"]),
        Route(PATH + "{token}", service.act, methods=["POST"]),
        Route("/healthz", _healthz, methods=["GET"]),
        *more,
    ]
    handlers = {HTTPException: _other, Exception: _fault}
    app = Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]
    app.router.redirect_slashes = False
    return BodyLimit(app, _MOST_BYTES, _BODY_SECONDS)


class _Service:
    """The two routes of a token."""

    def __init__(self, unsubscribes: Unsubscribes, pool: Pool, monotonic: Callable[[], float]) -> None:
        self._unsubscribes, self._pool = unsubscribes, pool
        self._of_token, self._of_address = Rates(_OF_TOKEN, monotonic), Rates(_OF_ADDRESS, monotonic)

    async def show(self, request: Request) -> Response:
        """GET and HEAD."""
        token = self._token(request)
        return token if isinstance(token, Response) else await self._page(request, token)

    async def act(self, request: Request) -> Response:
        """POST."""
        token = self._token(request)
        if isinstance(token, Response):
            return token
        form = await form_of(request)
        if form is None:
            return answer_note(request, "bad", HTTPStatus.BAD_REQUEST)
        one_click, act = form.get("List-Unsubscribe"), form.get("act")
        try:
            if one_click == "One-Click":
                await self._unsubscribes.leave(token, Reason.ONE_CLICK, self._run)
                return PlainTextResponse("Unsubscribed\n", headers=_HEADERS)
            if act in ("list", "all"):
                await self._unsubscribes.leave(token, Reason.WEB, self._run, everything=act == "all")
                return await self._page(request, token)
            if act == "undo":
                return await self._undo(request, token)
        except (JournalError, RegistryError) as error:
            log.error("POST %s: %s", PATH, error)
            return answer_note(request, "later", HTTPStatus.SERVICE_UNAVAILABLE, LATER)
        return answer_note(request, "bad", HTTPStatus.BAD_REQUEST)

    async def _undo(self, request: Request, token: Token) -> Response:
        undone = await self._run(self._unsubscribes.undo, token)
        view = await self._view(token)
        return answer_page(note("undone" if undone else "not_undone", language_of(request), view), language_of(request))

    async def _page(self, request: Request, token: Token) -> Response:
        return answer_page(page(await self._view(token), language_of(request)), language_of(request))

    async def _view(self, token: Token) -> View:
        try:
            return await self._run(self._unsubscribes.view, token)
        except RegistryError as error:
            log.warning("GET %s: %s", PATH, error)
            return self._unsubscribes.view_without_registry(token)

    def _token(self, request: Request) -> Token | Response:
        """The token of the path, or the answer to what is none or comes too often."""
        text = request.path_params["token"]
        try:
            token = self._unsubscribes.tokens.read(text)
            self._unsubscribes.customer(token)
        except NoToken:
            token = None
        try:
            if token is None:
                self._of_address.take(address_group(request.client.host) if request.client else "")
                return answer_note(request, "gone", HTTPStatus.NOT_FOUND)
            kind = "change" if request.method == "POST" else "show"
            self._of_token.take(f"{kind} {hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}")
        except Problem as problem:
            return answer_note(request, "busy", problem.status, problem.headers)
        return token

    async def _run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await self._pool.run(work, *args, **kwargs)
        except Problem as problem:
            raise RegistryDown(problem.detail) from None


async def form_of(request: Request) -> FormData | None:
    """The fields of a body in either encoding; None for one that is neither."""
    try:
        return await request.form(max_files=0, max_fields=_MOST_FIELDS)
    except (HTTPException, MultiPartException, ValueError):
        return None


def language_of(request: Request) -> str:
    """The language that a request asks for."""
    return language(request.query_params.get("lang", ""), request.headers.get("accept-language", ""))


def answer_page(
    text: str, tongue: str, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] = _NONE
) -> Response:
    """A page, with the header fields that all of them have."""
    return HTMLResponse(text, int(status), {**_HEADERS, "Content-Language": tongue, **headers})


def answer_note(request: Request, what: str, status: HTTPStatus, headers: Mapping[str, str] = _NONE) -> Response:
    """A page with one thing to say."""
    tongue = language_of(request)
    return answer_page(note(what, tongue), tongue, status, headers)


async def _healthz(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _other(request: Request, error: HTTPException) -> Response:
    """What is not served here: another path, another method."""
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return PlainTextResponse("Method Not Allowed\n", error.status_code, {**_HEADERS, **(error.headers or {})})
    return answer_note(request, "gone", HTTPStatus.NOT_FOUND)


async def _fault(request: Request, error: Exception) -> Response:
    return answer_note(request, "later", HTTPStatus.INTERNAL_SERVER_ERROR)
