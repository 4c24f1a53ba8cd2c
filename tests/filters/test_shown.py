"""What readers see of a mailbox field, from any octets."""

import time
from encodings import aliases

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.shown import LONGEST, decoded, mailboxes

PIECES = st.lists(
    st.sampled_from(
        [b"ann@acme.example", b"<", b">", b'"', b"(", b")", b",", b";", b":", b"\\", b" ", b"=?utf-8?q?", b"=?utf-8?b?",
         b"?=", b"=40", b"\xff", "ü".encode(), b"\0", b"@", b".", b"Ann"]
    ),
    max_size=40,
).map(b"".join)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"ann@acme.example", [("", "ann@acme.example")]),
        (b"Ann <Ann@ACME.example>", [("Ann", "ann@acme.example")]),
        (b'"Example, Ann" <a@b.example>, Bob <b@c.example>', [("Example, Ann", "a@b.example"), ("Bob", "b@c.example")]),
        (b'"Ann \\"A\\" Example" <a@b.example>', [('Ann "A" Example', "a@b.example")]),
        (b"a@b.example (Ann)", [("Ann", "a@b.example")]),
        (b"Ann (the first) <a@b.example>", [("Ann the first", "a@b.example")]),
        (b"<a@b.example>", [("", "a@b.example")]),
        (b"team: a@b.example, c@d.example;", [("team:", "a@b.example"), ("", "c@d.example")]),
        (b"=?utf-8?q?J=C3=BCrgen?= <a@b.example>", [("Jürgen", "a@b.example")]),
        ("Jürgen <a@b.example>".encode(), [("Jürgen", "a@b.example")]),
        (b"J\xfcrgen <a@b.example>", [("Jürgen", "a@b.example")]),
        (b'"ceo@bank.example" <a@b.example>', [("ceo@bank.example", "a@b.example")]),
        (b'"unfinished <a@b.example>', [("unfinished", "a@b.example")]),
        (b"Ann < a@b.example >", [("Ann", "a@b.example")]),
        (b"Ann <ann @ acme . example>", [("Ann", "ann@acme.example")]),
        (b"<a@b.example somebody>", [("", "a@b.example")]),
        (b"Ann <ann>", [("Ann", "ann")]),
        (b"Ann\x92s <a@b.example>", [("Ann\u2019s", "a@b.example")]),
        (b"<@relay.example:a@b.example>", [("", "a@b.example")]),
        (b"Just words", [("Just words", "")]),
        (b",;,", []),
        (b"", []),
    ],
)  # fmt: skip
def test_mailboxes_as_they_are_shown(value: bytes, shown: list[tuple[str, str]]) -> None:
    assert [each[:2] for each in mailboxes(value)] == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=?utf-8?q?a_b=2E?=", "a b."),
        ("=?UTF-8*en?B?YQ==?=", "a"),
        ("=?utf-8?b?YQ?=", "a"),
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?utf-8?q?a?= and =?utf-8?q?b?=", "a and b"),
        ("=?utf-8?q?=E5?= =?utf-8?q?=B1=B1?=", "山"),
        ("=?iso-2022-jp?b?GyRCOzNFRBsoQg==?=", "山田"),
        ("=?windows-1252?q?=80?=", "€"),
        ("=?latin1?q?=FC?=", "ü"),
        ("=?no-such-charset?q?a?=", "a"),
        ("=?utf-8?q?=ff?=", "\ufffd"),
        ("=?utf-8?b?***?=", ""),
        ("=?utf-8?b?a?=", "=?utf-8?b?a?="),
        ("=?utf-8?q?unfinished", "=?utf-8?q?unfinished"),
        ("x=?utf-8?q?=40?=y", "x@y"),
        ("=?rot13?q?Naa?=", "Naa"),
    ],
)
def test_encoded_words_as_they_are_shown(text: str, shown: str) -> None:
    assert decoded(text) == shown


@given(st.one_of(PIECES, st.binary(max_size=200)))
def test_nothing_raises_and_every_address_is_plain(value: bytes) -> None:
    for mailbox in mailboxes(value):
        assert mailbox.address == mailbox.address.lower()
        assert isinstance(mailbox.domain, str)


@given(
    st.from_regex(
        rb"(\"[A-Za-z0-9 .,'&_-]{0,20}\"|[A-Za-z .-]{0,20}) ?<?[a-z.+]{1,9}@([a-z-]{1,5}\.){0,3}[a-z]{1,3}>?",
        fullmatch=True,
    )
)
def test_plain_mailboxes_are_read_as_all_others_are(value: bytes) -> None:
    assert mailboxes(value) == mailboxes(b"\t" + value)


@given(st.text(max_size=200))
def test_what_is_no_encoded_word_stays(text: str) -> None:
    assert "=?" in text or decoded(text) == text


def test_no_unknown_charset_is_looked_up() -> None:
    # Python would remember each for ever.
    import encodings

    before = set(encodings._cache)
    decoded("".join(f"=?x-{number}?q?a?= " for number in range(50)))
    decoded("=?zlib?b?eJwDAAAAAAE=?= =?idna?q?a?=")
    assert not {name for name in set(encodings._cache) - before if name.startswith(("x_", "x-", "zlib", "idna"))}
    assert "utf8" in aliases.aliases


@pytest.mark.parametrize(
    "piece", [b'"', b"(", b"<", b"\\", b"=?utf-8?q?", b"a@", b" ", b'"a\\', b"=?a?b?YQ==?= ", b",", b"(a"]
)
def test_time_is_linear_and_bounded(piece: bytes) -> None:
    value = piece * (250_000 // len(piece))
    started = time.process_time()
    mailboxes(value)
    assert time.process_time() - started < 0.5
    assert len(value) > LONGEST


def test_a_domain_is_shown_in_a_labels_where_it_has_some() -> None:
    value = "a@bücher.example, b@host, Ann, c@ACME.example."
    assert [each.domain for each in mailboxes(value.encode())] == ["xn--bcher-kva.example", "host", "", "acme.example"]
