"""Tokens: whole, short, and worthless to whoever alters one or has other secrets."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.address import Address
from consent.keys import Secrets
from consent.unsubscribe import MOST, NoToken, Token, Tokens, fields, link

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
REFERENCE = "01KAGXYZ0123456789ABCDEFGH"
ids = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True)
references = st.from_regex(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", fullmatch=True)
keys = st.binary(min_size=32, max_size=32).map(lambda octets: b"\x01" + octets)
addresses = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
made = st.builds(Token, customer=ids, list=ids | st.none(), key=keys, reference=references, address=addresses)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    return Secrets.load_or_create(tmp_path_factory.mktemp("secrets") / "secrets.toml")


@pytest.fixture(scope="module")
def tokens(secrets: Secrets) -> Tokens:
    return Tokens(secrets)


def typical(secrets: Secrets) -> Token:
    return Token("acme", "newsletter", secrets.subject_octets(Address.parse("bob@recipient.example")), REFERENCE)


@given(token=made)
def test_a_token_says_what_it_was_made_of(tokens: Tokens, token: Token) -> None:
    text = tokens.make(token, NOW)
    assert len(text) <= MOST
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
    assert tokens.read(text) == token


@given(token=made, data=st.data())
def test_no_bit_of_a_token_can_be_changed_and_nothing_cut_off_or_added(
    tokens: Tokens, token: Token, data: st.DataObject
) -> None:
    text = tokens.make(token, NOW)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from([c for c in "AZaz09-_=+/. é" if c != text[at]]))
    for wrong in (
        text[:at] + other + text[at + 1 :],
        text[:at],
        text + other,
        other + text,
        text + "=",
        text.upper() * 2,
    ):
        with pytest.raises(NoToken):
            tokens.read(wrong)


@given(text=st.text(max_size=300))
def test_whatever_is_no_token_is_refused_in_one_way(tokens: Tokens, text: str) -> None:
    for read in (tokens.read, tokens.read_mailbox):
        with pytest.raises(NoToken) as refused:
            read(text)
        assert str(refused.value) == ""


@given(token=made, data=st.data())
def test_an_address_bears_a_token_in_any_case(tokens: Tokens, token: Token, data: st.DataObject) -> None:
    local = tokens.make_mailbox(token, NOW)
    assert len(local) <= 64
    assert re.fullmatch(r"u\+[a-z2-7]+", local)
    short = tokens.read_mailbox("".join(data.draw(st.sampled_from((c, c.upper()))) for c in local))
    assert short.prefix == token.key[1:13]
    assert (short.customer, short.list) == (tokens.customer_mark(token.customer), tokens.list_mark(token.list))
    at = data.draw(st.integers(0, len(local) - 1))
    other = data.draw(st.sampled_from([c for c in "abz279+.é" if c != local[at]]))
    for wrong in (local[:at] + other + local[at + 1 :], local[:at], local + other):
        with pytest.raises(NoToken):
            tokens.read_mailbox(wrong)


def test_a_token_of_another_operator_or_of_the_other_form_is_none(
    tokens: Tokens, secrets: Secrets, tmp_path: Path
) -> None:
    others = Tokens(Secrets.load_or_create(tmp_path / "others.toml"))
    token = typical(secrets)
    with pytest.raises(NoToken):
        others.read(tokens.make(token, NOW))
    with pytest.raises(NoToken):
        others.read_mailbox(tokens.make_mailbox(token, NOW))
    with pytest.raises(NoToken):
        tokens.read(tokens.make_mailbox(token, NOW)[2:])


def test_a_link_is_short(tokens: Tokens, secrets: Secrets) -> None:
    token = typical(secrets)
    assert len(link("https://unsubscribe.example", tokens.make(token, NOW))) == len("https://unsubscribe.example") + 107
    wide = Token("a-customer-of-24-letters", "a-list-with-24-letters-1", token.key, REFERENCE)
    assert len("/u/" + tokens.make(wide, NOW)) <= 150
    with_address = replace(token, address="bob@recipient.example")
    assert len(tokens.make(with_address, NOW)) == len(tokens.make(token, NOW)) + 28
    # What would be too long is left out; the token is as good as any.
    long = replace(Token("c" * 64, "l" * 64, token.key, REFERENCE), address="é" * 160)
    assert tokens.read(tokens.make(long, NOW)) == long
    assert tokens.read(tokens.make(replace(long, address="é" * 161), NOW)) == replace(long, address="")


def test_nothing_in_a_token_can_be_read(tokens: Tokens, secrets: Secrets) -> None:
    """Two tokens that differ in one list share no run of characters but the year."""
    token = typical(secrets)
    one, other = tokens.make(token, NOW), tokens.make(Token("acme", "newslettes", token.key, REFERENCE), NOW)
    assert one[0] == other[0]
    assert sum(a == b for a, b in zip(one[2:], other[2:], strict=True)) < 12
    assert tokens.make(token, NOW) == one


def test_each_year_has_its_key_and_old_tokens_stay_good(tokens: Tokens, secrets: Secrets) -> None:
    token = typical(secrets)
    by_year = {year: tokens.make(token, NOW.replace(year=year)) for year in range(2026, 2046)}
    assert len(set(by_year.values())) == len(by_year)
    assert len({secrets.unsubscribe_key(number) for number in range(256)}) == 256
    later = Tokens(secrets)
    assert all(later.read(text) == token for text in by_year.values())
    # The id is authenticated: one year's token is none under another year's id.
    with pytest.raises(NoToken):
        later.read(by_year[2026][0] + by_year[2027][1] + by_year[2026][2:])


@pytest.mark.parametrize(
    "changes",
    [{"customer": "Acme"}, {"customer": ""}, {"list": "a b"}, {"key": b"\x02" + b"k" * 32}, {"reference": "x"}],
)
def test_what_could_not_be_read_back_is_not_made(tokens: Tokens, secrets: Secrets, changes: dict[str, object]) -> None:
    token = typical(secrets)
    values = {"customer": token.customer, "list": token.list, "key": token.key, "reference": token.reference} | changes
    with pytest.raises(ValueError, match="not "):
        tokens.make(Token(**values), NOW)  # type: ignore[arg-type]


def test_the_fields_are_those_of_one_click(tokens: Tokens, secrets: Secrets) -> None:
    url = link("https://unsubscribe.example/", tokens.make(typical(secrets), NOW))
    mailbox = tokens.make_mailbox(typical(secrets), NOW) + "@gw.example"
    (name, value), post = fields(url, mailbox)
    assert (name, post) == ("List-Unsubscribe", ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    https, mailto = value.split(",\r\n ")
    assert re.fullmatch(r"<https://unsubscribe\.example/u/[A-Za-z0-9_-]+>", https)
    assert mailto == f"<mailto:{mailbox}?subject=unsubscribe>"
    assert all(len(line) <= 998 for line in f"{name}: {value}".split("\r\n"))
    assert fields(url)[0][1] == f"<{url}>"
