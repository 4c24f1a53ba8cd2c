"""HTTP: uvicorn on the gateway's own event loop, for the API and for the public."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from config.files import ConfigError
from config.settings import split_address
from gateway.http.details import raw_response

if TYPE_CHECKING:
    from gateway.app import Gateway
    from gateway.http.pool import Pool

_CLOSE_SECONDS = 5
_IDLE_SECONDS = 15
"""How long a connection is kept for another request."""
_HEAD_SECONDS = 10.0
"""How long the head of a request may take to come."""
_REQUEST_SECONDS = 120.0
"""How long a request may take from its head until its answer has been read."""
EXTEND = "postern.extend"
"""Member of the ASGI scope: a function that ends the connection so many seconds from now, and not at the end of
`_REQUEST_SECONDS`. For a long body or answer, called as it gets further."""
_CONNECTIONS = 200
_HEAD_OCTETS = 16 * 1024


class _Protocol(H11Protocol):
    """Uvicorn's protocol with the bounds it lacks: connections, slow heads, clients that do not read their answer."""

    _deadline: asyncio.TimerHandle | None = None
    _busy = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > _CONNECTIONS:
            self.transport.write(raw_response(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections; try again later"))
            self.transport.close()
            return
        self._wait(_HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        busy = self._answering
        if busy != self._busy or (not busy and self._deadline is None):
            self._busy = busy
            self._wait(_REQUEST_SECONDS if busy else _HEAD_SECONDS)
            self._lend()

    def on_response_complete(self) -> None:
        # From here uvicorn's own clock runs, until there is more input.
        self._wait(None)
        self._busy = False
        super().on_response_complete()
        if self._answering:  # a request that was sent before the answer to the one before it
            self._busy = True
            self._wait(_REQUEST_SECONDS)
            self._lend()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        if not self._answering:
            reason = f"not an HTTP/1.1 request, or its head is larger than {_HEAD_OCTETS} octets"
            self.transport.write(raw_response(HTTPStatus.BAD_REQUEST, reason))
        self.transport.close()

    def _lend(self) -> None:
        """Let the application give a request of its own more time; it has not begun to run yet."""
        if self._answering:
            scope: Any = self.cycle.scope
            scope[EXTEND] = self._wait

    @property
    def _answering(self) -> bool:
        # The type says it is always set; before the first request it is None.
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _wait(self, seconds: float | None) -> None:
        """End the connection after so many seconds; None: no longer."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handlers: the gateway owns the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


Make = Callable[[], "tuple[ASGIApp, list[Pool]]"]
"""Makes an application and the threads it uses; in a thread, for that takes a while."""


class HttpServer:
    """A listener with an application: `open`, then `close`."""

    def __init__(self, name: str, address: str, make: Make) -> None:
        """`name`: that of the setting which holds `address`."""
        self._name, self._address, self._make = name, address, make
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._app: asyncio.Task[ASGIApp] | None = None
        self._pools: list[Pool] = []

    async def open(self) -> str:
        """Listen; returns the address. Raises ConfigError when it cannot be had."""
        listener = _listen(self._name, self._address)
        # A fifth of the time to the first 220 goes into FastAPI: it is made ready while the rest of the start waits for
        # disk and next hop. Requests that come before wait for it.
        self._app = asyncio.create_task(self._make_app(), name=f"{self._name} app")
        config = uvicorn.Config(
            self._serve,
            interface="asgi3",
            http=_Protocol,
            ws="none",
            log_config=None,
            log_level="error",
            access_log=False,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            h11_max_incomplete_event_size=_HEAD_OCTETS,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=_CLOSE_SECONDS,
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name="http")
        name = listener.getsockname()
        ready = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait((ready, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            listener.close()
            await self._task
        return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"

    async def _make_app(self) -> ASGIApp:
        """The application with its threads."""
        app, self._pools = await asyncio.to_thread(self._make)
        return app

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        assert self._app is not None
        app = await asyncio.shield(self._app)
        await app(scope, receive, send)

    async def close(self) -> None:
        """Stop listening and end open requests within seconds."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
            assert self._app is not None
            await self._app
            for pool in self._pools:
                await pool.close()


def servers(gateway: "Gateway") -> list[HttpServer]:
    """The API's listener and, where one is set, that of the public: /u/ and /c/ are else served beside the API."""
    http, monotonic = gateway.settings.http, asyncio.get_running_loop().time
    # Imported in their threads, because that takes the most time.
    if not http.public_address:
        return [HttpServer("http.address", http.address, lambda: _both(gateway, monotonic))]
    return [
        HttpServer("http.address", http.address, lambda: _api(gateway, monotonic)),
        HttpServer("http.public_address", http.public_address, lambda: _public(gateway, monotonic)),
    ]


def _api(gateway: "Gateway", monotonic: Callable[[], float]) -> "tuple[ASGIApp, list[Pool]]":
    from gateway.http.app import make_app
    from gateway.http.pool import Pool

    pool = Pool()
    return make_app(gateway, pool, monotonic), [pool]


def _public(gateway: "Gateway", monotonic: Callable[[], float]) -> "tuple[ASGIApp, list[Pool]]":
    from gateway.http.confirm import routes
    from gateway.http.pool import Pool
    from gateway.http.unsubscribe import make_app

    # Threads of its own: a flood of questions to the API keeps nobody from leaving.
    pool = Pool()
    return make_app(gateway.unsubscribes, pool, monotonic, routes(gateway, pool, monotonic)), [pool]


def _both(gateway: "Gateway", monotonic: Callable[[], float]) -> "tuple[ASGIApp, list[Pool]]":
    (api, threads), (public, more) = _api(gateway, monotonic), _public(gateway, monotonic)

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        is_public = scope["type"] == "http" and scope["path"].startswith(("/u/", "/c/"))
        await (public if is_public else api)(scope, receive, send)

    return either, threads + more


def _listen(name: str, address: str) -> socket.socket:
    """A listening socket; raises ConfigError."""
    host, port = split_address(address)
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        # Here and not later: of two that were bound at once, it is listening that fails for the second.
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"{name}: cannot listen on {address}: {error.strerror or error}; end what has it, or name another"
        ) from None
    return listener
