"""The confirmation mail itself: from whom, to whom, what it says in which language, and what it never says."""

import email
import email.policy
import re
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from config.customers import Customer
from consent.address import Address
from consent.confirmation_words import MAIL
from consent.confirmations import LIFE, Confirmation
from consent.lists import MailingList
from consent.model import Event, State, micros
from consent.parties import Party
from gateway.confirmation_mail import About, Unsendable, author, content, message_id, recipient, stuffed
from tests.rig.gateway import Clock, settings_for

NOW = Clock().now
LINK = "https://lists.gw.example/c/" + "A" * 43
ACME = Customer(
    id="acme", name="Acme Ltd", domains=("acme.example",), contact="post@acme.example", postal_address="1 High Street"
)
PARTY = Party(id="acme", name="Acme Ltd", postal_address="1 High Street", email="post@acme.example")
LIST = MailingList(id="spring", party="acme", list_id="spring.acme.example", name="Spring news", language="en")
REQUEST = Event(state=State.REQUESTED, party="acme", list="spring", at=micros(NOW), recorded=micros(NOW))
ABOUT = About(ACME, PARTY, LIST, REQUEST)
MAIL_OF = Confirmation(
    "9f2c" * 8, "acme", b"\x01" * 33, "spring", 7, NOW, NOW + LIFE, "waiting", NOW, 1, False, None, "", "", "", None
)


def octets(folder: Path, about: About = ABOUT, **changes: Any) -> bytes:
    return content(settings_for(folder, "127.0.0.1:1", **changes), about, MAIL_OF, LINK, "bob@recipient.example")


def read(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, _class=EmailMessage, policy=email.policy.SMTP)


def test_it_says_who_what_why_and_how_long_and_nothing_else(tmp_path: Path) -> None:
    message = read(octets(tmp_path))
    assert (message["From"], message["To"], message["Subject"]) == (
        "Acme Ltd <post@acme.example>", "bob@recipient.example", "Please confirm: Spring news",
    )  # fmt: skip
    assert (message["Auto-Submitted"], message["Reply-To"], message["Content-Language"]) == (
        "auto-generated",
        None,
        "en",
    )
    assert (
        message["Message-ID"]
        == f"<confirm.{MAIL_OF.id}@gw.example>"
        == message_id(settings_for(tmp_path, "x:1"), MAIL_OF)
    )
    assert message["Date"].datetime == NOW
    assert message.get_content_type() == "text/plain"
    assert message.get_content() == (
        "On 20 November 2026 Acme Ltd was told that you want the mail of the list “Spring news” at this address.\n\n"
        "If that is so, confirm it on this page:\n\n"
        f"{LINK}\n\n"
        "The link works once, and until 27 November 2026, 10:00 (UTC).\n\n"
        "If it is not so, you need do nothing. Without your confirmation nobody is subscribed.\n\n"
        "Acme Ltd\n1 High Street\npost@acme.example\n\n"
        "-- \nSent for Acme Ltd by the mail gateway gw.example.\n"
    ).replace("\n", "\r\n")  # fmt: skip
    # It is no list's mail: nobody is on the list yet.
    assert not [name for name in message.keys() if name.lower().startswith(("list-", "precedence"))]  # noqa: SIM118


@pytest.mark.parametrize("language", MAIL)
def test_in_the_list_s_language(tmp_path: Path, language: str) -> None:
    message = read(octets(tmp_path, replace(ABOUT, list=_with(LIST, language=f"{language}-XX"))))
    assert message["Content-Language"] == language
    text = message.get_content()
    assert LINK in text
    assert MAIL[language]["act"] in text
    assert "{" not in text + message["Subject"]


def _with(value: Any, **changes: Any) -> Any:
    from msgspec.structs import replace as replaced

    return replaced(value, **changes)


def test_without_one_in_that_of_the_request_else_english() -> None:
    bare = _with(LIST, language="")
    assert replace(ABOUT, list=bare, request=_with(REQUEST, language="de-AT")).language == "de"
    assert replace(ABOUT, list=bare, request=_with(REQUEST, language="it")).language == "en"
    assert replace(ABOUT, list=_with(LIST, language="it"), request=_with(REQUEST, language="fr")).language == "fr"


@pytest.mark.parametrize(
    "name", ["Buy at https://evil.example", "WWW.evil.example", "write to me@evil.example", "x" * 101]
)
def test_no_name_carries_an_advertisement(tmp_path: Path, name: str) -> None:
    party = Party(id="brand", name="Brand", trading_name=name, email="post@acme.example")
    listed = _with(LIST, name=name, description="Buy now!", frequency="Buy daily!")
    request = _with(REQUEST, source="Buy here!")
    raw = octets(tmp_path, replace(ABOUT, party=party, list=listed, request=request))
    message = read(raw)
    assert message["Subject"] == "Please confirm: spring"
    assert str(message["From"]).startswith("Brand <")
    assert name not in message.get_content()
    assert "buy" not in message.get_content().lower()
    assert re.findall(r"https?://\S+", message.get_content()) == [LINK]


def test_a_customer_with_no_plain_name_is_called_by_its_id(tmp_path: Path) -> None:
    evil = "Buy at https://evil.example"
    customer = ACME.model_copy(update={"name": evil})
    about = replace(ABOUT, customer=customer, party=Party(id="acme", name=evil, email="post@acme.example"))
    assert about.sender == "acme"


def test_it_comes_from_the_customer_s_own_domain_or_else_the_operator_s(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, "127.0.0.1:1")
    assert author(settings, ABOUT) == (Address.parse("post@acme.example"), True)
    # The party's first, and only in a domain of the customer's.
    brand = replace(ABOUT, party=_with(PARTY, email="brand@acme.example"))
    assert author(settings, brand)[0].text == "brand@acme.example"
    foreign = _with(PARTY, email="acme@mail.example")
    assert author(settings, replace(ABOUT, party=foreign))[0].text == "post@acme.example"
    customer = ACME.model_copy(update={"contact": "acme@mail.example"})
    about = replace(ABOUT, customer=customer, party=foreign)
    assert author(settings, about) == (Address.parse("abuse@gw.example"), False)
    message = read(octets(tmp_path, about))
    assert (message["From"], message["Reply-To"]) == ("Acme Ltd <abuse@gw.example>", "acme@mail.example")
    for contact in ("+44 20 7946 0000", "jörg@acme.example", ""):
        about = replace(ABOUT, customer=ACME.model_copy(update={"contact": contact}), party=_with(PARTY, email=""))
        assert author(settings, about) == (Address.parse("abuse@gw.example"), False)
        assert read(octets(tmp_path, about))["Reply-To"] is None
    with pytest.raises(Unsendable, match="no mailbox to send from"):
        author(settings_for(tmp_path, "127.0.0.1:1", operator={}), about)


def test_the_recipient_is_written_as_any_next_hop_takes_it() -> None:
    assert recipient(Address.parse("Bob@Recipient.Example")) == "Bob@Recipient.Example"
    assert recipient(Address.parse("bob@bücher.example")) == "bob@xn--bcher-kva.example"
    with pytest.raises(Unsendable, match="not ASCII"):
        recipient(Address.parse("jörg@recipient.example"))


def test_names_are_encoded_and_every_attempt_is_the_same(tmp_path: Path) -> None:
    party = Party(id="acme", name='Söhne, "Ltd"; Bcc: eve', email="post@acme.example")
    about = replace(ABOUT, party=party, list=_with(LIST, name="Frühling – Neues"))
    first = octets(tmp_path, about)
    assert first == octets(tmp_path, about)
    assert first.isascii()
    assert b"\n" not in first.replace(b"\r\n", b"")
    assert max(map(len, first.split(b"\r\n"))) <= 998
    message = read(first)
    assert message["From"].addresses[0].display_name == 'Söhne, "Ltd"; Bcc: eve'
    assert len(message["From"].addresses) == 1
    assert message["Bcc"] is None
    assert message["Subject"] == "Please confirm: Frühling – Neues"


def test_dots_are_doubled() -> None:
    assert stuffed(b".a\r\nb.\r\n..\r\n") == b"..a\r\nb.\r\n...\r\n"
