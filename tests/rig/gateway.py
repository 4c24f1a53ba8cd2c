"""A whole gateway inside the test's event loop: real registry, real audit, real sockets, a scriptable next hop."""

import asyncio
import atexit
import contextlib
import functools
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from starlette.types import ASGIApp, Receive, Scope, Send

from config.customers import CustomersFile
from config.policy import Policy
from config.settings import Settings
from gateway.app import Gateway
from gateway.audit.search import Query
from gateway.http import server
from gateway.http.server import HttpServer, Make
from gateway.stores import Stores
from tests.rig import registry
from tests.rig.smtpd import Smtpd

PASSWORD = "a right password"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""Cheap to verify: the tests that are about its cost make their own."""
CUSTOMERS: list[dict[str, Any]] = [
    {
        "id": "acme",
        "name": "Acme Ltd",
        "domains": ["acme.example", "news.acme.example", "xn--bcher-kva.example"],
        "credentials": [
            {"username": "acme-app", "password_hash": HASH},
            {"username": "acme-old", "password_hash": HASH, "normalise_bare_lf": True},
        ],
    },
    {
        "id": "nets",
        "name": "Nets Ltd",
        "domains": ["nets.example"],
        "credentials": [{"networks": ["127.0.0.2/32"]}],
    },
    {
        "id": "stopped",
        "name": "Stopped Ltd",
        "domains": ["stopped.example"],
        "credentials": [{"username": "stopped-app", "password_hash": HASH}],
    },
    {
        "id": "watched",
        "name": "Watched Ltd",
        "domains": ["watched.example"],
        "mode": "observe",
        "credentials": [{"username": "watched-app", "password_hash": HASH}],
    },
]


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time."""
        return self.now


_ENHANCED_FREE = re.compile(r"220 \S+ ESMTP|250[ -](?:[A-Z0-9-]+(?: [A-Z0-9 ]+)?|gw\.example)\Z|35[34] |334 ")
"""Greeting, EHLO and HELO have no enhanced status code (RFC 2034 section 4), nor has what is not the last word."""


class ReplyLinter:
    """Looks at every reply line of a gateway (R-024, R-025); `faults` must stay empty."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.faults: list[str] = []
        self._begun = ""
        """The code of a reply whose last line is yet to come. Its lines are said without a pause."""

    def __call__(self, line: str) -> None:
        """Look at one line, without CRLF."""
        self.seen.add(line)
        enhanced = re.match(r"(\d)\d\d[ -](\d)\.\d{1,3}\.\d{1,3} \S", line)
        begun, self._begun = self._begun, line[:3] if line[3:4] == "-" else ""
        if (
            (begun and line[:3] != begun)
            or len(line) > 510
            or not line.isascii()
            or any(c < " " for c in line)
            or (not (enhanced and enhanced[1] == enhanced[2]) and not _ENHANCED_FREE.match(line))
        ):
            self.faults.append(line)


class _WhenAsked(HttpServer):
    """An HTTP server that makes its application at the first request. A process that serves makes it as it starts;
    here that is half of what a gateway costs, and most are never asked."""

    def __init__(self, name: str, address: str, make: Make) -> None:
        super().__init__(name, address, make)
        self._asked, self._ends = asyncio.Event(), False

    async def _make_app(self) -> ASGIApp:
        await self._asked.wait()
        return _nothing if self._ends else await super()._make_app()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._asked.set()
        await super()._serve(scope, receive, send)

    async def close(self) -> None:
        self._ends = not self._asked.is_set()
        self._asked.set()
        await super().close()


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """The application of a server that nobody asked."""


server.HttpServer = _WhenAsked  # type: ignore[misc]


def settings_for(folder: Path, next_hop: str, **changes: Any) -> Settings:
    """Settings of a gateway in a folder, on free ports."""
    values: dict[str, Any] = {
        "hostname": "gw.example",
        "data_dir": str(folder / "var"),
        "smtp": {"listeners": [{"address": "127.0.0.1:0", "auth_without_tls": True}]},
        "next_hops": [{"name": "default", "addresses": [next_hop]}],
        "operator": {"domains": ["gw.example"], "mailbox": "abuse@gw.example"},
        "registry": {"url": f"sqlite:///{folder}/var/postern.db"},
        "http": {"address": "127.0.0.1:0"},
    }
    # In the test's own loop the gateway is late whenever the test is busy.
    limits = {"loop_delay": 3600, **changes.pop("limits", {})}
    return Settings(**{**values, **changes, "limits": limits})


def _prepare(settings: Settings, customers: list[dict[str, Any]], now: datetime) -> None:
    """Make the registry and put the customers into it; customer `stopped`, if there, is suspended."""
    url = settings.registry.url.get_secret_value()
    if url.startswith("sqlite:///"):
        registry.place_both(Path(url.removeprefix("sqlite:///")))
    stores = Stores.open(settings)
    file = CustomersFile.model_validate({"customers": customers})
    stores.customers.apply(file.customers, now)
    if any(customer.id == "stopped" for customer in file.customers):
        stores.customers.suspend("stopped", "complaints", now)
    stores.close()


@functools.cache
def _prepared() -> Path:
    """A registry with CUSTOMERS, made once for the whole run and copied: migrations and argon2id take their time."""
    folder = Path(tempfile.mkdtemp(prefix="postern-registry-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _prepare(settings_for(folder, "127.0.0.1:1"), CUSTOMERS, Clock()())
    return folder


def prepared(folder: Path) -> None:
    """Put a registry with CUSTOMERS into a folder where there is none."""
    if not (folder / "var").exists():
        shutil.copytree(_prepared() / "var", folder / "var")


@contextlib.asynccontextmanager
async def running(
    folder: Path,
    *,
    hop: Smtpd | None = None,
    policy: Policy | None = None,
    customers: list[dict[str, Any]] | None = None,
    settings: Mapping[str, Any] | None = None,
    clock: Callable[[], datetime] | None = None,
) -> AsyncIterator[tuple[Gateway, Smtpd, ReplyLinter]]:
    """A gateway that is up; every reply it gave is linted when it goes down."""
    async with contextlib.AsyncExitStack() as stack:
        if hop is None:
            hop = await stack.enter_async_context(Smtpd())
        chosen, now = settings_for(folder, hop.address, **(settings or {})), clock or Clock()
        if customers is None and not (folder / "var").exists():
            prepared(folder)
        else:
            _prepare(chosen, CUSTOMERS if customers is None else customers, now())
        gateway, linter = Gateway(chosen, policy or Policy(), now), ReplyLinter()
        await gateway.start()
        gateway.edge.on_reply = linter
        try:
            yield gateway, hop, linter
        finally:
            await gateway.stop()
        assert linter.faults == []
        assert gateway.evidence.verify().ok
        gateway.stores.close()


def decisions(gateway: Gateway, **query: Any) -> list[dict[str, Any]]:
    """Decisions in the audit, oldest first, each with its outcome."""
    return list(gateway.evidence.search(Query(**query)))[::-1]
