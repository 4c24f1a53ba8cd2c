"""A DNS responder for tests: TXT records over UDP on a free port, told what to answer. Never the network."""

import socket
import threading
from types import TracebackType

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


class Dns:
    """Answers in a thread of its own, for a `with` block."""

    def __init__(self) -> None:
        self.records: dict[str, list[str]] = {}
        """TXT records by name, each as its text; any other name does not exist."""
        self.failing: set[str] = set()
        """Names that are answered SERVFAIL."""
        self.silent: set[str] = set()
        """Names that are not answered."""
        self.garbled: set[str] = set()
        """Names that are answered with bytes that are no message."""
        self.asked: list[str] = []
        """Names whose TXT records were asked for."""
        self.ttl = 300
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self) -> str:
        """Where it listens, as [dns] servers has it."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> "Dns":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, peer = self._socket.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            name = query.question[0].name.to_text(omit_final_dot=True).lower()
            if query.question[0].rdtype != dns.rdatatype.TXT:
                self._socket.sendto(_takes_mail(query).to_wire(), peer)
                continue
            self.asked.append(name)
            if name in self.silent:
                continue
            if name in self.garbled:
                self._socket.sendto(data[:2] + b"\xff" * 5, peer)
                continue
            response = dns.message.make_response(query)
            response.flags |= dns.flags.RA
            if name in self.failing:
                response.set_rcode(dns.rcode.SERVFAIL)
            elif name not in self.records:
                response.set_rcode(dns.rcode.NXDOMAIN)
            elif self.records[name]:
                texts = [_quoted(text) for text in self.records[name]]
                response.answer.append(dns.rrset.from_text_list(query.question[0].name, self.ttl, "IN", "TXT", texts))
            self._socket.sendto(response.to_wire(), peer)


def _takes_mail(query: dns.message.Message) -> dns.message.Message:
    """The answer to any other question: every domain has an MX."""
    response = dns.message.make_response(query)
    response.flags |= dns.flags.RA
    question = query.question[0]
    if question.rdtype == dns.rdatatype.MX:
        response.answer.append(dns.rrset.from_text(question.name, 300, "IN", "MX", "10 mx.example."))
    return response


def _quoted(text: str) -> str:
    """In strings of at most 255 octets (RFC 1035 section 3.3)."""
    return " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255)) or '""'
