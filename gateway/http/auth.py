"""Who may ask: bearer tokens (RFC 6750) and their roles."""

import asyncio
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute, APIRouter
from fastapi.security import HTTPBearer

from consent.tokens import Token, TokenStore
from gateway.http.problems import Problem

bearer = HTTPBearer(auto_error=False, description="A token of `postern token create`.")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def guarded(tokens: TokenStore, *roles: str, **described: Any) -> APIRouter:
    """A router whose routes need a token with one of the roles; `described` goes to the router.

    The token is looked at before anything else of the request: who has none learns nothing, not even whether the rest
    was well formed. 401 without a valid token, 403 with one of another role.
    """

    class Guarded(APIRoute):
        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()

            async def checked(request: Request) -> Response:
                request.state.token = await authenticate(tokens, roles, request.headers.get("authorization", ""))
                return await handle(request)

            return checked

    return APIRouter(route_class=Guarded, dependencies=[Depends(bearer)], **described)


def caller(request: Request) -> Token:
    """The token of a request to a guarded route (a dependency)."""
    token = request.state.token
    assert isinstance(token, Token)
    return token


async def authenticate(tokens: TokenStore, roles: tuple[str, ...], authorization: str) -> Token:
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
    if token.role not in roles:
        raise Problem(
            HTTPStatus.FORBIDDEN,
            f"this needs a token with role {' or '.join(roles)}",
            {"WWW-Authenticate": 'Bearer realm="postern", error="insufficient_scope"'},
        )
    return token
