"""Who may ask: bearer tokens (RFC 6750) and their roles."""

import asyncio
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute, APIRouter
from fastapi.security import HTTPBearer

from consent.tokens import Role, Token, TokenStore
from gateway.http.limits import read_body, replay
from gateway.http.problems import Problem
from gateway.http.rates import Rates
from gateway.http.strict import StrictRequest, check_parameters, parameters

bearer = HTTPBearer(auto_error=False, description="A token of `postern token create`.")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


BODY_SECONDS = 10.0
"""How long a body may take to come."""


def guarded(
    tokens: TokenStore, *roles: str, rates: Rates | None = None, octets: int | None = None, **described: Any
) -> APIRouter:
    """A router whose routes need a token with one of the roles; `described` goes to the router.

    The token is looked at before anything else of the request: who has none learns nothing, not even whether the rest
    was well formed. 401 without a valid token, 429 for one that asks too often, 403 with one of another role. A
    customer's token that names another customer in the path gets 404 before anything is looked up, so that neither
    text nor time tells whether there is one. What a request says wrongly or twice is refused (`gateway.http.strict`).
    `octets` bounds the body where it is larger than elsewhere: it is read only now (`gateway.http.limits`).
    """

    class Guarded(APIRoute):
        def get_route_handler(self) -> Handler:
            handle, known = super().get_route_handler(), parameters(self.dependant)

            async def checked(request: Request) -> Response:
                token = await authenticate(tokens, roles, request.headers.get("authorization", ""), rates)
                named: str | None = request.path_params.get("customer")
                if token.role == Role.CUSTOMER and named not in (None, token.customer):
                    raise no_customer(str(named))
                check_parameters(request, known)
                receive = request.receive
                if octets is not None:
                    body = await read_body(request.scope, request.receive, octets, BODY_SECONDS)
                    if body is None:
                        return Response()  # nobody is there to read it
                    receive = replay(body, receive)
                request = StrictRequest(request.scope, receive)
                request.state.token = token
                return await handle(request)

            return checked

    return APIRouter(route_class=Guarded, dependencies=[Depends(bearer)], **described)


def no_customer(customer: str) -> Problem:
    """404: there is none of that id, or none that this token may know of."""
    return Problem(HTTPStatus.NOT_FOUND, f"no customer '{customer[:64]}'")


def caller(request: Request) -> Token:
    """The token of a request to a guarded route (a dependency)."""
    token = request.state.token
    assert isinstance(token, Token)
    return token


async def authenticate(
    tokens: TokenStore, roles: tuple[str, ...], authorization: str, rates: Rates | None = None
) -> Token:
    """The token in an Authorization field; raises Problem, or RegistryError.

    A token that never was, a wrong secret and a revoked token are answered alike.
    """
    scheme, _, text = authorization.partition(" ")
    given = text.strip() if scheme.lower() == "bearer" else ""
    token = await asyncio.to_thread(tokens.check, given) if given else None
    if token is None:
        error = ', error="invalid_token"' if given else ""
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "send 'Authorization: Bearer TOKEN' with a valid token (postern token create)",
            {"WWW-Authenticate": f'Bearer realm="postern"{error}'},
        )
    if rates is not None:
        rates.take(token.id)
    if token.role not in roles:
        raise Problem(
            HTTPStatus.FORBIDDEN,
            f"this needs a token with role {' or '.join(roles)}",
            {"WWW-Authenticate": 'Bearer realm="postern", error="insufficient_scope"'},
        )
    return token
