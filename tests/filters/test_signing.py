"""In whose name we sign. The rule's cases are text, in tests/cases/signing.txt."""

from datetime import UTC, datetime

import pytest

from config.customers import Credential, Customer
from filters.message import Message
from filters.model import Facts
from filters.signing import signing_domain

DOMAINS = ("acme.example", "news.acme.example", "shop.co.uk", "co.uk", "a.news.acme.example")
ALL = frozenset((*DOMAINS, "other.example"))


def domain(senders: str, keyed: frozenset[str] = ALL, allowed: tuple[str, ...] = ()) -> str | None:
    credential = Credential(username="acme-app", password_hash="$argon2id$x", domains=allowed, forwarding=True)
    customer = Customer(id="acme", name="Acme", domains=DOMAINS, credentials=(credential,))
    facts = Facts(datetime(2026, 11, 20, tzinfo=UTC), customer, credential, None)
    return signing_domain(Message(f"{senders}\r\n\r\n".encode()), facts, keyed)


@pytest.mark.parametrize(
    ("author", "keyed", "signs"),
    [
        ("ann@acme.example", ALL, "acme.example"),
        ("ann@NEWS.acme.example", ALL, "news.acme.example"),
        ("ann@news.acme.example", frozenset({"acme.example"}), "acme.example"),
        ("ann@a.news.acme.example", frozenset({"acme.example", "news.acme.example"}), "news.acme.example"),
        ("ann@acme.example", frozenset({"news.acme.example"}), None),
        ("ann@acme.example", frozenset(), None),
        # A public suffix is nobody's organisational domain, whoever holds it.
        ("ann@shop.co.uk", frozenset({"co.uk"}), None),
        # A sub-domain is another domain: who it is has not been shown.
        ("ann@unknown.acme.example", ALL, None),
    ],
)
def test_the_domain_of_from_signs_or_the_nearest_above(author: str, keyed: frozenset[str], signs: str | None) -> None:
    assert domain(f"From: Ann <{author}>", keyed) == signs


@pytest.mark.parametrize(
    "senders",
    [
        "From: eve@example.org",
        "From: eve@other.example",
        "From: ann@acme.example, eve@example.org\r\nSender: ann@acme.example",
        "From: eve@example.org\r\nSender: ann@acme.example",
        "From: eve@example.org\r\nResent-From: ann@acme.example",
        "From: ann@acme.example\r\nFrom: eve@example.org",
        "From: no address",
        "To: ann@acme.example",
    ],
)
def test_nothing_is_signed_for_a_foreign_author(senders: str) -> None:
    assert domain(senders) is None


def test_nor_for_an_author_that_the_credential_may_not_use() -> None:
    assert domain("From: ann@acme.example", allowed=("news.acme.example",)) is None
    narrow = domain("From: ann@news.acme.example", frozenset({"acme.example"}), ("news.acme.example",))
    assert narrow == "acme.example"


def test_a_key_of_a_domain_that_was_given_up_signs_nothing() -> None:
    assert domain("From: ann@other.example", frozenset({"other.example"})) is None
