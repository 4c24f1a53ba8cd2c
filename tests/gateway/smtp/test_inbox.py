"""Lines and messages, over any cutting of the input into chunks."""

import asyncio
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.model import Reply
from gateway.rota import Rota
from gateway.smtp import inbox as inboxes
from gateway.smtp import replies
from gateway.smtp.body import Body, Budget
from gateway.smtp.inbox import Inbox

PLENTY = 1 << 30


class End(Exception):
    """Nothing more comes."""


def fed(*chunks: bytes) -> Inbox:
    """An inbox that gets the first chunk at once and the others when it waits."""
    waiting = list(chunks)

    async def more() -> None:
        if not waiting:
            raise End
        made.feed(waiting.pop(0))

    made = Inbox(more, partial(Rota().turn, "acme"))
    if waiting:
        made.feed(waiting.pop(0))
    return made


def lines(limit: int, *chunks: bytes) -> list[bytes | Reply]:
    """All lines, until nothing more comes."""

    async def run() -> list[bytes | Reply]:
        inbox, found = fed(*chunks), list[bytes | Reply]()
        try:
            while True:
                found.append(await inbox.line(limit))
        except End:
            return found

    return asyncio.run(run())


def message(*chunks: bytes) -> tuple[bytes, str, bytes]:
    """The message, its fault, and what is left behind it."""

    async def run() -> tuple[bytes, str, bytes]:
        inbox, body = fed(*chunks), Body(Budget(PLENTY, PLENTY), PLENTY, None)
        await inbox.message(body)
        found = (bytes(body.view()) if not body.fault else b"", body.fault, bytes(inbox._octets))
        body.close()
        return found

    return asyncio.run(run())


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted({place % (len(data) + 1) for place in places})
    return [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]


PLACES = st.lists(st.integers(0, 200), max_size=6)


@given(st.lists(st.sampled_from([b"NOOP", b"", b"MAIL FROM:<a@b.example>", b"a\rb", b"\r"]), max_size=5), PLACES)
def test_lines_end_at_crlf_in_any_cutting(wanted: list[bytes], places: list[int]) -> None:
    wanted = [line for line in wanted if not line.endswith(b"\r")]
    data = b"".join(line + b"\r\n" for line in wanted)
    assert lines(100, *cut(data, places)) == wanted
    assert lines(100, *(bytes([octet]) for octet in data)) == wanted


@pytest.mark.parametrize("data", [b"a\nb\r\n", b"\n\r\n", b"NOOP\nRCPT TO:<x@y.example>\r\n", b"a\n\r\n"])
def test_a_bare_lf_spoils_its_whole_line(data: bytes) -> None:
    assert lines(100, data + b"NOOP\r\n") == [replies.LINE_NOT_CRLF, b"NOOP"]
    assert lines(100, *(bytes([octet]) for octet in data + b"NOOP\r\n")) == [replies.LINE_NOT_CRLF, b"NOOP"]


@pytest.mark.parametrize(("size", "fits"), [(98, True), (99, False), (100, False), (101, False), (5000, False)])
def test_a_line_is_bounded_with_its_crlf_and_answered_once(size: int, fits: bool) -> None:
    data = b"x" * size + b"\r\nNOOP\r\n"
    expected = [b"x" * size if fits else replies.LINE_TOO_LONG, b"NOOP"]
    for step in (1, 7, 99, 100, 101, 102, len(data)):
        assert lines(100, *(data[at : at + step] for at in range(0, len(data), step))) == expected, step


def test_an_endless_line_is_not_held() -> None:
    inbox = fed(*[b"x" * 1000] * 50)

    async def run() -> None:
        with pytest.raises(End):
            await inbox.line(100)

    asyncio.run(run())
    assert len(inbox) <= 1000


@given(st.lists(st.sampled_from([b"a", b"", b"..", b"..a", b"x" * 90]), max_size=6), PLACES)
def test_a_message_ends_at_crlf_dot_crlf_in_any_cutting(wire: list[bytes], places: list[int]) -> None:
    data = b"".join(line + b"\r\n" for line in wire)
    expected = b"".join(line.removeprefix(b".") + b"\r\n" for line in wire)
    for chunks in (cut(data + b".\r\nQUIT\r\n", places), [bytes([octet]) for octet in data + b".\r\nQUIT\r\n"]):
        found, fault, left = message(*chunks)
        assert (found, fault) == (expected, "")
        assert b"QUIT\r\n".startswith(left)


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\n.\0\r\n", b"\r\n\r.\r\n"]
)
def test_nothing_else_ends_a_message_and_all_of_it_is_refused(end: bytes) -> None:
    data = b"body" + end + b"MAIL FROM:<eve@evil.example>\r\n.\r\n"
    for chunks in ([data], [bytes([octet]) for octet in data]):
        found, fault, left = message(*chunks)
        assert found == b""
        assert fault
        assert left == b""


@pytest.mark.parametrize("edge", [-6, -5, -4, -3, -2, -1, 0, 1, 2])
def test_the_end_is_found_astride_the_edge_of_what_is_gathered(edge: int) -> None:
    size = inboxes._CHUNK + edge
    body = b"x" * (size - 2) + b"\r\n"
    for step in (1000, 65_536, 65_537, 65_540):
        data = body + b".\r\nNOOP\r\n"
        found, fault, left = message(*(data[at : at + step] for at in range(0, len(data), step)))
        assert (found, fault) == (body, "")
        assert left in (b"", b"N", b"NO", b"NOOP\r\n") or b"NOOP\r\n".startswith(left)


def test_a_message_ends_at_the_first_end_and_the_rest_stays() -> None:
    rest = b"MAIL FROM:<a@b.example>\r\nDATA\r\nsecond\r\n.\r\n"
    assert message(b"first\r\n.\r\n" + rest) == (b"first\r\n", "", rest)


def test_a_dot_at_the_end_of_a_line_that_was_cut_is_no_empty_message() -> None:
    start = b"y" * (inboxes._CHUNK + 10) + b".\r\nz"
    assert message(start, b"zz\r\n", b".\r\n") == (start + b"zz\r\n", "", b"")


def test_a_message_of_one_empty_line() -> None:
    assert message(b"\r\n.\r\nNOOP\r\n") == (b"\r\n", "", b"NOOP\r\n")


def test_an_empty_message() -> None:
    assert message(b".\r\nNOOP\r\n") == (b"", "", b"NOOP\r\n")
    assert message(b".", b"\r", b"\n") == (b"", "", b"")


def test_what_was_cleared_is_gone() -> None:
    inbox = fed(b"NOOP\r\n")
    inbox.clear()
    assert len(inbox) == 0


@given(st.binary(max_size=200), st.integers(0, 200), PLACES)
def test_a_chunk_is_so_many_octets_in_any_cutting(data: bytes, size: int, places: list[int]) -> None:
    size = min(size, len(data))

    async def run() -> tuple[bytes, bytes]:
        inbox = fed(*cut(data + b"QUIT\r\n", places))
        body = Body(Budget(PLENTY, PLENTY), PLENTY, None, stuffed=False)
        await inbox.chunk(size, body)
        found = b"".join(body._parts)
        body.close()
        left = await inbox.line(1000)
        assert isinstance(left, bytes) or b"\n" in data[size:]
        return found, left if isinstance(left, bytes) else b""

    found, left = asyncio.run(run())
    assert found == data[:size]
    assert (data[size:] + b"QUIT\r\n").startswith(left)


def test_a_chunk_that_nobody_wants_is_thrown_away_and_not_held() -> None:
    inbox, most = fed(*[b"x" * 100_000] * 20, b"NOOP\r\n"), 0

    async def run() -> bytes | Reply:
        nonlocal most
        await inbox.chunk(2_000_000, None)
        most = len(inbox)
        return await inbox.line(100)

    assert asyncio.run(run()) == b"NOOP"
    assert most <= 100_000
