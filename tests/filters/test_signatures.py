"""Signatures read and verified, with real keys; the cases of the rules are text, in tests/cases/signatures.txt."""

import base64
import hashlib
import re
import time
from collections.abc import Iterator

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import canonical, signatures
from filters.canonical import body
from filters.message import Message
from filters.signatures import BodyHashes, aligned, chosen, read, verify
from tests.rig.dkim_signing import ed25519_key, rsa_key, signed, signed_as_written

PLAIN = b"From: Ann <ann@example.org>\r\nTo: bob@recipient.example\r\nSubject: Lunch\r\n\r\nSee you  at noon. \r\n\r\nAnn\r\n\r\n"


def result(message: bytes, record: str | None = None, number: int = 1) -> tuple[str, str, int]:
    """What verifying one signature gives."""
    view = Message(message)
    found = read(view)[number - 1]
    return verify(view, found, (record or rsa_key().record).encode(), BodyHashes(view))


@pytest.mark.parametrize("body", [b"simple", b"relaxed"])
@pytest.mark.parametrize("header", [b"simple", b"relaxed"])
def test_what_dkimpy_signs_verifies(header: bytes, body: bytes) -> None:
    assert result(signed(PLAIN, canonicalize=(header, body))) == ("pass", "", 0)


@pytest.mark.parametrize("body", [b"", b"\r\n", b"\r\n\r\n\r\n", b" \r\n", b"\t x \t y\t\r\n \r\n", b"no line end"])
@pytest.mark.parametrize("way", [b"simple", b"relaxed"])
def test_odd_bodies_verify(way: bytes, body: bytes) -> None:
    if body == b"no line end":
        body += b"\r\n"
    assert result(signed(b"From: ann@example.org\r\n\r\n" + body, canonicalize=(way, way)))[0] == "pass"


def test_ed25519_and_long_keys_verify() -> None:
    assert result(signed(PLAIN, key=ed25519_key()), ed25519_key().record)[0] == "pass"
    assert result(signed(PLAIN, key=rsa_key(4096)), rsa_key(4096).record)[0] == "pass"


def test_the_field_may_be_folded_and_written_in_any_case() -> None:
    message = signed(PLAIN)
    assert b"\r\n " in message.partition(b"From:")[0]
    assert result(message.replace(b"DKIM-Signature:", b"dkim-signature:"))[0] == "pass"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"at noon", b"at one", "the body is not what was signed"),
        (b"Subject: Lunch", b"Subject: Dinner", "the header is not what was signed"),
        (b"From: Ann", b"From: Eve", "the header is not what was signed"),
        (b"From: Ann", b"From: eve@evil.example\r\nFrom: Ann", "the header is not what was signed"),
    ],
)
def test_what_was_changed_fails_and_says_which_part(old: bytes, new: bytes, why: str) -> None:
    assert result(signed(PLAIN).replace(old, new)) == ("fail", why, 0)


@pytest.mark.parametrize(
    "tags",
    [
        b" v=1; a=rsa-sha256; c=relaxed/simple; d=example.org; s=s; h=From:To:Subject; bh={bh}; b={b}",
        b" v=1; a=rsa-sha256; c=relaxed; d=example.org; s=s; h=From; bh={bh}; b={b};",
        b"v=1;a=rsa-sha256;c=relaxed/simple;d=Example.ORG;s=s;h=from:to:date:from;bh={bh};b={b}",
        b" a=rsa-sha256; bh={bh};\r\n\tc=relaxed/simple; d=example.org;\r\n h=From : To\r\n\t: Subject:Reply-To;\r\n s=s; v=1; b={b}",
        b" v=1; a=rsa-sha256; c=relaxed/simple; d=example.org; i=ann@mail.example.org; q=dns/txt; s=s; t=1795168700; x=1795773500; h=from; bh={bh}; z=From:Ann|To:x; b={b}",
        b" v=1; a=rsa-sha256; c=relaxed/simple; d=example.org; s=s; h=from; bh={bh}; dara=google.com; b={b}; x_new=1",
        b" v=1; a=rsa-sha256; q=dns/txt; c=relaxed/simple; s=2024_03.a-b; d=example.org; h=From:Content-Type:Message-Id; bh={bh}; b=\r\n {b} ;\r\n",
    ],
)
@pytest.mark.parametrize("message", [PLAIN, PLAIN.replace(b"Subject: Lunch", b"Subject:  Lunch \r\n\t at  noon")])
def test_signatures_verify_as_many_signers_write_them(tags: bytes, message: bytes) -> None:
    assert result(signed_as_written(message, tags.removesuffix(b"\r\n"))) == ("pass", "", 0)


@pytest.mark.parametrize(
    "change",
    [
        ("v=DKIM1; k=rsa; ", ""),
        ("v=DKIM1; k=rsa; ", "v=DKIM1;k=rsa;t=s;h=sha256;s=email;n=a note;"),
        ("v=DKIM1; k=rsa; ", "k=rsa; t=y; "),
        ("v=DKIM1; k=rsa; ", "  v=DKIM1 ; k = rsa ;  s=*; "),
        ("AQAB", "AQAB;"),
        ("AQAB", "AQAB; "),
        ("MII", "MI I "),
    ],
)
def test_keys_are_taken_as_many_owners_write_them(change: tuple[str, str]) -> None:
    assert result(signed(PLAIN), rsa_key().record.replace(*change))[0] == "pass"


def test_another_key_fails() -> None:
    assert result(signed(PLAIN), rsa_key(number=1).record)[0] == "fail"


def test_a_footer_behind_l_is_counted_and_one_that_is_more_than_the_body_fails() -> None:
    message = signed(PLAIN, length=True)
    assert result(message) == ("pass", "", 0)
    assert result(message + b"-- \r\nBuy pills\r\n") == ("pass", "", 17)
    assert result(message[: message.index(b"See you")] + b"See\r\n") == ("fail", "l= is more than the body has", 0)


def test_a_signature_that_does_not_sign_from_vouches_for_nothing() -> None:
    """dkimpy alone would let it pass: RFC 6376 section 5.4 has it that From is signed."""
    key = rsa_key()
    signer = dkim.DKIM(PLAIN)
    # As dkimpy refuses to sign so, it is made to believe that To is From.
    signer.headers = [[b"From", b" bob@recipient.example\r\n"]]
    field = signer.sign(
        b"s", b"example.org", key.private, include_headers=[b"from"], canonicalize=(b"relaxed", b"relaxed")
    )
    assert (
        read(Message(field.replace(b"h=from", b"h=to") + PLAIN))[0].fault == "does not sign From (RFC 6376 section 5.4)"
    )


SHA1 = "algorithm rsa-sha1 (RFC 8301 section 3.1)"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ((rb"v=1", b"v=2"), "malformed"),
        ((rb"a=rsa-sha256", b"a=rsa-sha1"), SHA1),
        ((rb"d=example.org", b"d=exa mple.org"), "malformed"),
        ((rb"d=example.org", b"d=localhost"), "malformed"),
        ((rb"s=s;", b"s=a b;"), "malformed selector"),
        ((rb"s=s;", b"s=..;"), "malformed selector"),
        ((rb"s=s;", b""), "malformed"),
        ((rb"c=relaxed/relaxed", b"c=nofws/relaxed"), "malformed"),
        ((rb"t=\d+", b"t=soon"), "malformed"),
        ((rb"t=\d+", b"t=" + b"9" * 5000), "malformed"),
        ((rb"q=dns/txt", b"l=1;l=2"), "malformed"),
        ((rb"q=dns/txt", b"l="), "malformed"),
        ((rb"h=", b"h=x" + b":x" * 300 + b":"), "signs more than 200 fields"),
        ((rb"bh=", b"bh=!"), "malformed"),
        ((rb"d=example", b"d=" + b"x" * 9000), "longer"),
        ((rb"d=example", b"d=" + b" " * 70), "longer"),
    ],
)
def test_what_cannot_be_read_is_unusable_and_never_broken(change: tuple[bytes, bytes], fault: str) -> None:
    message = re.sub(change[0], lambda _: change[1], signed(PLAIN), count=1)
    assert read(Message(message))[0].fault.startswith(fault)
    assert result(message)[0] == "unusable"


@pytest.mark.parametrize(
    "record",
    [
        "",
        "p=",
        "v=DKIM1; p=",
        "v=DKIM2; p=x",
        "v=DKIM1; k=rsa; p=AAAA",
        "v=DKIM1; k=ed25519; p=AAAA",
        "v=DKIM1; k=dsa; p=AAAA",
        "v=spf1 -all",
        "p=" + "A" * 2000,
        pytest.param(rsa_key().record + "; s=tlsrpt", id="for reports only"),
        pytest.param(rsa_key().record + "; s=other", id="for another service"),
        pytest.param(ed25519_key().record, id="another algorithm"),
        "k=rsa; p=" + "MAA=",
        "k=rsa; p=MAYCAQACAQA=",  # modulus and exponent 0
    ],
)
def test_a_key_that_cannot_be_used_breaks_nothing(record: str) -> None:
    assert result(signed(PLAIN), record or " ")[0] == "unusable"


def test_the_body_is_hashed_as_dkimpy_does_it() -> None:
    for message in (signed(PLAIN, at=1), signed(PLAIN, at=1, length=True)):
        assert dkim.DKIM(message).verify(dnsfunc=lambda name, timeout: rsa_key().record.encode())


def test_long_bodies_lines_and_seas_of_spaces_are_hashed() -> None:
    long = PLAIN + b"0123456789 \t 12345\r\n" * 20_000 + b"\r\n" * 100_000
    assert result(signed(long))[0] == "pass"
    assert result(signed(PLAIN + b"x" * 3_000_000 + b" \r\nend\r\n"))[0] == "pass"
    assert result(signed(PLAIN) + b" " * 3_000_000 + b"\r\n")[0] == "pass"
    assert result(signed(PLAIN) + b" " * 3_000_000 + b"x\r\n") == ("fail", "the body is not what was signed", 0)


def test_a_body_longer_than_the_bound_is_not_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "LONGEST_BODY", 40)
    assert result(signed(PLAIN + b"x" * 40)) == ("unusable", "the body cannot be hashed within its bounds", 0)


def test_hashes_are_made_once_for_each_way(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bool] = []

    def counted(raw: bytes, start: int, *, relaxed: bool) -> Iterator[bytes]:
        made.append(relaxed)
        return body(raw, start, relaxed=relaxed)

    monkeypatch.setattr(canonical, "body", counted)
    bodies = BodyHashes(Message(PLAIN))
    assert bodies.get(b"simple", None) == bodies.get(b"simple", None)
    assert bodies.get(b"relaxed", None) != bodies.get(b"simple", None)
    assert (bodies.get(b"simple", 3) or (b"",))[0] == hashlib.sha256(b"See").digest()
    assert len(made) == 3


def test_the_authors_signature_is_found_below_those_of_forwarders() -> None:
    message = signed(PLAIN)
    for number in range(10):
        message = signed(message, f"hop{number}.example")
    picked = chosen(read(Message(message)), ("example.org",))
    assert (len(picked), picked[0][0].number, picked[0][1]) == (signatures.MOST, 11, frozenset(["example.org"]))
    assert len(read(Message(b"DKIM-Signature: x\r\n" * 100 + PLAIN))) == signatures.MOST_READ


@pytest.mark.parametrize(
    ("signing", "author", "speaks"),
    [
        ("example.org", "example.org", True),
        ("example.org", "news.example.org", True),
        ("mail.example.org", "example.org", True),
        ("a.example.co.uk", "b.example.co.uk", True),
        ("a.co.uk", "b.co.uk", False),
        ("co.uk", "b.co.uk", False),
        ("org", "example.org", False),
        ("ann.github.io", "eve.github.io", False),
        ("notexample.org", "example.org", False),
        ("example.org.evil.example", "example.org", False),
    ],
)
def test_a_signature_speaks_for_its_organisational_domain(signing: str, author: str, speaks: bool) -> None:
    assert aligned(signing, author) is speaks


TAGS = st.sampled_from(
    [
        b"v=1",
        b"a=rsa-sha256",
        b"b=YQ==",
        b"bh=YQ==",
        b"d=example.org",
        b"h=from",
        b"s=s",
        b"t=1",
        b"x=2",
        b"l=3",
        b"c=relaxed",
        b"i=@example.org",
        b"q=dns/txt",
        b" ",
        b"\r\n ",
        b";",
        b"=",
        b"d=\xff",
        b"h=\xff",
        b"s=\xff",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(TAGS, max_size=25).map(b"; ".join) | st.binary(max_size=200).map(lambda b: re.sub(rb"[\r\n]", b" ", b)))
def test_reading_and_verifying_never_raise(value: bytes) -> None:
    message = Message(b"DKIM-Signature: " + value + b"\r\n" + PLAIN)
    for found in read(message):
        for record in (rsa_key().record.encode(), b"p=" + value, b""):
            assert verify(message, found, record, BodyHashes(message))[0] in ("fail", "unusable")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda b: b"k=rsa; p=" + b.hex().encode()))
def test_no_key_record_raises(record: bytes) -> None:
    message = Message(SIGNED)
    assert verify(message, read(message)[0], record, BodyHashes(message))[0] in ("fail", "unusable")


SIGNED = signed(PLAIN)
_WHITE = b" \r\n " * 2000


@pytest.mark.parametrize(
    "message",
    [
        b"DKIM-Signature: v=1; b=" + _WHITE + b"!\r\n" + PLAIN,
        re.sub(rb"h=from", lambda _: b"h=from" + b":x" * 150, SIGNED) + b"",
        SIGNED.replace(b"From: Ann", b"X: y\r\n" * 2000 + b"From: Ann", 1),
        SIGNED + b" " * 900_000 + b"x\r\n",
        SIGNED + b"\t \r\n" * 300_000,
        SIGNED + b"\r\n" * 500_000 + b"x\r\n",
        (b"DKIM-Signature: v=1; a=rsa-sha256; b=" + b"\r\n " * 20 + b"x" * 7000 + b"\r\n") * 30 + PLAIN,
        b"".join(b"DKIM-Signature: " + b"v=1; b" + b" " * 60 + b"\r\n" + b" x=1;b" * 1000 + b"\r\n" for _ in range(20))
        + PLAIN,
    ],
    ids=["white", "names", "fields", "spaces", "tabs", "lines", "long b", "many b"],
)
def test_nothing_takes_long(message: bytes) -> None:
    began = time.process_time()
    view = Message(message)
    bodies = BodyHashes(view)
    for found in read(view):
        verify(view, found, rsa_key().record.encode(), bodies)
    assert time.process_time() - began < 2


def test_a_key_made_to_take_long_is_not_used() -> None:
    """An exponent of thousands of bits: without the bound on a record one message would stop all others."""
    assert result(SIGNED, rsa_record(700, 700))[1].startswith("its key record is longer")
    began = time.process_time()
    assert result(SIGNED, rsa_record(350, 350)) == ("fail", "the header is not what was signed", 0)
    assert time.process_time() - began < 0.5


def test_a_short_key_is_not_used() -> None:
    assert result(SIGNED, rsa_record(96, 3)) == ("unusable", "its key has 767 bits", 0)


def rsa_record(modulus: int, exponent: int) -> str:
    """A record with numbers of so many octets."""
    numbers = b"".join(b"\x02\x82" + size.to_bytes(2, "big") + b"\x7f" * size for size in (modulus, exponent))
    der = b"\x30\x82" + len(numbers).to_bytes(2, "big") + numbers
    return "p=" + base64.b64encode(der).decode()
