"""The gate: reads the PROXY header that a listed balancer puts in front of a connection, then lets the session in.

A buffered protocol is given no more octets than it has room for. So the header is taken to its last octet and nothing
of what follows it: a TLS handshake may come in the same segment, and asyncio can start TLS on a fresh stream only.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from gateway.smtp.proxy import ProxyFault, Source, missing, parse

if TYPE_CHECKING:
    from gateway.smtp.connection import Connection
    from gateway.smtp.edge import Edge

log = logging.getLogger("postern.smtp")

HEADER_SECONDS = 5.0
"""How long a balancer may take for its header: more than one retransmission takes (section 2 asks for 3 s at least)."""


class Gate(asyncio.BufferedProtocol):
    """The first moments of a connection on a listener with `proxy_from`."""

    def __init__(self, edge: "Edge", trusts: Callable[[str], bool], session: Callable[[], "Connection"]) -> None:
        """`trusts` tells whether a peer address is a listed balancer; `session` makes what comes behind the gate."""
        self._edge, self._trusts, self._session = edge, trusts, session
        self._transport: asyncio.Transport | None = None
        self._octets = b""
        self._room = bytearray(missing(b""))
        self._timer: asyncio.TimerHandle | None = None
        self._peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From a balancer a header must come; anybody else is let in as who it is."""
        self._transport = cast(asyncio.Transport, transport)
        name = transport.get_extra_info("peername")
        self._peer = str(name[0]) if name else ""
        if not self._trusts(self._peer):
            self._let_in(None)
        elif not self._edge.await_header(self):
            transport.close()
        else:
            self._timer = asyncio.get_running_loop().call_later(HEADER_SECONDS, self._refuse, "no header in time")

    def get_buffer(self, sizehint: int) -> bytearray:
        """Room for what is part of the header for certain."""
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """Some octets of the header."""
        self._octets += self._room[:nbytes]
        try:
            wanted = missing(self._octets)
            if wanted:
                self._room = bytearray(wanted)
                return
            source = parse(self._octets)
        except ProxyFault as fault:
            self._refuse(str(fault))
            return
        self._end()
        self._let_in(source)

    def eof_received(self) -> None:
        """No header will come."""
        self._refuse("closed before its header was whole")

    def connection_lost(self, error: Exception | None) -> None:
        """The balancer is gone."""
        self._end()

    def close(self) -> None:
        """The gateway stops."""
        self._end()
        if self._transport is not None:
            self._transport.close()

    def _refuse(self, why: str) -> None:
        """Nothing can be said: whoever speaks no PROXY here may speak no SMTP either, or TLS first."""
        if self._transport is not None and not self._transport.is_closing():
            log.warning("balancer %s: PROXY header refused: %s", self._peer, why)
            self._edge.refused_stranger(self._peer, "PROXY")
        self.close()

    def _end(self) -> None:
        self._edge.header_ended(self)
        if self._timer is not None:
            self._timer.cancel()

    def _let_in(self, source: Source | None) -> None:
        transport, session = self._transport, self._session()
        assert transport is not None
        # Paused also because uvloop chooses how it reads when reading begins: a session is read in another way.
        transport.pause_reading()
        transport.set_protocol(session)
        session.take_over(transport, None if source is None else (source.address, source.port))
