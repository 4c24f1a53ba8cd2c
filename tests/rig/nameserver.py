"""A DNS server of the test's own, over UDP and TCP on a free port of the loopback address; never the network."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

SOA = "ns.example. hostmaster.example. 1 7200 900 86400 120"


@dataclass
class Zone:
    """What the server says: name -> record type -> records, and how it behaves for some names."""

    records: Mapping[str, Mapping[str, list[str]]]
    """A name that is not here, and has none under it, is NXDOMAIN."""
    ttl: int = 300
    silent: set[str] = field(default_factory=set)
    """Names about which nothing is answered."""
    failing: dict[str, dns.rcode.Rcode] = field(default_factory=dict)
    truncated: set[str] = field(default_factory=set)
    """Names about which UDP says only that TCP is to be asked."""
    garbage: set[str] = field(default_factory=set)
    """Names about which something is sent that is no DNS message."""
    without_soa: bool = False
    delay: float = 0.0
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Name, type and transport of each question so far."""

    def answer(self, wire: bytes, transport: str) -> bytes | None:
        """The reply to one question; None is silence."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind, transport))
        if name in self.silent:
            return None
        response = dns.message.make_response(query, recursion_available=True)
        if name in self.garbage:
            return response.to_wire()[:2] + b"\x80\x00\x00\xff\xff\xff\xff"
        if name in self.failing:
            response.set_rcode(self.failing[name])
        elif name in self.truncated and transport == "udp":
            response.flags |= dns.flags.TC
        elif kind in self.records.get(name, {}):
            records = self.records[name][kind]
            response.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", kind, *records))
        else:
            if name not in self.records and not any(each.endswith(f".{name}") for each in self.records):
                response.set_rcode(dns.rcode.NXDOMAIN)
            if not self.without_soa:
                top = dns.name.from_text("example")
                response.authority.append(dns.rrset.from_text(top, self.ttl, "IN", "SOA", SOA))
        return response.to_wire()

    def questions(self) -> int:
        """How many there were so far."""
        return len(self.asked)


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asyncio.get_running_loop().call_later(self._zone.delay, self._reply, data, addr)

    def _reply(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._zone.answer(data, "udp")
        if answer is not None and self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(answer, addr)


class Nameserver:
    """Serves a zone between `async with` and its end; `address` is what [dns] servers names."""

    def __init__(self, zone: Zone) -> None:
        self.zone, self.address = zone, ""
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> "Nameserver":
        server = await asyncio.start_server(self._tcp, "127.0.0.1", 0)
        self._stack.push_async_callback(server.wait_closed)
        self._stack.callback(server.close)
        port = server.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(self.zone), local_addr=("127.0.0.1", port))
        self._stack.callback(transport.close)
        self.address = f"127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                answer = self.zone.answer(await reader.readexactly(length), "tcp")
                if answer is not None:
                    writer.write(struct.pack("!H", len(answer)) + answer)
                    await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def serving(records: Mapping[str, Mapping[str, list[str]]]) -> AsyncIterator[Nameserver]:
    """A server of these records."""
    async with Nameserver(Zone(records)) as server:
        yield server
