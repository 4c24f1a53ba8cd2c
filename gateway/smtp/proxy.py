"""PROXY protocol, versions 1 and 2: what a balancer says in front of a connection that it passes on.

Pure functions of octets after the HAProxy specification ("The PROXY protocol", 2020). Who may say it is no matter of
this file: a header is a claim, and is read from listed balancers only (`gateway.smtp.gate`).
"""

import ipaddress
import re
from dataclasses import dataclass

MAX_V1 = 107
"""Octets of a version 1 header with its CRLF (section 2.1)."""
MAX_V2 = 4096
"""Octets of a version 2 header that are taken: 232 with the longest addresses, the rest is TLVs, which are skipped."""
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_SHORTEST_V1 = b"PROXY UNKNOWN\r\n"
_FIXED_V2 = 16
"""Signature, version and command, family and transport, length."""
_LOCAL, _PROXY = 0, 1
_UNSPECIFIED, _INET, _INET6, _UNIX = 0, 1, 2, 3
_STREAM = 1
_ADDRESSES = {_UNSPECIFIED: 0, _INET: 12, _INET6: 36, _UNIX: 216}
"""Family -> octets of its two addresses and ports."""
_V1 = re.compile(rb"PROXY TCP(?P<version>[46]) (?P<address>\S+) (?P<to>\S+) (?P<port>\d{1,5}) (?P<to_port>\d{1,5})\r\n")


class ProxyFault(ValueError):
    """What came is no PROXY header, or none of a TCP connection; the text says what is wrong and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Source:
    """The client as the balancer saw it."""

    address: str
    """In its canonical text form; an IPv4 address mapped into IPv6 as IPv4."""
    port: int


def missing(octets: bytes) -> int:
    """How many more octets are part of the header for certain; 0 when it is whole. Raises ProxyFault.

    Who reads no more than that takes nothing of what follows the header, such as the first octets of a TLS handshake.
    """
    if not octets:
        return len(_SHORTEST_V1)
    if octets[:1] == SIGNATURE[:1]:
        return _missing_v2(octets)
    if not octets.startswith(b"PROXY "[: len(octets)]):
        raise ProxyFault("no PROXY header")
    if octets.endswith(b"\r\n"):
        return 0
    if b"\n" in octets or len(octets) >= MAX_V1:
        raise ProxyFault("version 1: no CRLF within 107 octets, or a bare LF")
    end = 1 if octets.endswith(b"\r") else 2
    return min(max(len(_SHORTEST_V1) - len(octets), end), MAX_V1 - len(octets))


def _missing_v2(octets: bytes) -> int:
    if not octets.startswith(SIGNATURE[: len(octets)]):
        raise ProxyFault("no PROXY header")
    if len(octets) < _FIXED_V2:
        return _FIXED_V2 - len(octets)
    whole = _FIXED_V2 + int.from_bytes(octets[14:16], "big")
    if whole > MAX_V2:
        raise ProxyFault(f"version 2: longer than {MAX_V2} octets")
    return whole - len(octets)


def parse(header: bytes) -> Source | None:
    """The client that a whole header names; None where it names none (LOCAL, UNKNOWN). Raises ProxyFault.

    None is a connection of the balancer's own, such as its health check: then the real end counts (section 2).
    """
    return _parse_v2(header) if header.startswith(SIGNATURE) else _parse_v1(header)


def _parse_v1(header: bytes) -> Source | None:
    if len(header) > MAX_V1:
        raise ProxyFault("version 1: longer than 107 octets")
    if re.fullmatch(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n", header):
        return None  # what stands behind UNKNOWN must be ignored
    found = _V1.fullmatch(header)
    if not found:
        raise ProxyFault("version 1: not 'PROXY TCP4|TCP6 <source> <destination> <port> <port>'")
    _v1_address(found["to"], found["version"])
    _v1_port(found["to_port"])
    return Source(_v1_address(found["address"], found["version"]), _v1_port(found["port"]))


def _v1_address(text: bytes, version: bytes) -> str:
    try:
        address = ipaddress.ip_address(text.decode("ascii"))
    except ValueError:
        raise ProxyFault("version 1: not an address") from None
    if str(address.version) != version.decode() or "%" in str(address):
        raise ProxyFault(f"version 1: not a TCP{version.decode()} address")
    return plain_address(str(address))


def _v1_port(text: bytes) -> int:
    port = int(text)
    if port > 65535 or str(port).encode() != text:
        raise ProxyFault("version 1: not a port")
    return port


def _parse_v2(header: bytes) -> Source | None:
    if len(header) < _FIXED_V2 or _FIXED_V2 + int.from_bytes(header[14:16], "big") != len(header):
        raise ProxyFault("version 2: cut short")
    version, command = header[12] >> 4, header[12] & 15
    family, transport = header[13] >> 4, header[13] & 15
    if version != 2 or command not in (_LOCAL, _PROXY):
        raise ProxyFault("version 2: neither LOCAL nor PROXY")
    if command == _LOCAL:
        return None  # and its addresses must be discarded
    if family not in _ADDRESSES or transport > 2:
        raise ProxyFault("version 2: unknown address family or transport")
    if len(header) - _FIXED_V2 < _ADDRESSES[family]:
        raise ProxyFault("version 2: cut short")
    if family in (_UNSPECIFIED, _UNIX) and transport <= _STREAM:
        return None
    if transport != _STREAM:
        raise ProxyFault("version 2: not TCP")
    size = 4 if family == _INET else 16
    addresses = header[_FIXED_V2:]
    source = ipaddress.ip_address(addresses[:size])
    return Source(plain_address(str(source)), int.from_bytes(addresses[2 * size : 2 * size + 2], "big"))


def plain_address(text: str) -> str:
    """An IP address in one text form: without a zone, and IPv4 mapped into IPv6 (RFC 4291 section 2.5.5.2) as IPv4."""
    if ":" not in text:
        return text
    address = ipaddress.IPv6Address(text.partition("%")[0])
    return str(address.ipv4_mapped or address)
