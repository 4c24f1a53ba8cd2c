"""A name server on loopback that knows TXT records and nothing else."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


@contextmanager
def name_server(records: Mapping[str, list[str]], rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> Iterator[int]:
    """The server's UDP port. A name that is not in `records` does not exist; each text stands as in a zone file."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        thread = threading.Thread(target=_serve, args=(bound, records, rcode), daemon=True)
        thread.start()
        yield port
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", port))
        thread.join(10)


def _serve(bound: socket.socket, records: Mapping[str, list[str]], rcode: dns.rcode.Rcode) -> None:
    while True:
        data, peer = bound.recvfrom(65535)
        if not data:
            return
        question = dns.message.from_wire(data)
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA
        name = question.question[0].name
        texts = records.get(name.to_text(omit_final_dot=True).lower())
        if rcode != dns.rcode.NOERROR:
            answer.set_rcode(rcode)
        elif texts is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif texts:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", dns.rdatatype.TXT, *texts))
        bound.sendto(answer.to_wire(), peer)
