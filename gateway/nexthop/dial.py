"""Dialler: opens a connection to the next hop and makes it ready: TCP, TLS, EHLO, AUTH; address after address."""

import asyncio
import base64
import ipaddress
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from config.files import ConfigError
from config.settings import NextHop as NextHopSettings
from config.settings import split_address
from gateway.nexthop.answers import Answer
from gateway.nexthop.bounds import Bounds
from gateway.nexthop.health import Health
from gateway.nexthop.link import Answers, Keeper, Link
from gateway.nexthop.reading import Stage

MAX_RESOLVED = 8
"""Addresses of one host name that are tried."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the next hop offered in EHLO last: what may be offered to clients."""

    extensions: frozenset[str] = frozenset()
    """Keywords in upper case."""
    size: int | None = None
    """Octets of a message at most (RFC 1870); None when it names no limit."""


class UnreachableError(Exception):
    """No address of the next hop gave a session that can be used; the text says why for each."""

    def __init__(self, stage: Stage, text: str) -> None:
        super().__init__(text)
        self.stage = stage


@dataclass(slots=True)
class _Place:
    """One configured address."""

    host: str
    port: int
    failed_until: float = float("-inf")
    clear_until: float = float("-inf")
    resolved: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Credential:
    """User name and password at the next hop; never shown."""

    username: str
    password: str = field(repr=False)


class Dialler:
    """Makes links ready. Not to be used before `prepare`."""

    def __init__(
        self,
        settings: NextHopSettings,
        hostname: str,
        clock: Callable[[], float],
        health: Health,
        bounds: Bounds,
    ) -> None:
        self.offer = Offer()
        self._tls = settings.tls
        self._settings = settings
        self._hostname = hostname
        self._clock = clock
        self._health = health
        self._bounds = bounds
        self._places = [_Place(*split_address(address)) for address in settings.addresses]
        self._context: ssl.SSLContext | None = None
        self._credential: Credential | None = None

    def prepare(self) -> None:
        """Read the password and the roots; raises ConfigError."""
        name, path = self._settings.name, self._settings.password_file
        if self._settings.username and path:
            try:
                password = path.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeError) as error:
                raise ConfigError(f"next hop {name}: password_file {path} cannot be read: {_why(error)}") from None
            if not password or "\0" in password:
                raise ConfigError(f"next hop {name}: password_file {path} holds no password")
            self._credential = Credential(self._settings.username, password)
        if self._tls != "none":
            try:
                self._context = _context(self._settings)
            except OSError as error:
                raise ConfigError(
                    f"next hop {name}: ca_file {self._settings.ca_file} cannot be read: {_why(error)}"
                ) from None

    async def dial(self, keeper: Keeper) -> Link:
        """A link ready for MAIL, from the first address that gives one; raises UnreachableError."""
        faults: list[tuple[Stage, str]] = []
        try:
            async with asyncio.timeout(self._bounds.dial):
                link = await self._first(keeper, faults)
        except TimeoutError:
            faults.append((Stage.CONNECT, f"no session within {self._bounds.dial:g} s"))
            link = None
        if link is None:
            # The stage that came furthest tells most about what to put right.
            order = list(Stage)
            stage = max((stage for stage, _ in faults), key=order.index, default=Stage.CONNECT)
            raise UnreachableError(stage, "; ".join(text for _, text in faults))
        return link

    async def _first(self, keeper: Keeper, faults: list[tuple[Stage, str]]) -> Link | None:
        now = self._clock()
        # Those that failed a moment ago come last: they are left out unless all fail.
        for place in sorted(self._places, key=lambda place: place.failed_until > now):
            for host in await self._resolve(place, faults):
                where = _where(place, host)
                try:
                    link = await self._reach(place, host, where, keeper)
                except _FaultError as fault:
                    faults.append((fault.stage, f"{where}: {fault}"))
                    place.failed_until = self._clock() + self._bounds.backoff
                    self._health.alarm("next_hop_address", f"{where}, {fault.stage.value}: {fault}", where)
                    continue
                place.failed_until = float("-inf")
                self.offer = _offer(link.keywords)
                return link
            place.failed_until = self._clock() + self._bounds.backoff
        return None

    async def _resolve(self, place: _Place, faults: list[tuple[Stage, str]]) -> list[str]:
        try:
            return [str(ipaddress.ip_address(place.host))]
        except ValueError:
            pass
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._bounds.connect):
                found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # TimeoutError is an OSError
            if place.resolved:
                return place.resolved  # the resolver is away: what it said last is better than no next hop
            faults.append((Stage.CONNECT, f"{place.host}: {_why(error)}"))
            return []
        place.resolved = list(dict.fromkeys(str(entry[4][0]) for entry in found))[:MAX_RESOLVED]
        return place.resolved

    async def _reach(self, place: _Place, host: str, where: str, keeper: Keeper) -> Link:
        wants_tls = self._tls == "opportunistic" and place.clear_until <= self._clock()
        try:
            return await self._ready(place, host, where, keeper, opportunistic=wants_tls)
        except _FaultError as fault:
            if fault.stage is not Stage.TLS or not wants_tls:
                raise
            # Opportunistic: mail in clear is what would have gone without the offer. It is told, not silent.
            place.clear_until = self._clock() + self._bounds.clear
            self._health.alarm("next_hop_clear", f"{where}: goes on without TLS: {fault}", where)
            return await self._ready(place, host, where, keeper, opportunistic=False)

    async def _ready(self, place: _Place, host: str, where: str, keeper: Keeper, *, opportunistic: bool) -> Link:
        link = Link(asyncio.get_running_loop(), where, keeper, self._bounds)
        try:
            await self._connect(link, place, host)
            _demand(Stage.GREETING, link, await link.greeting, 220)
            await self._ehlo(link)
            if self._tls == "starttls" or (opportunistic and "STARTTLS" in link.keywords):
                await self._starttls(link, place.host)
                await self._ehlo(link)
            if self._credential is not None:
                await self._authenticate(link, self._credential)
            if self._tls not in ("starttls", "implicit"):
                # It asks for a next hop whose certificate was verified (RFC 8689 section 4.2.1).
                link.keywords.pop("REQUIRETLS", None)
        except BaseException:
            link.drop("it could not be made ready")
            raise
        return link

    async def _connect(self, link: Link, place: _Place, host: str) -> None:
        implicit = self._tls == "implicit"
        try:
            async with asyncio.timeout(self._bounds.connect):
                await asyncio.get_running_loop().create_connection(
                    lambda: link,
                    host,
                    place.port,
                    ssl=self._context if implicit else None,
                    server_hostname=place.host if implicit else None,
                )
        except ssl.SSLError as error:
            raise _FaultError(Stage.TLS, _why(error)) from None
        except OSError as error:
            raise _FaultError(Stage.CONNECT, _why(error)) from None
        link.tls = implicit

    async def _ehlo(self, link: Link) -> None:
        answers = await link.ask(f"EHLO {self._hostname}\r\n".encode("ascii"), 1, self._bounds.greeting)
        answer = _demand(Stage.EHLO, link, answers, 250)
        words = (line.partition(" ") for line in answer.text[1:])
        link.keywords = {word.upper(): rest.strip() for word, _, rest in words if word}

    async def _starttls(self, link: Link, host: str) -> None:
        if "STARTTLS" not in link.keywords:
            raise _FaultError(Stage.TLS, "STARTTLS is not offered, and tls = 'starttls' asks for it")
        if self._context is None:
            raise RuntimeError("Dialler.prepare was not called")
        _demand(Stage.TLS, link, await link.ask(b"STARTTLS\r\n", 1, self._bounds.greeting), 220)
        try:
            await link.start_tls(self._context, host, self._bounds.connect)
        except OSError as error:
            raise _FaultError(Stage.TLS, _why(error)) from None

    async def _authenticate(self, link: Link, credential: Credential) -> None:
        offered = link.keywords.get("AUTH", "").upper().split()
        user, password = credential.username.encode(), credential.password.encode()
        if "PLAIN" in offered:  # RFC 4616
            steps = [b"AUTH PLAIN " + base64.b64encode(b"\0" + user + b"\0" + password)]
        elif "LOGIN" in offered:
            steps = [b"AUTH LOGIN", base64.b64encode(user), base64.b64encode(password)]
        else:
            raise _FaultError(Stage.AUTH, f"neither PLAIN nor LOGIN is offered, but {' '.join(offered) or 'nothing'}")
        for step in steps[:-1]:
            # The text of these answers is not shown: some servers repeat the command in it, and so the password.
            _demand(Stage.AUTH, link, await link.ask(step + b"\r\n", 1, self._bounds.greeting), 334, show=False)
        _demand(Stage.AUTH, link, await link.ask(steps[-1] + b"\r\n", 1, self._bounds.greeting), 235, show=False)


class _FaultError(Exception):
    """Why one address gave no session."""

    def __init__(self, stage: Stage, text: str) -> None:
        super().__init__(text)
        self.stage = stage


def _demand(stage: Stage, link: Link, answers: Answers, code: int, *, show: bool = True) -> Answer:
    if not answers:
        raise _FaultError(stage, link.gone)
    answer = answers[0]
    if answer.code != code or link.gone:
        said = answer.line if show else f"{answer.code} {answer.enhanced or ''}".rstrip()
        raise _FaultError(stage, f"the next hop said {said}")
    return answer


def _context(settings: NextHopSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.tls == "opportunistic":
        # Unverified TLS keeps out who only listens; to refuse it would mean clear text (RFC 7435).
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _offer(keywords: dict[str, str]) -> Offer:
    size = keywords.get("SIZE", "")
    # A SIZE of 0 or without a number names no limit (RFC 1870 section 4).
    number = int(size) if size.isascii() and size.isdigit() and len(size) <= 20 else 0
    return Offer(frozenset(keywords), number or None)


def _where(place: _Place, host: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{place.port}" if host == place.host else f"{place.host}[{host}]:{place.port}"


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError) and not error.args:
        return "no connection in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
