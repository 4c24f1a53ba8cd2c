"""PROXY headers: what is read, what is refused, and that nothing behind a header is taken."""

import asyncio
import ipaddress
import struct

import pytest
from aiosmtpd.proxy_protocol import get_proxy
from hypothesis import given
from hypothesis import strategies as st

from gateway.smtp.proxy import MAX_V1, MAX_V2, SIGNATURE, ProxyFault, Source, missing, parse, plain_address


def v2(command: int = 1, family: int = 0x11, block: bytes = b"", tlvs: bytes = b"", length: int | None = None) -> bytes:
    """A version 2 header."""
    whole = block + tlvs
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, family, len(whole) if length is None else length) + whole


def inet(source: str, port: int, to: str = "192.0.2.9", to_port: int = 25) -> bytes:
    """The addresses of a version 2 header."""
    return ipaddress.ip_address(source).packed + ipaddress.ip_address(to).packed + struct.pack("!HH", port, to_port)


def read(octets: bytes) -> tuple[Source | None, bytes]:
    """As the gate reads: no more than what is missing. The client, and what was left; raises ProxyFault, EOFError."""
    taken = b""
    while wanted := missing(taken):
        if len(octets) < wanted:
            missing(taken + octets)
            raise EOFError
        taken, octets = taken + octets[:wanted], octets[wanted:]
    return parse(taken), octets


TCP4 = b"PROXY TCP4 192.0.2.1 192.0.2.9 40000 25\r\n"
RIGHT = [
    (TCP4, Source("192.0.2.1", 40000)),
    (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", Source("255.255.255.255", 65535)),
    (b"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", Source("0.0.0.0", 0)),
    (b"PROXY TCP6 2001:DB8::1 2001:db8::2 1 2\r\n", Source("2001:db8::1", 1)),
    (b"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.9 1 2\r\n", Source("192.0.2.1", 1)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", None),
    (b"PROXY UNKNOWN " + b"f" * (MAX_V1 - 16) + b"\r\n", None),
    (v2(block=inet("192.0.2.1", 40000)), Source("192.0.2.1", 40000)),
    (v2(block=inet("192.0.2.1", 40000), tlvs=b"\x04\0\x02xx"), Source("192.0.2.1", 40000)),
    (v2(block=inet("192.0.2.1", 40000), tlvs=b"\xff" * (MAX_V2 - 28)), Source("192.0.2.1", 40000)),
    (v2(family=0x21, block=inet("2001:db8::1", 7, "2001:db8::2")), Source("2001:db8::1", 7)),
    (v2(command=0, family=0), None),
    (v2(command=0, family=0xFF, block=b"whatever"), None),
    (v2(family=0), None),
    (v2(family=0x31, block=bytes(216)), None),
]
WRONG = [
    b"EHLO client.example\r\n",
    b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\0\0\0",
    b"proxy TCP4 192.0.2.1 192.0.2.9 40000 25\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.9 40000 25\n",
    b"PROXY  TCP4 192.0.2.1 192.0.2.9 40000 25\r\n",
    b"PROXY TCP4 192.0.2.1  192.0.2.9 40000 25\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.9 40000 25 \r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.9 40000\r\n",
    b"PROXY TCP4 192.0.2.256 192.0.2.9 40000 25\r\n",
    b"PROXY TCP4 192.0.2.01 192.0.2.9 40000 25\r\n",
    b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
    b"PROXY TCP4 192.0.2.1 2001:db8::2 1 2\r\n",
    b"PROXY TCP6 192.0.2.1 192.0.2.9 1 2\r\n",
    b"PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.9 65536 25\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.9 040 25\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.9 -1 25\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.9 1 65536\r\n",
    b"PROXY TCP4 name 192.0.2.9 1 25\r\n",
    b"PROXY TCP4 \xff\xff 192.0.2.9 1 25\r\n",
    b"PROXY UDP4 192.0.2.1 192.0.2.9 1 25\r\n",
    b"PROXY UNKNOWNX\r\n",
    b"PROXY \r\nEHLO client.example\r\n",
    b"PROXY UNKNOWN " + b"f" * (MAX_V1 - 15) + b"\r\n",
    b"PROXY UNKNOWN " + b"f" * 4096,
    SIGNATURE[:-1] + b"X" + bytes(20),
    v2(block=inet("192.0.2.1", 1)).replace(b"\n\x21", b"\n\x11"),
    v2(command=2),
    v2(family=0x11, block=bytes(11)),
    v2(family=0x21, block=bytes(35)),
    v2(family=0x31, block=bytes(215)),
    v2(family=0x12, block=inet("192.0.2.1", 1)),
    v2(family=0x10, block=inet("192.0.2.1", 1)),
    v2(family=0x02, block=b""),
    v2(family=0x41, block=bytes(300)),
    v2(family=0x13, block=bytes(12)),
    v2(length=MAX_V2 - 15),
    v2(length=65535),
]  # fmt: skip


@pytest.mark.parametrize(("header", "source"), RIGHT)
def test_a_header_names_the_client_or_nobody_and_what_follows_is_left(header: bytes, source: Source | None) -> None:
    for follows in (b"", b"EHLO x\r\n", b"\x16\x03\x01", b"\n", header):
        assert read(header + follows) == (source, follows)


@pytest.mark.parametrize(("header", "source"), RIGHT)
def test_a_header_cut_anywhere_is_waited_for(header: bytes, source: Source | None) -> None:
    for cut in range(len(header)):
        with pytest.raises(EOFError):
            read(header[:cut])
        assert missing(header[:cut]) <= len(header) - cut


@pytest.mark.parametrize("header", WRONG)
def test_what_is_no_header_of_a_tcp_connection_is_refused(header: bytes) -> None:
    with pytest.raises(ProxyFault) as fault:
        read(header)
    assert str(fault.value).isprintable()


@pytest.mark.parametrize(
    "header", [SIGNATURE, SIGNATURE + b"\x21\x11\0\x0c", v2(block=inet("192.0.2.1", 1)) + b"x", b"", TCP4 + b"x"]
)
def test_a_part_or_more_than_a_header_is_not_parsed(header: bytes) -> None:
    with pytest.raises(ProxyFault):
        parse(header)


addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
ports = st.integers(0, 65535)


@given(addresses, ports, ports, st.binary(max_size=40), st.binary(max_size=40))
def test_what_a_balancer_writes_is_read(
    source: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, to_port: int, tlvs: bytes, follows: bytes
) -> None:
    to = "192.0.2.9" if source.version == 4 else "2001:db8::9"
    expected = Source(plain_address(str(source)), port)
    first = f"PROXY TCP{source.version} {source} {to} {port} {to_port}\r\n".encode()
    assert len(first) <= MAX_V1
    assert read(first + follows) == (expected, follows)
    family = 0x11 if source.version == 4 else 0x21
    second = v2(family=family, block=inet(str(source), port, to, to_port), tlvs=tlvs)
    assert read(second + follows) == (expected, follows)


pieces = st.sampled_from([b"PROXY ", b"TCP4 ", b"TCP6 ", b"UNKNOWN", b"192.0.2.1 ", b"::1 ", b"25", b" ", b"\r\n", b"\r", b"\n",
                          SIGNATURE, b"\x21\x11", b"\x20\0", b"\0\x0c", b"\0\0", b"\0", b"EHLO x\r\n"])  # fmt: skip
anything = st.one_of(
    st.binary(max_size=300), st.lists(st.one_of(pieces, st.binary(max_size=4)), max_size=14).map(b"".join)
)


@given(anything)
def test_any_octets_are_read_or_refused_within_the_bounds(octets: bytes) -> None:
    taken = b""
    try:
        while wanted := missing(taken):
            assert 0 < wanted <= MAX_V2
            if len(octets) < wanted:
                return
            taken, octets = taken + octets[:wanted], octets[wanted:]
        assert len(taken) <= (MAX_V2 if taken.startswith(SIGNATURE) else MAX_V1)
        source = parse(taken)
    except ProxyFault:
        return
    if source is not None:
        assert str(ipaddress.ip_address(source.address)) == source.address
        assert 0 <= source.port <= 65535


@given(anything)
def test_what_is_taken_for_a_client_a_second_implementation_takes_for_the_same(octets: bytes) -> None:
    try:
        source, _ = read(octets)
    except (ProxyFault, EOFError):
        return
    if source is None:
        return

    async def other() -> Source:
        reader = asyncio.StreamReader()
        reader.feed_data(octets)
        reader.feed_eof()
        found = await get_proxy(reader)
        assert found.valid, found.error
        return Source(plain_address(str(found.src_addr)), int(found.src_port or 0))

    assert asyncio.run(other()) == source


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::1", "::1"),
    ],
)
def test_an_address_has_one_text_form(text: str, plain: str) -> None:
    assert plain_address(text) == plain
