"""A DNS server of the test's own, over UDP and TCP on a free port of the loopback address; never the network."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from socketserver import BaseRequestHandler, StreamRequestHandler, ThreadingTCPServer, ThreadingUDPServer

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

Records = Mapping[str, list[str]]
"""Record type -> records, as in a zone file; a text may stand without quotation marks."""
_SOA = "ns.example. hostmaster.example. 1 7200 900 86400 120"


class Dns:
    """What the server says, and how it behaves for some names; any of it may be changed while it runs."""

    def __init__(self, records: Mapping[str, Records] | None = None) -> None:
        """A name that is not in `records`, and has none under it, is NXDOMAIN."""
        self.records = dict(records or {})
        self.everywhere: Records = {}
        """What every name has besides."""
        self.trouble: dict[str, str] = {}
        """Name -> `silent`, `garbled` (no DNS message), `other` (an answer to another question), `truncated` (over UDP),
        `alias` (of itself), `mute` (truncated, then nothing), `cut` (truncated, then half of the answer), `huge`
        (truncated, then what fills 64 KiB), `many` (likewise, 3,000 octets), or a response code."""
        self.ttl = 300
        self.with_soa = True
        self.answering = threading.Event()
        """Cleared, nothing is answered until it is set."""
        self.answering.set()
        self.asked: list[tuple[str, str, str]] = []
        """Name, type and transport of each question so far."""
        self.address = ""
        """Where it listens, as [dns] servers has it."""

    def texts(self, name: str, *texts: str) -> None:
        """Give a name these TXT records."""
        self.records[name] = {"TXT": list(texts)}

    def keys_asked(self) -> list[str]:
        """The names whose TXT records were asked for."""
        return [name for name, kind, _ in self.asked if kind == "TXT"]

    @contextlib.contextmanager
    def serving(self) -> Iterator["Dns"]:
        """Serve until the end of the block."""
        tcp, udp = self._bound()
        threads = [threading.Thread(target=each.serve_forever, args=(0.02,), daemon=True) for each in (tcp, udp)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self.answering.set()
            for each in (tcp, udp):
                each.shutdown()
                each.server_close()

    def _bound(self) -> tuple[ThreadingTCPServer, ThreadingUDPServer]:
        """Both on one port: another socket may have the one that is free for the other."""
        responder = self

        class Datagram(BaseRequestHandler):
            def handle(self) -> None:
                data, bound = self.request
                reply = responder.reply(data, "udp")
                if reply is not None:
                    with contextlib.suppress(OSError):  # the server may be closed meanwhile
                        bound.sendto(reply, self.client_address)

        class Stream(StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError, struct.error):
                    (length,) = struct.unpack("!H", self.rfile.read(2))
                    reply = responder.reply(self.rfile.read(length), "tcp")
                    if reply is None:
                        self.rfile.read(1)  # until the client gives up
                    else:
                        self.wfile.write(reply)

        while True:
            tcp = ThreadingTCPServer(("127.0.0.1", 0), Stream)
            try:
                udp = ThreadingUDPServer(tcp.server_address, Datagram)
            except OSError:
                tcp.server_close()
                continue
            self.address = f"127.0.0.1:{tcp.server_address[1]}"
            return tcp, udp

    def reply(self, wire: bytes, transport: str) -> bytes | None:
        """The bytes that answer one question; None is silence."""
        query = dns.message.from_wire(wire)
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        self.asked.append((name, dns.rdatatype.to_text(query.question[0].rdtype), transport))
        self.answering.wait(30)
        trouble = self.trouble.get(name, "")
        if trouble == "silent" or (trouble == "mute" and transport == "tcp"):
            return None
        reply = wire[:2] + b"\x80\x00\x00\xff\xff\xff\xff"
        if trouble in ("huge", "many") and transport == "tcp":
            reply = _mailing(wire, 4000 if trouble == "huge" else 170)
        elif trouble != "garbled":
            reply = self._answer(query, name, trouble, transport).to_wire()
        if transport == "udp":
            return reply
        whole = struct.pack("!H", len(reply)) + reply
        return whole[: len(whole) // 2] if trouble == "cut" else whole

    def _answer(self, query: dns.message.Message, name: str, trouble: str, transport: str) -> dns.message.Message:
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        if trouble == "other":
            query.question[0] = dns.rrset.RRset(dns.name.from_text("other.example"), question.rdclass, question.rdtype)
        response = dns.message.make_response(query, recursion_available=True)
        owner = query.question[0].name
        records = self.records.get(name, {}).get(kind) or self.everywhere.get(kind)
        if trouble in ("truncated", "mute", "huge", "many", "cut") and transport == "udp":
            response.flags |= dns.flags.TC
        elif trouble == "alias":
            response.answer.append(dns.rrset.from_text(owner, self.ttl, "IN", "CNAME", owner.to_text()))
        elif trouble.isupper():
            response.set_rcode(dns.rcode.from_text(trouble))
        elif records:
            rows = [_quoted(text) for text in records] if kind == "TXT" else records
            response.answer.append(dns.rrset.from_text_list(owner, self.ttl, "IN", kind, rows))
        else:
            if name not in self.records and not any(each.endswith(f".{name}") for each in self.records):
                response.set_rcode(dns.rcode.NXDOMAIN)
            if self.with_soa:
                response.authority.append(dns.rrset.from_text("example.", self.ttl, "IN", "SOA", _SOA))
        return response


def _mailing(query: bytes, count: int) -> bytes:
    """So many MX records in 16 octets each, each with a name of a hundred labels: by hand, for dnspython would take its time."""
    owner, kind = b"\xc0\x0c", struct.pack("!HHI", dns.rdatatype.MX, dns.rdataclass.IN, 300)
    name = b"\x01a" * 100 + owner
    records = [owner + kind + struct.pack("!HH", 2 + len(name), 0) + name]
    again = 0xC000 | len(query) + 14
    records += [owner + kind + struct.pack("!HHH", 4, number, again) for number in range(1, count)]
    return query[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0) + query[12:] + b"".join(records)


def _quoted(text: str) -> str:
    """In strings of at most 255 octets (RFC 1035 section 3.3), where it does not stand in strings already."""
    if text.startswith('"'):
        return text
    return " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255)) or '""'


@contextlib.contextmanager
def deaf_port() -> Iterator[str]:
    """The address of a port that is held, and never read."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"
