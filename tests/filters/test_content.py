"""Content rules beside tests/cases/bulk.txt: what a message is not asked for."""

from dataclasses import replace

import pytest

from config.policy import Policy
from filters import content
from filters.message import Message
from filters.model import Rule
from tests.rig.full import full_facts

EMPTY = Message(b"From: news@acme.example\r\nSubject: Fwd: x\r\n\r\n17\r\n")


@pytest.mark.parametrize(
    "rule", [content.postal_address, content.sender_name, content.second_contact, content.false_answer]
)
def test_only_bulk_mail_is_asked(rule: Rule) -> None:
    facts = replace(full_facts(), bulk=True)
    assert rule.check(EMPTY, facts, Policy()) is not None
    assert rule.check(EMPTY, replace(facts, bulk=False), Policy()) is None


@pytest.mark.parametrize(
    "text", ["call +44 20 7946 0000", "ask@acme.example", "https://acme.example", "www.acme.example"]
)
def test_a_second_contact(text: str) -> None:
    message = Message(f"From: news@acme.example\r\n\r\n{text}\r\n".encode())
    assert content.second_contact.check(message, replace(full_facts(), bulk=True), Policy()) is None


def test_discussion_lists_answer_without_saying_to_what() -> None:
    message = Message(b"From: news@acme.example\r\nSubject: Re: x\r\nList-Post: <mailto:l@acme.example>\r\n\r\n")
    assert content.false_answer.check(message, replace(full_facts(), bulk=True), Policy()) is None
