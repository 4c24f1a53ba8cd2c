"""Facts carry what was gathered, and nothing is waited for."""

from config.policy import Policy
from consent.address import Address
from gateway.directory import Directory
from gateway.facts import gather
from tests.gateway.test_directory import HASH, NOW, stored


def test_facts_say_who_sends_to_whom() -> None:
    directory = Directory(Policy())
    directory.update([stored("acme", {"username": "app", "password_hash": HASH})])
    identity = directory.by_username("app")
    assert identity is not None
    recipients = (Address.parse("bob@recipient.example"),)
    facts = gather(identity, None, recipients, NOW)
    assert (facts.customer.id, facts.credential.name, facts.reverse_path) == ("acme", "app", None)
    assert (facts.recipients, facts.now) == (recipients, NOW)
    assert not facts.smtputf8
    assert gather(identity, None, recipients, NOW, smtputf8=True).smtputf8
