"""The door to the DNS, through real sockets, to a server that the test tells what to say."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Iterator

import pytest
from dns.asyncresolver import Resolver as Library

from config.files import ConfigError
from filters.model import DomainState
from gateway import dns as door
from gateway.dns import Away, Resolver
from tests.rig.dns import Dns, deaf_port

RECORDS = {
    "mx.example": {"MX": ["10 mail.mx.example."]},
    "several.example": {"MX": ["10 a.example.", "20 b.example."]},
    "address.example": {"A": ["192.0.2.1"]},
    "six.example": {"AAAA": ["2001:db8::1"]},
    "null.example": {"MX": ["0 ."]},
    "almost.example": {"MX": ["0 .", "10 mail.example."]},
    "deaf.example": {"TXT": ["nothing here"]},
    "below.above.example": {"A": ["192.0.2.1"]},
    "key.example": {"TXT": ["x" * 600, "second"]},
}
WAIT = 20.0
"""Seconds that an answer may take on a busy machine."""


class Time:
    """A monotonic clock that moves only when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def dns() -> Iterator[Dns]:
    with Dns(RECORDS).serving() as server:
        yield server


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def resolver(dns: Dns, time: Time) -> AsyncIterator[Resolver]:
    made = Resolver([dns.address], time)
    yield made
    await made.close()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A question is given up soon, until that is undone."""
    monkeypatch.setattr(door, "_LIFETIME", 0.3)
    monkeypatch.setattr(door, "_TRY", 0.2)
    return monkeypatch


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
async def test_what_a_domain_is(resolver: Resolver, dns: Dns, domain: str, state: DomainState) -> None:
    assert await resolver.mail.get(domain, WAIT) == state
    dns.with_soa = False
    assert await Resolver([dns.address], Time()).mail.get(domain, WAIT) == state


@pytest.mark.parametrize(("name", "texts"), [
    ("key.example", {b"x" * 600, b"second"}), ("mx.example", set()), ("gone.example", set()),
])  # fmt: skip
async def test_the_strings_of_a_text_are_joined_and_several_texts_kept_apart(
    resolver: Resolver, name: str, texts: set[bytes]
) -> None:
    assert set(await resolver.texts.get(name, WAIT)) == texts


@pytest.mark.parametrize("name", ["x" * 64 + ".example", "a..example", ".".join(["abcdefgh"] * 40), "x." * 200])
async def test_what_can_be_no_name_holds_no_text_and_nothing_is_held_against_it(
    resolver: Resolver, dns: Dns, name: str
) -> None:
    assert await resolver.texts.get(name, WAIT) == ()
    with pytest.raises(Away):
        await resolver.mail.get(name, WAIT)
    assert dns.asked == []


@pytest.mark.parametrize(
    "trouble",
    [
        "silent",
        "garbled",
        "other",
        "alias",
        "mute",
        "cut",
        "huge",
        "many",
        "SERVFAIL",
        "REFUSED",
        "NOTIMP",
        "FORMERR",
        "NOTAUTH",
    ],
)
async def test_what_is_no_definite_answer_is_away(
    short: pytest.MonkeyPatch, resolver: Resolver, dns: Dns, time: Time, trouble: str
) -> None:
    for name in ("mx.example", "gone.example", "null.example", "key.example"):
        dns.trouble[name] = trouble
        for lookups in (resolver.mail, resolver.texts):
            with pytest.raises(Away) as caught:
                await lookups.get(name, WAIT)
            assert str(caught.value)
    short.undo()
    dns.trouble.clear()
    assert len(await resolver.texts.get("key.example", WAIT)) == 2, "a failure to fetch a key is not remembered"
    for now in (29, 31):
        time.now = now
        assert (resolver.mail.known("mx.example") is None) is (now == 31)


async def test_a_failure_of_the_second_question_says_nothing_either(resolver: Resolver, dns: Dns) -> None:
    """No MX, and whether there is an address is not known: that is not deaf."""
    reply = dns.reply

    def failing(wire: bytes, transport: str) -> bytes | None:
        said = reply(wire, transport)
        dns.trouble["deaf.example"] = "SERVFAIL"
        return said

    dns.reply = failing  # type: ignore[method-assign]
    with pytest.raises(Away):
        await resolver.mail.get("deaf.example", WAIT)
    assert [kind for _, kind, _ in dns.asked] == ["MX", "A"]


async def test_a_truncated_answer_is_asked_for_again_over_tcp(resolver: Resolver, dns: Dns) -> None:
    dns.trouble = dict.fromkeys(RECORDS, "truncated")
    assert await resolver.mail.get("mx.example", WAIT) == DomainState.TAKES_MAIL
    assert len(await resolver.texts.get("key.example", WAIT)) == 2
    assert [transport for _, _, transport in dns.asked] == ["udp", "tcp"] * 2


async def test_a_port_where_nobody_listens_is_away(short: pytest.MonkeyPatch, time: Time) -> None:
    with deaf_port() as deaf:
        for address in (deaf, "127.0.0.1:1"):
            with pytest.raises(Away):
                await Resolver([address], time).mail.get("mx.example", WAIT)


@pytest.mark.parametrize("trouble", ["silent", "SERVFAIL", "garbled", "other"])
async def test_the_next_resolver_is_asked_where_one_is_no_good(dns: Dns, time: Time, trouble: str) -> None:
    with Dns(RECORDS).serving() as first:
        first.trouble["mx.example"] = trouble
        resolver = Resolver([first.address, dns.address], time)
        assert await resolver.mail.get("mx.example", WAIT) == DomainState.TAKES_MAIL
        await resolver.close()


async def test_who_asks_waits_so_long_and_the_answer_is_there_for_the_next(resolver: Resolver, dns: Dns) -> None:
    dns.answering.clear()
    with pytest.raises(Away, match=r"no answer within 0\.05 s"):
        await resolver.mail.get("mx.example", 0.05)
    task = resolver.mail.ask("mx.example")
    assert task is not None
    dns.answering.set()
    assert await task == DomainState.TAKES_MAIL
    assert resolver.mail.known("mx.example") == DomainState.TAKES_MAIL


async def test_who_asks_at_once_shares_one_question(resolver: Resolver, dns: Dns) -> None:
    for lookups in (resolver.mail, resolver.texts):
        await asyncio.gather(*(lookups.get("key.example", WAIT) for _ in range(20)))
    assert dns.keys_asked() == ["key.example"]
    assert [kind for _, kind, _ in dns.asked] == ["MX", "A", "AAAA", "TXT"]


async def test_questions_under_way_are_bounded_and_those_about_domains_leave_room_for_keys(
    resolver: Resolver, dns: Dns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_MOST_ASKED", 2)
    dns.answering.clear()
    asked = [resolver.mail.ask(f"{number}.gone.example") for number in range(4)]
    assert [task is not None for task in asked] == [True, True, False, False]
    with pytest.raises(Away, match="too many"):
        await resolver.mail.get("mx.example", WAIT)
    dns.answering.set()
    assert len(await resolver.texts.get("key.example", WAIT)) == 2
    await asyncio.gather(*(task for task in asked if task))
    assert await resolver.mail.get("mx.example", WAIT) == DomainState.TAKES_MAIL


async def test_so_many_answers_are_kept(resolver: Resolver, dns: Dns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_MOST_KEPT", 2)
    for name in ("a.example", "b.example", "c.example"):
        await resolver.texts.get(name, WAIT)
    assert [resolver.texts.known(name) for name in ("a.example", "b.example", "c.example")] == [None, (), ()]


@pytest.mark.parametrize(
    ("kind", "name", "ttl", "seconds"),
    [
        ("mail", "mx.example", 300, 300), ("mail", "mx.example", 1, 60), ("mail", "mx.example", 10**6, 3600),
        ("mail", "null.example", 10**6, 300), ("mail", "gone.example", 1, 60), ("mail", "gone.example", 10**6, 120),
        ("mail", "deaf.example", 10**6, 120),
        ("texts", "key.example", 0, 60), ("texts", "key.example", 10**6, 3600), ("texts", "gone.example", 10**6, 60),
        ("texts", "mx.example", 10**6, 60),
    ],
)  # fmt: skip
async def test_an_answer_is_kept_for_its_time_within_bounds_and_a_finding_for_minutes(
    resolver: Resolver, dns: Dns, time: Time, kind: str, name: str, ttl: int, seconds: int
) -> None:
    dns.ttl = ttl
    lookups = getattr(resolver, kind)
    await lookups.get(name, WAIT)
    questions = len(dns.asked)
    for time.now, asked in ((seconds - 1, questions), (seconds + 1, 2 * questions)):
        await lookups.get(name, WAIT)
        assert len(dns.asked) == asked


async def test_resolvers_are_dead_after_five_time_outs_until_one_answers(
    short: pytest.MonkeyPatch, resolver: Resolver, dns: Dns, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"{letter}.example" for letter in "abcde"]
    dns.trouble = dict.fromkeys(names, "silent")
    with caplog.at_level(logging.WARNING, "postern.dns"):
        for name in names:
            assert not resolver.mail.dead()
            with pytest.raises(Away):
                await resolver.mail.get(name, WAIT)
        assert resolver.mail.dead()
        assert not resolver.texts.dead(), "a forwarder's dead domains do not stop the keys of others"
        short.undo()
        assert await resolver.mail.get("mx.example", WAIT) == DomainState.TAKES_MAIL
        assert not resolver.mail.dead()
    assert [record.message for record in caplog.records] == [
        "no resolver has answered, 5 times in a row", "resolvers answer again",
    ]  # fmt: skip


async def test_closing_gives_up_what_is_under_way(resolver: Resolver, dns: Dns) -> None:
    dns.answering.clear()
    task = resolver.mail.ask("mx.example")
    assert task is not None
    await resolver.close()
    assert task.cancelled()


def test_the_systems_resolvers_are_taken_or_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    read, text = Library.read_resolv_conf, "nameserver 192.0.2.53\nnameserver 2001:db8::53\noptions edns0\n"
    monkeypatch.setattr(Library, "read_resolv_conf", lambda self, file: read(self, io.StringIO(text)))
    found = Resolver(["system"], Time())._resolver
    assert [str(each) for each in found.nameservers] == ["Do53:192.0.2.53@53", "Do53:2001:db8::53@53"]
    assert found.edns == -1, "over UDP an answer has 512 octets at most"
    for wrong in ("", "nameserver ns.example\n"):
        text = wrong
        with pytest.raises(ConfigError, match=r"dns\.servers = \['system'\]: .*name addresses instead"):
            Resolver(["system"], Time())
