"""Facts carry what was gathered, and nothing is waited for."""

from config.customers import Credential
from config.policy import Policy
from consent.address import Address
from filters.message import Message
from filters.model import Facts
from gateway.directory import Directory
from gateway.facts import House, domains_of, gather, with_domains
from tests.gateway.test_directory import HASH, NOW, stored

HOUSE = House(
    frozenset(("gw.example",)), b"key", {"acme.example": "acme"}, {"acrne.exarnple": {"acme.example": "acme"}}
)


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


def test_the_domains_asked_about_are_those_of_sender_and_recipients_and_of_no_other_field() -> None:
    message = Message(b"From: a@one.example, b@two.example\r\nReply-To: c@three.example\r\nTo: d@four.example\r\n\r\n")
    path, recipients = Address.parse("x@zero.example"), (Address.parse("bob@five.example"),)
    wanted = ["zero.example", "one.example", "two.example", "five.example"]
    assert domains_of(message, path, recipients) == wanted
    assert domains_of(message, None, ()) == ["one.example", "two.example"]
    assert domains_of(Message(b"From: <<\r\n\r\n"), None, ()) == []


async def test_without_resolvers_nothing_is_asked() -> None:
    facts = Facts(NOW, stored("acme").customer, Credential(networks=("192.0.2.1/32",)), None)
    assert await with_domains(facts, Message(b"From: a@one.example\r\n\r\n"), None) is facts
