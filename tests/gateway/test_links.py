"""Links: made for one recipient, known again in messages, and of no use to anybody else."""

import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import dkim
import pytest
from msgspec.structs import replace

from config.customers import Credential, Customer
from config.policy import Policy
from config.settings import Settings, load_settings
from consent.address import Address
from consent.keys import Secrets
from consent.unsubscribe import Tokens
from filters.message import Message
from filters.model import Facts
from filters.unsubscribe import inserted, one_recipient, unsubscribe
from gateway.links import MOST_OURS, Links, NoLinks
from gateway.sign import SigningKey, generate, sign
from gateway.transform import Trace, change

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
REFERENCE = "01KAGXYZ0123456789ABCDEFGH"
BOB, CAROL = (Address.parse(f"{name}@recipient.example") for name in ("bob", "carol"))
CREDENTIAL = Credential(networks=("192.0.2.1/32",))
ACME = Customer(id="acme", name="Acme", domains=("acme.example",), unsubscribe="insert")
BRANDED = ACME.model_copy(update={"unsubscribe_alias": "leave.acme.example"})
PLAIN = b"From: news@acme.example\r\nTo: bob@recipient.example\r\nSubject: April\r\n\r\nNews.\r\n"
SETTINGS = """\
hostname = "gw.example"
data_dir = "var"
[http]
public_url = "https://unsubscribe.example"
[[smtp.listeners]]
address = "127.0.0.1:0"
role = "inbound"
[[next_hops]]
name = "default"
addresses = ["127.0.0.1:2526"]
[operator]
domains = ["gw.example"]
mailbox = "abuse@gw.example"
"""


def settings(folder: Path, text: str = SETTINGS) -> Settings:
    file = folder / "postern.toml"
    file.write_text(text)
    return load_settings(file)


@pytest.fixture
def links(tmp_path: Path) -> Links:
    return made(tmp_path)


def made(folder: Path, text: str = SETTINGS) -> Links:
    secrets = Secrets.load_or_create(folder / "secrets.toml")
    return Links(settings(folder, text), Tokens(secrets), secrets)


def facts(customer: Customer = ACME, *recipients: Address) -> Facts:
    return Facts(NOW, customer, CREDENTIAL, None, recipients or (BOB,), bulk=True)


def written(*urls: str) -> Message:
    """A message with links in header and text."""
    head = f"List-Unsubscribe: <{urls[0]}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    return Message(head.encode() + PLAIN + "\r\n".join(urls).encode() + b"\r\n")


# -- made


def test_a_link_begins_with_the_public_url_and_bears_no_address(links: Links) -> None:
    link = links.make(ACME, "spring", BOB, REFERENCE, NOW)
    assert re.fullmatch(r"https://unsubscribe\.example/u/[A-Za-z0-9_-]{80,300}", link.url)
    assert re.fullmatch(r"u\+[a-z2-7]{61}@gw\.example", link.mailbox)
    assert "bob" not in link.url + link.mailbox


def test_a_customer_with_a_host_name_of_its_own_has_links_with_it(links: Links) -> None:
    assert links.make(BRANDED, None, BOB, REFERENCE, NOW).url.startswith("https://leave.acme.example/u/")


def test_without_a_listener_that_takes_it_no_address_is_given(tmp_path: Path) -> None:
    assert made(tmp_path, SETTINGS.replace("inbound", "submission")).make(ACME, None, BOB, REFERENCE, NOW).mailbox == ""


def test_where_the_operator_has_named_no_url_only_branded_links_can_be_made(tmp_path: Path) -> None:
    nameless = made(tmp_path, SETTINGS.replace("public_url", "#"))
    assert nameless.make(BRANDED, None, BOB, REFERENCE, NOW).url.startswith("https://leave.acme.example/u/")
    with pytest.raises(NoLinks, match=r"http\.public_url is not set"):
        nameless.make(ACME, None, BOB, REFERENCE, NOW)


# -- known again


@pytest.mark.parametrize("customer", [ACME, BRANDED])
def test_our_link_for_this_recipient_and_list_is_known(links: Links, customer: Customer) -> None:
    url = links.make(customer, "spring", BOB, REFERENCE, NOW).url
    message = written(url, f"{url}?lang=de", url.replace("https://", "HTTPS://").replace(".example/", ".EXAMPLE:443/"))
    known = links.complete(facts(customer), message, "spring")
    assert (len(known.own_unsubscribe), known.unfit_unsubscribe) == (3, {})
    assert unsubscribe.check(message, known, Policy()) is None


def test_a_link_from_before_the_customer_had_a_name_of_its_own_is_known(links: Links) -> None:
    url = links.make(ACME, None, BOB, REFERENCE, NOW).url
    assert links.complete(facts(BRANDED), written(url), None).own_unsubscribe == {url}


def test_the_address_may_be_written_in_another_case(links: Links) -> None:
    url = links.make(ACME, None, BOB, REFERENCE, NOW).url
    assert links.complete(facts(ACME, Address.parse("Bob@RECIPIENT.example")), written(url), None).own_unsubscribe


@pytest.mark.parametrize(
    ("name", "recipients", "why"),
    [
        ("autumn", (BOB,), "is for list spring, the message for list autumn"),
        (None, (BOB,), "is for list spring, the message for no list"),
        ("spring", (CAROL,), "is another recipient's"),
        ("spring", (BOB, CAROL), "is one recipient's, and there are others"),
    ],
)
def test_a_link_of_ours_that_is_for_something_else_is_of_no_use(
    links: Links, name: str | None, recipients: tuple[Address, ...], why: str
) -> None:
    url = links.make(ACME, "spring", BOB, REFERENCE, NOW).url
    known = links.complete(facts(ACME, *recipients), written(url), name)
    assert (known.own_unsubscribe, known.unfit_unsubscribe) == (frozenset(), {url: why})
    found = unsubscribe.check(written(url), known, Policy()) or ""
    assert found.startswith(f"a List-Unsubscribe that fits (the link {why})")
    assert "@" not in found
    assert "/u/" not in found


def test_a_link_of_another_customer_is_told_from_none_by_nobody(links: Links, tmp_path: Path) -> None:
    other = ACME.model_copy(update={"id": "other"})
    theirs = links.make(other, "spring", BOB, REFERENCE, NOW).url
    folder = tmp_path / "another operator"
    folder.mkdir()
    altered = f"{theirs[:-1]}{'A' if theirs[-1] != 'A' else 'B'}"
    for url in (theirs, altered, made(folder).make(ACME, "spring", BOB, REFERENCE, NOW).url,
                "https://unsubscribe.example/", "https://unsubscribe.example", "https://unsubscribe.example?u",
                "https://unsubscribe.example/u/", "https://unsubscribe.example/v/x"):  # fmt: skip
        known = links.complete(facts(), written(url), "spring")
        assert known.unfit_unsubscribe == {url: "holds no token of yours"}, url


def test_a_forged_link_at_our_host_is_refused_though_the_host_is_registered(links: Links) -> None:
    customer = BRANDED.model_copy(update={"unsubscribe_hosts": ("unsubscribe.example", "leave.acme.example")})
    for host in customer.unsubscribe_hosts:
        message = written(f"https://{host}/u/unsubscribe")
        found = unsubscribe.check(message, links.complete(facts(customer), message, None), Policy()) or ""
        assert "a List-Unsubscribe that fits (the link holds no token of yours)" in found
        assert "a link to unsubscribe in text/plain (the link holds no token of yours)" in found


def test_other_hosts_are_not_ours(links: Links) -> None:
    url = links.make(ACME, None, BOB, REFERENCE, NOW).url
    for wrong in (url.replace("https", "http"), url.replace(".example", ".example:8443"), url.replace("://", "://u@"),
                  url.replace("unsubscribe.example", "unsubscribe.example.evil.example")):  # fmt: skip
        known = links.complete(facts(), written(wrong), None)
        assert (known.own_unsubscribe, known.unfit_unsubscribe) == (frozenset(), {}), wrong


def test_of_very_many_links_to_our_service_no_more_than_a_hundred_are_read(links: Links) -> None:
    message = written(*(f"https://unsubscribe.example/u/{each}" for each in range(1000)))
    assert len(links.complete(facts(), message, None).unfit_unsubscribe) == MOST_OURS


def test_our_link_is_found_above_hundreds_of_others(links: Links) -> None:
    url = links.make(ACME, None, BOB, REFERENCE, NOW).url
    message = written(url, *(f"https://www.acme.example/{each}" for each in range(900)))
    known = links.complete(facts(), message, None)
    assert known.own_unsubscribe == {url}
    assert unsubscribe.check(message, known, Policy()) is None


def test_of_other_mail_nothing_is_read(links: Links) -> None:
    message = written(links.make(ACME, None, BOB, REFERENCE, NOW).url)
    plain = replace(facts(), bulk=False)
    assert links.complete(plain, message, None) is plain
    assert message.shown_texts is None


# -- put in


async def test_what_is_put_in_is_signed_and_leads_back(links: Links, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dkim, "time", SimpleNamespace(time=NOW.timestamp))
    body = links.make(ACME, "spring", BOB, "01KAGXYZ0000000000000000AB", NOW).url
    raw = PLAIN + f"Unsubscribe: {body}\r\n".encode()
    message = Message(raw)
    known = links.complete(facts(), message, "spring")
    assert inserted(message, known)
    assert (one_recipient.check(message, known, Policy()), unsubscribe.check(message, known, Policy())) == (None, None)

    trace = Trace("client.example", "192.0.2.1", "gw.example", "ESMTPSA", REFERENCE, NOW, b"key")
    made = change(message, trace, (), links.pair(known, "spring", REFERENCE, NOW))
    assert made.modifications == (
        "added Message-ID", "added Date", "added List-Unsubscribe and List-Unsubscribe-Post",
    )  # fmt: skip
    private, public = generate("ed25519")
    key = SigningKey.load("acme.example", "s", "ed25519", private)
    header = Message(made.head + raw[: message.body_start])
    sent = sign([key], header.fields, raw, message.body_start, NOW) + made.head + raw
    record = f"v=DKIM1; k=ed25519; p={public}".encode()
    assert dkim.verify(sent, dnsfunc=lambda name, timeout: record)
    assert not dkim.verify(
        sent.replace(b"List-Unsubscribe=One", b"List-Unsubscribe=Two"), dnsfunc=lambda *_, **__: record
    )

    arrived = Message(sent)
    (pair, post) = (arrived.all("list-unsubscribe"), arrived.all("list-unsubscribe-post"))
    assert (len(pair), [field.unfolded for field in post]) == (1, [b"List-Unsubscribe=One-Click"])
    found = re.fullmatch(
        rb"<(https://[^<> ]+)>, <mailto:u\+[a-z2-7]{61}@gw\.example\?subject=unsubscribe>", pair[0].unfolded
    )
    assert found
    assert max(map(len, sent.split(b"\r\n"))) < 998
    # As another gateway before the next would see it: the same rule, nothing to put in, and all is there.
    again = links.complete(facts(), arrived, "spring")
    assert again.own_unsubscribe == {found[1].decode(), body}
    assert not inserted(arrived, again)
    assert unsubscribe.check(arrived, again, Policy()) is None


def test_with_several_recipients_nothing_is_put_in_and_the_setting_is_named(links: Links) -> None:
    message = Message(PLAIN)
    known = links.complete(facts(ACME, BOB, CAROL), message, None)
    assert not inserted(message, known)
    assert one_recipient.check(message, known, Policy()) == "2 recipients"
    assert "max_rcpt = 1 (Exim)" in one_recipient.reply.text
    with pytest.raises(ValueError, match="too many values"):
        links.pair(known, None, REFERENCE, NOW)
