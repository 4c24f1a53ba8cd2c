"""Names looked up over a real socket, from a responder that the test tells what to say."""

import asyncio
from collections.abc import Iterator

import pytest

from gateway import dns as ours
from gateway.dns import Away, Resolver
from tests.rig.dns import Dns


@pytest.fixture
def dns() -> Iterator[Dns]:
    with Dns() as responder:
        yield responder


class Seconds:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_the_strings_of_a_record_are_joined_and_several_are_kept_apart(dns: Dns) -> None:
    dns.records["a.example"] = ["x" * 600, "second"]
    assert set(await Resolver([dns.address], Seconds()).txt("a.example")) == {b"x" * 600, b"second"}


async def test_a_name_that_does_not_exist_and_one_without_text_hold_none(dns: Dns) -> None:
    dns.records["empty.example"] = []
    resolver = Resolver([dns.address], Seconds())
    assert await resolver.txt("nobody.example") == ()
    assert await resolver.txt("empty.example") == ()


@pytest.mark.parametrize("name", ["x" * 64 + ".example", "a..example", ".".join(["abcdefgh"] * 40)])
async def test_what_can_be_no_name_holds_none_and_is_not_asked_for(dns: Dns, name: str) -> None:
    assert await Resolver([dns.address], Seconds()).txt(name) == ()
    assert dns.asked == []


async def test_no_answer_and_a_failure_are_away_and_not_remembered(dns: Dns) -> None:
    dns.silent, dns.failing, dns.garbled = {"silent.example"}, {"failing.example"}, {"garbled.example"}
    resolver = Resolver([dns.address], Seconds())
    began = asyncio.get_running_loop().time()
    for name in ("silent.example", "failing.example", "garbled.example"):
        with pytest.raises(Away):
            await resolver.txt(name)
    assert asyncio.get_running_loop().time() - began < 4 * ours.DEADLINE
    dns.silent, dns.failing, dns.garbled = set(), set(), set()
    dns.records["silent.example"] = ["here"]
    assert await resolver.txt("silent.example") == (b"here",)
    assert await resolver.txt("failing.example") == ()


async def test_a_resolver_that_is_not_there_is_away() -> None:
    with pytest.raises(Away):
        await Resolver(["127.0.0.1:1"], Seconds()).txt("a.example")


async def test_the_next_resolver_is_asked_when_one_is_silent(dns: Dns) -> None:
    dns.records["a.example"] = ["x"]
    with Dns() as dead:
        dead.silent = {"a.example"}
        assert await Resolver([dead.address, dns.address], Seconds()).txt("a.example") == (b"x",)


async def test_an_answer_is_remembered_as_long_as_it_says(dns: Dns) -> None:
    clock = Seconds()
    resolver = Resolver([dns.address], clock)
    dns.records["a.example"], dns.ttl = ["x"], 10
    for clock.now in (0, 9, 11):
        await resolver.txt("a.example")
    assert dns.asked == ["a.example"] * 2
    dns.ttl = 1_000_000
    for clock.now in (30, 3000, 4000):
        await resolver.txt("a.example")
    assert len(dns.asked) == 4
    for clock.now in (4000, 4050, 4070):
        await resolver.txt("none.example")
    assert dns.asked[4:] == ["none.example"] * 2


async def test_so_many_answers_are_remembered(dns: Dns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "_MOST_KEPT", 2)
    resolver = Resolver([dns.address], Seconds())
    for name in ("a.example", "b.example", "a.example", "c.example", "a.example", "b.example"):
        await resolver.txt(name)
    assert dns.asked == ["a.example", "b.example", "c.example", "b.example"]


async def test_waiting_for_a_turn_counts_towards_the_deadline(dns: Dns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "_AT_ONCE", 1)
    dns.silent = {f"{n}.example" for n in range(5)}
    resolver = Resolver([dns.address], Seconds())
    began = asyncio.get_running_loop().time()
    found = await asyncio.gather(*(resolver.txt(f"{n}.example") for n in range(5)), return_exceptions=True)
    assert all(isinstance(each, Away) for each in found)
    assert asyncio.get_running_loop().time() - began < 2 * ours.DEADLINE
