"""Content on the wire: small in one piece, large in pieces, the dot last."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.nexthop.answers import Answer
from gateway.nexthop.bounds import Bounds
from gateway.nexthop.content import write_content
from gateway.nexthop.link import Link
from gateway.rota import Rota


class Ear:
    """What `write_content` needs of a link: takes down what is written; goes away after some writes."""

    def __init__(self, lasts: int = 1_000_000) -> None:
        self.gone = ""
        self.writes: list[bytes] = []
        self.lasts = lasts

    def write(self, data: "bytes | memoryview") -> bool:
        """A connection that is there as long as it lasts."""
        if len(self.writes) >= self.lasts:
            self.gone = "lost"
            return False
        self.writes.append(bytes(data))
        return True

    async def drain(self) -> None:
        """Never full."""


def write(ear: Ear, head: bytes, body: list[bytes], small: int, *, answered: bool = False) -> bool:
    """Run `write_content` on an ear."""

    async def run() -> bool:
        final: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        if answered:
            final.set_result([])
        link: Link = ear  # type: ignore[assignment]
        return await write_content(
            link, head, body, final, replace(Bounds(), small=small), partial(Rota().turn, "acme")
        )

    return asyncio.run(run())


def test_a_small_message_is_one_write_with_its_dot() -> None:
    ear = Ear()
    assert write(ear, b"A: b\r\n", [b"\r\nhello", b"", b"\r", b"\n"], 100)
    assert ear.writes == [b"A: b\r\n\r\nhello\r\n.\r\n"]


def test_a_message_without_content_is_a_dot() -> None:
    ear = Ear()
    assert write(ear, b"", [], 100)
    assert ear.writes == [b".\r\n"]


@given(st.lists(st.binary(max_size=30), max_size=12), st.integers(0, 60))
def test_whatever_the_pieces_the_octets_are_the_same(body: list[bytes], small: int) -> None:
    ear = Ear()
    assert write(ear, b"A: b\r\n", [*body, b"\r\n"], small)
    assert b"".join(ear.writes) == b"A: b\r\n" + b"".join(body) + b"\r\n.\r\n"


@pytest.mark.parametrize("body", [[b"x"], [b"x\n"], [b"x\r"], [b"x\r\n", b"\n"], [b"\n"]])
def test_content_that_does_not_end_in_crlf_gets_no_dot(body: list[bytes]) -> None:
    for small in (0, 100):
        ear = Ear()
        with pytest.raises(ValueError):
            write(ear, b"", body, small)
        assert b"." not in b"".join(ear.writes)


def test_one_huge_chunk_is_cut() -> None:
    ear = Ear()
    assert write(ear, b"", [b"x" * 1_000_000 + b"\r\n"], 1000)
    assert max(map(len, ear.writes)) == 256 * 1024 and sum(map(len, ear.writes)) == 1_000_005


@given(st.integers(0, 5))
def test_a_connection_that_goes_away_before_the_dot_is_told(lasts: int) -> None:
    ear = Ear(lasts)
    assert not write(ear, b"", [b"x\r\n"] * 5, 0)
    assert b"." not in b"".join(ear.writes)


def test_an_early_answer_stops_it_before_the_dot() -> None:
    ear = Ear()
    assert not write(ear, b"", [b"x\r\n"], 100, answered=True)
    assert not write(ear, b"", [b"x\r\n"], 1, answered=True)
    assert ear.writes == []
