"""List-Id and the parties of From; most cases are text, in tests/cases/lists.txt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from config.customers import Customer
from config.policy import Policy
from filters import lists
from filters.message import Message
from filters.model import Facts
from tests.rig.cases import NOW

CUSTOMER = Customer.model_validate(
    {
        "id": "acme",
        "name": "Acme",
        "domains": ["acme.example", "brand.example"],
        "credentials": [{"username": "app", "password_hash": "$argon2id$x"}],
    }
)
FACTS = replace(
    Facts(NOW, CUSTOMER, CUSTOMER.credentials[0], None),
    bulk=True,
    list_ids={"spring.acme.example": "spring", "a!b.acme.example": "odd"},
    parties={"brand.example": "brand"},
)


def written(*fields: str) -> Message:
    return Message("\r\n".join((*fields, "", "body", "")).encode("utf-8"))


@pytest.mark.parametrize(
    ("value", "identifier"),
    [
        ("<spring.acme.example>", "spring.acme.example"),
        ("Spring <SPRING.Acme.Example>", "spring.acme.example"),
        ("Spring\r\n\t<spring.acme.example>", "spring.acme.example"),
        ("Spring <\r\n spring.acme.example\r\n >", "spring.acme.example"),
        ("spring.acme.example", "spring.acme.example"),
        ('"a <x.y>" <spring.acme.example>', "spring.acme.example"),
        ("<one.example> <two.example>", "two.example"),
        ("<a!b.acme.example>", "a!b.acme.example"),
        ("Spring news", ""),
        ("<spring acme.example>", ""),
        ("<>", ""),
        ("", ""),
        ("<sprïng.acme.example>", ""),
        (f"<{'x' * 256}>", ""),
    ],
)
def test_the_identifier_of_a_list_id(value: str, identifier: str) -> None:
    assert lists.list_id(written(f"List-Id: {value}")) == identifier


def test_without_the_field_there_is_none() -> None:
    assert lists.list_id(written("List-Post: <mailto:spring@acme.example>")) is None


def test_the_first_of_two_counts() -> None:
    assert lists.list_id(written("List-Id: <one.example>", "List-Id: <two.example>")) == "one.example"


@pytest.mark.parametrize(
    ("value", "name"),
    [("<spring.acme.example>", "spring"), ("<A!B.acme.example>", "odd"), ("<summer.acme.example>", None), ("", None)],
)
def test_the_list_that_is_meant(value: str, name: str | None) -> None:
    assert lists.named(written(f"List-Id: {value}"), FACTS) == name


@pytest.mark.parametrize(
    ("value", "parties"),
    [
        ("ann@acme.example", ["acme"]),
        ("ann@BRAND.example", ["brand"]),
        ("ann@brand.example, bob@brand.example", ["brand"]),
        ("ann@brand.example, bob@acme.example", ["brand", "acme"]),
        ("ann@news.brand.example", ["acme"]),
        ("nobody that can be read", ["acme"]),
    ],
)
def test_the_parties_of_from(value: str, parties: list[str]) -> None:
    assert lists.sender_parties(written(f"From: {value}"), FACTS) == parties


@given(st.binary(max_size=300).filter(lambda value: b"\r\n\r\n" not in value))
def test_any_field_is_read_without_an_exception(value: bytes) -> None:
    message = Message(b"From: ann@acme.example\r\nList-Id: " + value + b"\r\n\r\nbody\r\n")
    identifier = lists.list_id(message)
    assert identifier is None or identifier.isascii()
    for check in (lists.other_list, lists.foreign_list, lists.other_party):
        found = check.check(message, FACTS, Policy())
        assert found is None or found.isascii()
