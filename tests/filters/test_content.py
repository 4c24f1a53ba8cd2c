"""Content rules beside tests/cases/bulk.txt: what a message is not asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

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


@pytest.mark.parametrize(
    "written", ["12 RUE DE L\u2019\u00c9COLE, Besan\u00e7on", "12 rue de l'E\u0301cole, Besanc\u0327on"]
)
def test_an_address_is_found_however_its_accents_are_written(written: str) -> None:
    facts = full_facts()
    customer = facts.customer.model_copy(update={"postal_address": "12 rue de l'\u00e9cole, Besancon"})
    facts = replace(facts, bulk=True, customer=customer, content=frozenset(("postal_address",)))
    head = "From: news@acme.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    assert content.postal_address.check(Message(f"{head}{written}\r\n".encode()), facts, Policy()) is None
    assert content.postal_address.check(Message(f"{head}{written[3:11]}\r\n".encode()), facts, Policy()) is not None


@given(
    st.lists(st.text("ab1\u00e4\u0301\u00df_- ,", min_size=1, max_size=4), min_size=1, max_size=4),
    st.text("ab1\u00e4\u0301\u00df_- ,", max_size=40),
)
def test_words_are_found_as_if_the_text_were_taken_to_pieces(written: list[str], text: str) -> None:
    words = content._words(" ".join(written))
    assert content._held(words, content._plain(text)) == set(words) & set(content._words(text))


def test_a_word_that_stands_in_many_others_is_found_or_missed_in_no_time() -> None:
    assert content._held(["1"], "11" * 100_000) == set()
    assert content._held(["1"], "x1 " * 100_000 + "1") == {"1"}
