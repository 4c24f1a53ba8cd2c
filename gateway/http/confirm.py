"""Confirm: `GET|POST /c/{token}`, for whoever has got a confirmation mail (R-089, R-090).

As with `/u/`: GET and HEAD show and change nothing, however often a scanner of links asks; no cookie, no script, no
redirect. The button's POST is answered 200 once the consent is durable, 503 where nothing could be recorded. Used again
it says that it is confirmed; a link that has expired or is outweighed by a withdrawal says so with 410.
"""

import ipaddress
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consent.confirmation_page import View, page
from consent.confirmations import Confirmation
from consent.database import RegistryError
from consent.unsubscribe import NoToken
from gateway.audit.errors import JournalError
from gateway.confirmations import PATH
from gateway.http.pool import Pool
from gateway.http.problems import LATER, Problem
from gateway.http.rates import Rates
from gateway.http.unsubscribe import answer_note, answer_page, form_of, language_of
from gateway.ledger.model import address_group
from gateway.smtp.peers import Networks

if TYPE_CHECKING:
    from gateway.app import Gateway

log = logging.getLogger("postern.confirm")

_OF_TOKEN = 1.0
"""Requests a second for one token, on average over ten; those that show and those that change apart."""
_OF_ADDRESS = 1.0
"""Requests a second without a valid token from one address, likewise."""
_GONE = ("expired", "withdrawn")


def routes(gateway: "Gateway", pool: Pool, monotonic: Callable[[], float]) -> list[Route]:
    """The two routes of a link, for the application that serves the public."""
    service = _Service(gateway, pool, monotonic)
    return [
        Route(PATH + "{token}", service.show, methods=["GET"]),
        Route(PATH + "{token}", service.act, methods=["POST"]),
    ]


class _Service:
    def __init__(self, gateway: "Gateway", pool: Pool, monotonic: Callable[[], float]) -> None:
        self._gateway, self._confirmations, self._pool = gateway, gateway.confirmations, pool
        self._of_token, self._of_address = Rates(_OF_TOKEN, monotonic), Rates(_OF_ADDRESS, monotonic)

    async def show(self, request: Request) -> Response:
        """GET and HEAD."""
        return await self._answered(request, None)

    async def act(self, request: Request) -> Response:
        """POST."""
        form = await form_of(request)
        return await self._answered(request, "" if form is None else str(form.get("act")))

    async def _answered(self, request: Request, act: str | None) -> Response:
        """The page; `act` None changes nothing."""
        try:
            number = self._confirmations.store.number_of(request.path_params["token"])
            self._of_token.take(f"{'show' if act is None else 'change'} {number}")
            mail = await self._pool.run(self._confirmations.get, number)
            if act not in (None, "confirm"):
                return answer_note(request, "bad", HTTPStatus.BAD_REQUEST)
            if mail is None:
                # So old that nothing is known of it any more; it is one of ours.
                return answer_note(request, "gone", HTTPStatus.GONE)
            if act is None:
                return self._page(request, await self._pool.run(self._confirmations.view, mail))
            return await self._confirm(request, mail)
        except NoToken:
            return self._none(request)
        except Problem as problem:
            what = "busy" if problem.status is HTTPStatus.TOO_MANY_REQUESTS else "later"
            return answer_note(request, what, problem.status, problem.headers)
        except (RegistryError, JournalError) as error:
            log.error("%s %s: %s", request.method, PATH, error)
            return answer_note(request, "later", HTTPStatus.SERVICE_UNAVAILABLE, LATER)

    async def _confirm(self, request: Request, mail: Confirmation) -> Response:
        view = await self._pool.run(self._confirmations.confirm, mail, self._from_where(request))
        if view.state == "confirmed":
            self._gateway.metrics.confirmations.labels("confirmed").inc()
        return self._page(request, view)

    def _page(self, request: Request, view: View) -> Response:
        tongue = language_of(request)
        return answer_page(page(view, tongue), tongue, HTTPStatus.GONE if view.state in _GONE else HTTPStatus.OK)

    def _none(self, request: Request) -> Response:
        try:
            self._of_address.take(address_group(request.client.host) if request.client else "")
        except Problem as problem:
            return answer_note(request, "busy", problem.status, problem.headers)
        return answer_note(request, "gone", HTTPStatus.NOT_FOUND)

    def _from_where(self, request: Request) -> str:
        peer = request.client.host if request.client else ""
        proxies = self._gateway.settings.http.proxies
        return from_where(peer, request.headers.getlist("x-forwarded-for"), proxies)


def from_where(peer: str, forwarded: list[str], proxies: tuple[str, ...]) -> str:
    """The address that a person confirms from, or "" where it is not known: evidence is no guess.

    `peer` is the connection's. Where that is one of the operator's `proxies`, the last address in X-Forwarded-For is
    the proxy's own word for it; whatever stands before it anybody may have written. Another peer that is not on the
    public Internet is a proxy that nobody has named.
    """
    try:
        address = ipaddress.ip_address(peer)
        if Networks(proxies).hold(peer):
            return str(ipaddress.ip_address(",".join(forwarded).rpartition(",")[2].strip()))
    except ValueError:
        return ""
    return str(address) if address.is_global else ""
