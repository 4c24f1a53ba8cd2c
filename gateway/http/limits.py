"""Bounds of requests: how large a body may be, and how long it may take to come."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.problems import Problem


class BodyLimit:
    """ASGI middleware: reads the whole body before the application is asked.

    413 when it grows beyond `octets`: what follows of it is thrown away, for a connection closed while the client
    still sends is reset, and with it the answer is lost. 408 when it has not come within `seconds`; that ends the
    connection. Requests that are `later`'s bound their body themselves, once they know who sends it.
    """

    def __init__(
        self, app: ASGIApp, octets: int, seconds: float, later: Callable[[Scope], bool] = lambda scope: False
    ) -> None:
        self._app, self._octets, self._seconds, self._later = app, octets, seconds, later

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or self._later(scope):
            await self._app(scope, receive, send)
            return
        try:
            body = await read_body(scope, receive, self._octets, self._seconds)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        if body is not None:
            await self._app(scope, replay(body, receive), send)


async def read_body(scope: Scope, receive: Receive, octets: int, seconds: float) -> bytes | None:
    """A request's whole body; None when the client has gone. Raises Problem 413 or 408."""
    check_length(scope, octets)
    body, more = bytearray(), True
    try:
        async with asyncio.timeout(seconds):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                body += message.get("body", b"")
                if len(body) > octets:
                    raise too_large(octets)
                more = message.get("more_body", False)
    except TimeoutError:
        raise too_slow(seconds) from None
    return bytes(body)


def replay(body: bytes, receive: Receive) -> Receive:
    """What gives a body that was read already, whole, and then whatever else comes."""
    first: Message | None = {"type": "http.request", "body": body, "more_body": False}

    async def again() -> Message:
        nonlocal first
        message, first = first, None
        return message or await receive()

    return again


def check_length(scope: Scope, octets: int) -> None:
    """Raise Problem 413 for a body that says itself that it is larger."""
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    if any(length.isdigit() and int(length[:20]) > octets for length in lengths):
        raise too_large(octets)


def too_large(octets: int) -> Problem:
    """413."""
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {octets} octets here")


def too_slow(seconds: float) -> Problem:
    """408, which ends the connection."""
    return Problem(
        HTTPStatus.REQUEST_TIMEOUT, f"the body did not come within {seconds:g} seconds", {"Connection": "close"}
    )
