"""What the DNS says about domains and mail, asked of a real server over UDP and TCP."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator

import dns.rcode
import pytest

from filters.model import DomainState
from gateway.names import MOST_AT_ONCE, DomainNames, make_resolver
from tests.rig.nameserver import Nameserver, serving

RECORDS = {
    "mx.example": {"MX": ["10 mail.mx.example."]},
    "several.example": {"MX": ["10 a.example.", "20 b.example."]},
    "address.example": {"A": ["192.0.2.1"]},
    "six.example": {"AAAA": ["2001:db8::1"]},
    "null.example": {"MX": ["0 ."]},
    "almost.example": {"MX": ["0 .", "10 mail.example."]},
    "deaf.example": {"TXT": ["nothing here"]},
    "below.above.example": {"A": ["192.0.2.1"]},
}


class Time:
    """A monotonic clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
async def server() -> AsyncIterator[Nameserver]:
    async with serving(RECORDS) as server:
        yield server


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def names(server: Nameserver, time: Time) -> AsyncIterator[DomainNames]:
    names = DomainNames(make_resolver((server.address,)), time)
    yield names
    await names.close()


@pytest.mark.parametrize(
    ("domain", "state"),
    [
        ("mx.example", DomainState.TAKES_MAIL),
        ("several.example", DomainState.TAKES_MAIL),
        ("address.example", DomainState.TAKES_MAIL),
        ("six.example", DomainState.TAKES_MAIL),
        ("null.example", DomainState.NULL_MX),
        ("almost.example", DomainState.TAKES_MAIL),  # RFC 7505 section 3: a null MX stands alone
        ("deaf.example", DomainState.DEAF),
        ("above.example", DomainState.DEAF),
        ("gone.example", DomainState.ABSENT),
    ],
)
async def test_what_a_domain_is(names: DomainNames, domain: str, state: DomainState) -> None:
    assert await names.states([domain]) == {domain: state}


async def test_a_truncated_answer_is_asked_for_again_over_tcp(names: DomainNames, server: Nameserver) -> None:
    server.zone.truncated.add("mx.example")
    assert await names.states(["mx.example"]) == {"mx.example": DomainState.TAKES_MAIL}
    assert [transport for _, _, transport in server.zone.asked] == ["udp", "tcp"]


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTIMP, dns.rcode.FORMERR])
async def test_a_failure_says_nothing(names: DomainNames, server: Nameserver, rcode: dns.rcode.Rcode) -> None:
    server.zone.failing["mx.example"] = rcode
    assert await names.states(["mx.example", "null.example"]) == {"null.example": DomainState.NULL_MX}


async def test_a_failure_of_the_second_question_says_nothing_either(names: DomainNames, server: Nameserver) -> None:
    """No MX, and whether there is an address is not known: that is not deaf."""
    answer = server.zone.answer

    def broken(wire: bytes, transport: str) -> bytes | None:
        reply = answer(wire, transport)
        server.zone.failing["deaf.example"] = dns.rcode.SERVFAIL
        return reply

    server.zone.answer = broken  # type: ignore[method-assign]
    assert await names.states(["deaf.example"]) == {}
    assert server.zone.questions() == 2


async def test_what_is_no_dns_message_says_nothing(server: Nameserver, time: Time) -> None:
    server.zone.garbage.add("mx.example")
    names = DomainNames(make_resolver((server.address,)), time, deadline=0.2)
    assert await names.states(["mx.example"]) == {}
    await names.close()


@pytest.mark.parametrize("domain", ["a" * 64 + ".example", "a..example", ".", "", "\xff.example", "x." * 200])
async def test_what_is_no_name_says_nothing_good(names: DomainNames, domain: str) -> None:
    assert (await names.states([domain])).get(domain) in (None, DomainState.ABSENT, DomainState.DEAF)


async def test_a_silent_server_costs_the_deadline_and_no_more(server: Nameserver, time: Time) -> None:
    server.zone.silent.add("mx.example")
    names, loop = DomainNames(make_resolver((server.address,)), time, deadline=0.3), asyncio.get_running_loop()
    begun = loop.time()
    assert await names.states(["mx.example", "null.example"]) == {"null.example": DomainState.NULL_MX}
    assert 0.25 < loop.time() - begun < 0.9
    await names.close()


async def test_an_answer_after_the_deadline_is_there_for_the_next_message(server: Nameserver, time: Time) -> None:
    server.zone.delay = 0.4
    names = DomainNames(make_resolver((server.address,)), time, deadline=0.1)
    assert await names.states(["mx.example"]) == {}
    await asyncio.sleep(0.6)
    assert await names.states(["mx.example"]) == {"mx.example": DomainState.TAKES_MAIL}
    assert server.zone.questions() == 1
    await names.close()


async def test_where_no_server_answers_nobody_waits_after_a_while_until_one_does(
    time: Time, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, server: Nameserver
) -> None:
    monkeypatch.setattr("gateway.names._LIFETIME", 0.2)
    server.zone.silent.update(f"{letter}.example" for letter in "abcdefg")
    names, loop = DomainNames(make_resolver((server.address,)), time, deadline=0.5), asyncio.get_running_loop()
    with caplog.at_level(logging.WARNING, "postern.names"):
        await names.states(f"{letter}.example" for letter in "abcde")
        assert "mail waits no longer" in caplog.text
        begun = loop.time()
        assert await names.states(["f.example"]) == {}
        assert loop.time() - begun < 0.1
        assert await names.states(["mx.example"]) == {}  # asked all the same
        for _ in range(40):
            if "answers again" in caplog.text:
                break
            await asyncio.sleep(0.05)
        assert await names.states(["null.example", "mx.example"]) == {
            "null.example": DomainState.NULL_MX,
            "mx.example": DomainState.TAKES_MAIL,
        }
    await names.close()


async def test_a_port_where_nobody_listens_says_nothing(time: Time) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))  # held, and never read
        names = DomainNames(make_resolver((f"127.0.0.1:{held.getsockname()[1]}",)), time, deadline=0.2)
        assert await names.states(["mx.example"]) == {}
        await names.close()


async def test_the_second_server_is_asked_where_the_first_fails(server: Nameserver, time: Time) -> None:
    async with serving({}) as first:
        first.zone.failing["mx.example"] = dns.rcode.SERVFAIL
        names = DomainNames(make_resolver((first.address, server.address)), time)
        assert await names.states(["mx.example"]) == {"mx.example": DomainState.TAKES_MAIL}
        await names.close()


async def test_an_answer_is_kept_for_its_time(names: DomainNames, server: Nameserver, time: Time) -> None:
    for now, questions in ((0.0, 1), (299.0, 1), (301.0, 2)):
        time.now = now
        await names.states(["mx.example"])
        assert server.zone.questions() == questions


@pytest.mark.parametrize(
    ("ttl", "domain", "least", "most"),
    [(1, "mx.example", 60, 60), (10**6, "mx.example", 3600, 3600), (10**6, "null.example", 300, 300),
     (1, "gone.example", 60, 60), (10**6, "gone.example", 120, 120), (10**6, "deaf.example", 120, 120)],
)  # fmt: skip
async def test_how_long_is_bounded_and_a_finding_is_kept_for_minutes(
    names: DomainNames, server: Nameserver, time: Time, ttl: int, domain: str, least: int, most: int
) -> None:
    server.zone.ttl = ttl
    await names.states([domain])
    first = server.zone.questions()
    time.now = least - 1
    await names.states([domain])
    assert server.zone.questions() == first
    time.now = most + 1
    await names.states([domain])
    assert server.zone.questions() == 2 * first


@pytest.mark.parametrize("domain", ["gone.example", "deaf.example"])
async def test_a_negative_answer_without_soa_is_an_answer(names: DomainNames, server: Nameserver, domain: str) -> None:
    server.zone.without_soa = True
    assert (await names.states([domain]))[domain] in (DomainState.ABSENT, DomainState.DEAF)


async def test_a_failure_is_asked_again_after_half_a_minute(names: DomainNames, server: Nameserver, time: Time) -> None:
    server.zone.failing["mx.example"] = dns.rcode.SERVFAIL
    assert await names.states(["mx.example"]) == {}
    del server.zone.failing["mx.example"]
    assert await names.states(["mx.example"]) == {}
    time.now = 31
    assert await names.states(["mx.example"]) == {"mx.example": DomainState.TAKES_MAIL}


async def test_messages_at_once_ask_one_question(names: DomainNames, server: Nameserver) -> None:
    server.zone.delay = 0.05
    found = await asyncio.gather(*(names.states(["mx.example", "mx.example"]) for _ in range(20)))
    assert found == [{"mx.example": DomainState.TAKES_MAIL}] * 20
    assert server.zone.questions() == 1


async def test_one_message_asks_about_so_many_domains_and_no_more(names: DomainNames, server: Nameserver) -> None:
    wanted = [f"{number}.gone.example" for number in range(MOST_AT_ONCE + 10)]
    assert list(await names.states(wanted)) == wanted[:MOST_AT_ONCE]
    assert list(await names.states(wanted)) == wanted


async def test_the_cache_and_the_questions_on_the_way_are_bounded(
    names: DomainNames, server: Nameserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.names._MOST_KEPT", 3)
    monkeypatch.setattr("gateway.names._MOST_QUESTIONS", 2)
    assert len(await names.states(["mx.example", "null.example", "six.example"])) == 2
    await names.states(["six.example", "deaf.example"])
    before = server.zone.questions()
    assert len(await names.states(["null.example", "six.example", "deaf.example"])) == 3
    assert server.zone.questions() == before
    await names.states(["mx.example"])  # the oldest has made room
    assert server.zone.questions() == before + 1


async def test_no_server_no_names() -> None:
    loop = asyncio.get_running_loop()
    assert DomainNames.open((), loop.time) is None
    assert DomainNames.open(("192.0.2.53",), loop.time) is not None


def test_the_systems_resolver_is_taken_or_named() -> None:
    try:
        resolver = make_resolver(("system",))
    except OSError as error:
        assert "dns.servers" in str(error)
    else:
        assert resolver.nameservers
