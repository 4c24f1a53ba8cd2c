"""The edge: what all SMTP sessions of a process share, and the listeners."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from config.files import ConfigError
from config.settings import EdgeLimits, Listener, split_address
from filters.model import Reply
from gateway.audit.strangers import Strangers
from gateway.desk import MAX_BYTES
from gateway.directory import Directory, Identity
from gateway.ledger.model import address_group
from gateway.metrics import Metrics
from gateway.pipeline import Pipeline
from gateway.rota import Rota
from gateway.smtp.admission import Admission, Place
from gateway.smtp.auth import Authenticator
from gateway.smtp.body import Body
from gateway.smtp.certificates import AskingContext
from gateway.smtp.gate import Gate
from gateway.smtp.parameters import PASSED_THROUGH
from gateway.smtp.peers import Networks
from gateway.smtp.places import Places
from gateway.smtp.replies import SHUTTING_DOWN, TOO_MANY_CONNECTIONS
from gateway.smtp.wire import LineRepair

if TYPE_CHECKING:
    from gateway.smtp.session import Session
    from gateway.transaction import Transaction


def server_context(listener: Listener) -> ssl.SSLContext | None:
    """The listener's certificate, TLS 1.2 at least; raises ConfigError."""
    if listener.tls == "none":
        return None
    assert listener.cert_file and listener.key_file
    try:
        if listener.client_certificates:
            return AskingContext(str(listener.cert_file), str(listener.key_file))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(listener.cert_file, listener.key_file)
    except (OSError, ssl.SSLError) as error:
        where = f"smtp.listeners {listener.address}"
        raise ConfigError(f"{where}: cert_file or key_file cannot be used: {error}") from None
    else:
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
        admission: Admission,
        strangers: Strangers,
        metrics: Metrics,
        clock: Callable[[], datetime],
        rota: Rota,
        body_folder: Path | None = None,
        reuse_port: bool = False,
    ) -> None:
        """`reuse_port`: other processes listen on the same addresses, and the kernel shares connections out."""
        self.hostname, self.limits, self.pipeline, self.directory = hostname, limits, pipeline, directory
        self.authenticator, self._strangers, self._metrics, self._clock = authenticator, strangers, metrics, clock
        self.admission, self._rota = admission, rota
        self._contexts = server_contexts(listeners)
        self._listeners = tuple(listeners)
        self._body_folder, self._reuse_port = body_folder, reuse_port
        self._servers: list[asyncio.Server] = []
        self._sessions: set[Session] = set()
        self._gates: set[Gate] = set()
        """Connections of balancers whose PROXY header has not come yet."""
        self._balancers = {listener: Networks(listener.proxy_from) for listener in listeners}
        self._newcomers = Places(limits.connections)
        """Connections that wait to be looked at."""
        self._empty = asyncio.Event()
        self.draining = self._hurried = False
        self.on_reply: Callable[[str], None] | None = None
        """Sees every reply line; tests lint them with it."""

    async def turn(self, identity: Identity | None, address: str) -> None:
        """Wait for the turn of a client, which comes among those of all others (see `gateway.rota`)."""
        await self._rota.turn(identity.entry.customer.id if identity else address_group(address))

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
                    self._protocols(listener, partial(Session, self, listener)),
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

    def _protocols(self, listener: Listener, session: "Callable[[], Session]") -> Callable[[], asyncio.BaseProtocol]:
        """What makes the protocol of a new connection."""
        if not listener.proxy_from:
            return session
        return partial(Gate, self, self._balancers[listener].hold, session)

    async def close(self, drain_seconds: float) -> None:
        """Stop listening; idle sessions are sent away with 421, open transactions get `drain_seconds`."""
        self.draining = True
        for server in self._servers:
            server.close()
        for gate in list(self._gates):
            gate.close()
        for session in list(self._sessions):
            if session.transaction is None:
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
        self.admission.change(limits)
        self._newcomers.total = limits.connections

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

    def await_header(self, gate: Gate) -> bool:
        """Count in a balancer's connection whose header is to come; False when there are too many connections."""
        if self.draining or len(self._gates) + len(self._sessions) >= self.limits.connections:
            return False
        self._gates.add(gate)
        return True

    def header_ended(self, gate: Gate) -> None:
        """Its header has come, or never will. Harmless when repeated."""
        self._gates.discard(gate)

    async def admit(self, session: "Session", listener: Listener, address: str) -> Place | Reply:
        """A new session from an address: what it holds, or the reply that turns it away."""
        self._sessions.add(session)
        self._empty.clear()
        self._metrics.sessions.set(len(self._sessions))
        self._metrics.connections.inc()
        if self.draining:
            return SHUTTING_DOWN
        # Those who wait for their turn are bounded too, and one address leaves room for the others.
        newcomer = address_group(address)
        found: Place | Reply = TOO_MANY_CONNECTIONS
        if self._newcomers.take(newcomer):
            try:
                found = await self._look_at(listener, address)
            finally:
                self._newcomers.give(newcomer)
        if isinstance(found, Reply) and found is not SHUTTING_DOWN:
            self.refused_stranger(address, "CONN-LIMIT")
        return found

    async def _look_at(self, listener: Listener, address: str) -> Place | Reply:
        """Let a newcomer in when it is its turn."""
        await self.turn(None, address)
        if self.draining:
            return SHUTTING_DOWN
        owner = self.identify(listener, address, None)
        return await self.admission.admit(address, owner.entry.customer.id if owner else None)

    def release(self, session: "Session", place: Place | None) -> None:
        """A session has ended."""
        if place is not None:
            self.admission.release(place)
        if session in self._sessions:
            self._sessions.discard(session)
            self._metrics.sessions.set(len(self._sessions))
            if not self._sessions:
                self._empty.set()

    def keywords(self, listener: Listener, *, encrypted: bool) -> list[str]:
        """EHLO keywords in order: only what works, now, on this connection (R-021)."""
        offered = self.pipeline.offered(encrypted=encrypted)
        limit = self.pipeline.size_limit
        words = ["PIPELINING", f"SIZE {min(limit, MAX_BYTES) if listener.role == 'inbound' else limit}"]
        words += [word for word in (*PASSED_THROUGH, "REQUIRETLS") if word in offered]
        words += ["CHUNKING", "PRDR"]
        if listener.tls == "starttls" and not encrypted:
            words.append("STARTTLS")
        if self.offers_auth(listener, encrypted=encrypted):
            words.append("AUTH PLAIN LOGIN")
        return [*words, "ENHANCEDSTATUSCODES"]

    def identify(self, listener: Listener, address: str, certificate: str | None) -> Identity | None:
        """Whose credential the certificate is that a client has shown, else its address; None for a stranger.

        A balancer that speaks for nobody is nobody, whatever network its own address lies in.
        """
        if certificate is not None and (found := self.directory.by_certificate(certificate)):
            return found
        if listener.role == "inbound" or self._balancers[listener].hold(address):
            return None
        return self.directory.by_address(address)

    def offers_auth(self, listener: Listener, *, encrypted: bool) -> bool:
        """Passwords travel only under TLS, or on loopback where the operator said so (RFC 8314)."""
        return listener.role == "submission" and (encrypted or listener.auth_without_tls)

    def tls(self, listener: Listener) -> ssl.SSLContext | None:
        """The listener's TLS context."""
        return self._contexts[listener.address]

    def new_body(self, size_limit: int, *, stuffed: bool, repair: LineRepair | None) -> Body:
        """An empty body within the bounds of this process, for so many octets; `stuffed` is false for BDAT."""
        return Body(self.pipeline.budget, size_limit, self._body_folder, stuffed=stuffed, repair=repair)

    def refused_stranger(self, address: str, code: str, customer: str = "") -> None:
        """Count the refusal of somebody who is no customer; aggregated, so that it cannot fill the audit.

        `customer` is whose account was tried.
        """
        self._strangers.count(address, code, self._clock(), customer)
        self._metrics.strangers.labels(code).inc()

    def said(self, line: str) -> None:
        """A reply line is about to be sent."""
        if self.on_reply is not None:
            self.on_reply(line)
