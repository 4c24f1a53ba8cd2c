"""Facts carry what was gathered, and nothing is waited for."""

from collections.abc import AsyncIterator, Iterator

import pytest

from config.customers import Credential
from config.policy import Policy
from consent.address import Address
from filters.message import Message
from filters.model import DomainState, Facts
from gateway.directory import Directory
from gateway.dns import Away, Resolver
from gateway.facts import DEADLINE, MOST_DOMAINS, House, gather, with_domains
from tests.gateway.test_directory import HASH, NOW, stored
from tests.rig.dns import Dns

HOUSE = House(
    frozenset(("gw.example",)), b"key", {"acme.example": "acme"}, {"acrne.exarnple": {"acme.example": "acme"}}
)
EMPTY = Message(b"")
WAIT = 20.0
"""Seconds that an answer may take on a busy machine."""


def test_facts_say_who_sends_to_whom() -> None:
    directory = Directory(Policy())
    directory.update([stored("acme", {"username": "app", "password_hash": HASH})])
    identity = directory.by_username("app")
    assert identity is not None
    recipients = (Address.parse("bob@recipient.example"),)
    facts = gather(identity, None, recipients, NOW, HOUSE, "Mail.ACME.example.")
    assert (facts.customer.id, facts.credential.name, facts.reverse_path) == ("acme", "app", None)
    assert (facts.recipients, facts.now) == (recipients, NOW)
    assert (facts.ehlo, facts.own_names, facts.trace_key) == ("mail.acme.example", HOUSE.own_names, b"key")
    assert facts.holders == {"acme.example": "acme"}
    assert facts.held["acrne.exarnple"] == {"acme.example": "acme"}
    assert facts.domains == {}
    assert not facts.smtputf8
    assert gather(identity, None, recipients, NOW, HOUSE, smtputf8=True).smtputf8


@pytest.fixture
def dns() -> Iterator[Dns]:
    with Dns({"null.example": {"MX": ["0 ."]}}).serving() as server:
        yield server


@pytest.fixture
async def resolver(dns: Dns) -> AsyncIterator[Resolver]:
    made = Resolver([dns.address], lambda: 0.0)
    yield made
    await made.close()


def to(*domains: str, path: str | None = None) -> Facts:
    recipients = tuple(Address.parse(f"bob@{domain}") for domain in domains)
    reverse_path = Address.parse(path) if path else None
    return Facts(NOW, stored("acme").customer, Credential(networks=("192.0.2.1/32",)), reverse_path, recipients)


async def test_the_domains_asked_about_are_those_of_sender_and_recipients_and_of_no_other_field(
    resolver: Resolver,
) -> None:
    message = Message(b"From: a@one.example, b@two.example\r\nReply-To: c@three.example\r\nTo: d@four.example\r\n\r\n")
    found = await with_domains(to("null.example", path="x@zero.example"), message, resolver, WAIT)
    assert dict(found.domains) == {
        **dict.fromkeys(("zero.example", "one.example", "two.example"), DomainState.ABSENT),
        "null.example": DomainState.NULL_MX,
    }
    assert dict((await with_domains(to(), Message(b"From: <<\r\n\r\n"), resolver, WAIT)).domains) == {}


async def test_without_resolvers_nothing_is_asked() -> None:
    facts = to("one.example")
    assert await with_domains(facts, EMPTY, None) is facts


async def test_a_message_waits_for_the_deadline_and_no_longer(resolver: Resolver, dns: Dns) -> None:
    assert DEADLINE == 1
    dns.trouble["gone.example"] = "silent"
    assert dict((await with_domains(to("gone.example"), EMPTY, resolver, 0.05)).domains) == {}


async def test_what_comes_after_the_deadline_is_there_for_the_next_message(resolver: Resolver, dns: Dns) -> None:
    dns.answering.clear()
    assert dict((await with_domains(to("null.example"), EMPTY, resolver, 0.01)).domains) == {}
    dns.answering.set()
    found = await with_domains(to("null.example"), EMPTY, resolver, WAIT)
    assert dict(found.domains) == {"null.example": DomainState.NULL_MX}


async def test_no_message_waits_where_no_resolver_answers_and_it_is_asked_all_the_same(
    resolver: Resolver, dns: Dns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.dns._LIFETIME", 0.05)
    dns.answering.clear()
    for number in range(5):
        with pytest.raises(Away):
            await resolver.mail.get(f"{number}.example", WAIT)
    assert resolver.mail.dead()
    monkeypatch.undo()
    assert dict((await with_domains(to("null.example"), EMPTY, resolver, 3600)).domains) == {}
    dns.answering.set()
    assert await resolver.mail.get("null.example", WAIT) == DomainState.NULL_MX


async def test_one_message_asks_about_so_many_domains_and_no_more(resolver: Resolver, dns: Dns) -> None:
    many = to(*(f"{number}.gone.example" for number in range(MOST_DOMAINS + 10)))
    assert len((await with_domains(many, EMPTY, resolver, WAIT)).domains) == len(dns.asked) == MOST_DOMAINS
    assert len((await with_domains(many, EMPTY, resolver, WAIT)).domains) == MOST_DOMAINS + 10
