"""The edge: what all SMTP sessions of a process share, and the listeners."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from config.files import ConfigError
from config.settings import EdgeLimits, Listener, split_address
from gateway.audit.strangers import Strangers
from gateway.directory import Directory
from gateway.metrics import Metrics
from gateway.pipeline import Pipeline
from gateway.smtp.auth import Authenticator
from gateway.smtp.body import Body

if TYPE_CHECKING:
    from gateway.smtp.session import Session
    from gateway.transaction import Transaction


def server_context(listener: Listener) -> ssl.SSLContext | None:
    """The listener's certificate, TLS 1.2 at least; raises ConfigError."""
    if listener.tls == "none":
        return None
    assert listener.cert_file and listener.key_file
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(listener.cert_file, listener.key_file)
    except (OSError, ssl.SSLError) as error:
        where = f"smtp.listeners {listener.address}"
        raise ConfigError(f"{where}: cert_file or key_file cannot be used: {error}") from None
    return context


def server_contexts(listeners: Sequence[Listener]) -> dict[str, ssl.SSLContext | None]:
    """The contexts of all listeners by their addresses; raises ConfigError."""
    return {listener.address: server_context(listener) for listener in listeners}


class Edge:
    """Built once by `gateway.app`; each session holds it."""

    def __init__(
        self,
        *,
        hostname: str,
        limits: EdgeLimits,
        listeners: Sequence[Listener],
        pipeline: Pipeline,
        directory: Directory,
        authenticator: Authenticator,
        strangers: Strangers,
        metrics: Metrics,
        clock: Callable[[], datetime],
        body_folder: Path | None = None,
        reuse_port: bool = False,
    ) -> None:
        """`reuse_port`: other processes listen on the same addresses, and the kernel shares connections out."""
        self.hostname, self.limits, self.pipeline, self.directory = hostname, limits, pipeline, directory
        self.authenticator, self._strangers, self._metrics, self._clock = authenticator, strangers, metrics, clock
        self._contexts = server_contexts(listeners)
        self._listeners = tuple(listeners)
        self._body_folder, self._reuse_port = body_folder, reuse_port
        self._servers: list[asyncio.Server] = []
        self._sessions: set[Session] = set()
        self._per_address: Counter[str] = Counter()
        self._empty = asyncio.Event()
        self.draining = self._hurried = False
        self.on_reply: Callable[[str], None] | None = None
        """Sees every reply line; tests lint them with it."""

    async def open(self) -> list[str]:
        """Listen on every listener; returns the addresses. Raises ConfigError where one cannot be had."""
        # Imported here because a session knows the edge's type.
        from gateway.smtp.session import Session

        loop = asyncio.get_running_loop()
        opened = []
        for listener in self._listeners:
            host, port = split_address(listener.address)
            try:
                server = await loop.create_server(
                    partial(Session, self, listener),
                    host,
                    port,
                    backlog=1024,
                    reuse_port=self._reuse_port or None,
                )
            except OSError as error:
                await self.close(0)
                raise ConfigError(
                    f"smtp.listeners: cannot listen on {listener.address}: {os.strerror(error.errno or 0)}"
                ) from None
            self._servers.append(server)
            for each in server.sockets:
                if each.family in (socket.AF_INET, socket.AF_INET6):
                    name = each.getsockname()
                    opened.append(f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}")
        return opened

    async def close(self, drain_seconds: float) -> None:
        """Stop listening; idle sessions are sent away with 421, open transactions get `drain_seconds`."""
        from gateway.smtp.replies import SHUTTING_DOWN

        self.draining = True
        for server in self._servers:
            server.close()
        for session in list(self._sessions):
            if session.idle:
                session.send_away(SHUTTING_DOWN)
        await self.ended(0 if self._hurried else drain_seconds)
        for session in list(self._sessions):
            session.send_away(SHUTTING_DOWN)

    def hurry(self) -> None:
        """Let `close` wait no longer for open transactions."""
        self._hurried = True
        self._empty.set()

    def reload(self, pipeline: Pipeline, limits: EdgeLimits, contexts: dict[str, ssl.SSLContext | None]) -> None:
        """From here on new transactions go through this pipeline, and new handshakes use these certificates.

        Those that are open go on through the pipeline that they began with.
        """
        self.pipeline, self.limits, self._contexts = pipeline, limits, contexts

    def transactions(self) -> "set[Transaction]":
        """Those that are open, or whose message is with the next hop."""
        return {found for session in self._sessions if (found := session.transaction) is not None}

    async def ended(self, seconds: float) -> bool:
        """Wait until the last session has ended, at most so long; whether it has."""
        if self._sessions:
            self._empty.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), seconds)
        return not self._sessions

    def admit(self, session: "Session", address: str) -> bool:
        """Count a new session in; False when there are too many, in total or from its address."""
        self._sessions.add(session)
        self._empty.clear()
        self._per_address[address] += 1
        self._metrics.sessions.set(len(self._sessions))
        self._metrics.connections.inc()
        if self.draining or len(self._sessions) > self.limits.connections:
            return False
        return self._per_address[address] <= self.limits.connections_per_address

    def release(self, session: "Session", address: str) -> None:
        """A session has ended."""
        if session in self._sessions:
            self._sessions.discard(session)
            self._per_address[address] -= 1
            if self._per_address[address] <= 0:
                del self._per_address[address]
            self._metrics.sessions.set(len(self._sessions))
            if not self._sessions:
                self._empty.set()

    def keywords(self, listener: Listener, *, encrypted: bool) -> list[str]:
        """EHLO keywords in order: only what works, now, on this connection (R-021)."""
        offered = self.pipeline.extensions
        words = ["PIPELINING", f"SIZE {self.pipeline.size_limit}"]
        words += [word for word in ("8BITMIME", "SMTPUTF8") if word in offered]
        if listener.tls == "starttls" and not encrypted:
            words.append("STARTTLS")
        if self.offers_auth(listener, encrypted=encrypted):
            words.append("AUTH PLAIN LOGIN")
        return [*words, "ENHANCEDSTATUSCODES"]

    def offers_auth(self, listener: Listener, *, encrypted: bool) -> bool:
        """Passwords travel only under TLS, or on loopback where the operator said so (RFC 8314)."""
        return encrypted or listener.auth_without_tls

    def tls(self, listener: Listener) -> ssl.SSLContext | None:
        """The listener's TLS context."""
        return self._contexts[listener.address]

    def new_body(self) -> Body:
        """An empty body within the bounds of this process."""
        return Body(self.pipeline.budget, self.pipeline.size_limit, self._body_folder)

    def refused_stranger(self, address: str, code: str) -> None:
        """Count the refusal of somebody who is no customer; aggregated, so that it cannot fill the audit."""
        self._strangers.count(address, code, self._clock())
        self._metrics.strangers.labels(code).inc()

    def said(self, line: str) -> None:
        """A reply line is about to be sent."""
        if self.on_reply is not None:
            self.on_reply(line)
