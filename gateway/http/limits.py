"""Bounds of requests: how large a body may be, and how long it may take to come."""

import asyncio
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.problems import Problem


class BodyLimit:
    """ASGI middleware: reads the whole body before the application is asked.

    413 when it grows beyond `octets`: what follows of it is thrown away, for a connection closed while the client
    still sends is reset, and with it the answer is lost. 408 when it has not come within `seconds`; that ends the
    connection.
    """

    def __init__(self, app: ASGIApp, octets: int, seconds: float) -> None:
        self._app, self._octets, self._seconds = app, octets, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        if body is None:
            return
        first: Message | None = {"type": "http.request", "body": body, "more_body": False}

        async def replay() -> Message:
            nonlocal first
            message, first = first, None
            return message or await receive()

        await self._app(scope, replay, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The body; None when the client has gone."""
        too_large = Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {self._octets} octets here")
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        if any(length.isdigit() and int(length[:20]) > self._octets for length in lengths):
            raise too_large
        body, more = bytearray(), True
        try:
            async with asyncio.timeout(self._seconds):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    if len(body) > self._octets:
                        raise too_large
                    more = message.get("more_body", False)
        except TimeoutError:
            raise Problem(
                HTTPStatus.REQUEST_TIMEOUT,
                f"the body did not come within {self._seconds:g} seconds",
                {"Connection": "close"},
            ) from None
        return bytes(body)
