"""Signing: what we sign verifies in dkimpy, whatever its shape, and no more when it is touched.

All of 10,000 shapes, with OpenDKIM too: `make dkim` (tests/bench/dkim.py).
"""

import base64
import re
import traceback
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.dkim_keys import Algorithm, DkimKey
from filters.message import Message
from filters.signatures import BodyHashes, read, verify
from gateway.sign import BITS, LIFETIME, BadKey, SigningKey, generate
from tests.rig.dkim_shapes import DOMAIN, sent, shape

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
MESSAGE = (
    b"Subject: Spring  offers \r\nFrom: Ann <ann@acme.example>\r\nTo: bob@recipient.example\r\n"
    b"List-Unsubscribe: <https://www.acme.example/u/1>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"Bcc: eve@recipient.example\r\n\r\nSee you  at noon. \r\n\r\nAnn\r\n\r\n"
)
ALGORITHMS: tuple[Algorithm, ...] = ("rsa", "ed25519")


@cache
def made(algorithm: Algorithm) -> tuple[SigningKey, str]:
    """A key and its record."""
    private, public = generate(algorithm)
    stored = DkimKey("acme", DOMAIN, f"s{algorithm}", algorithm, public, "active", NOW)
    return SigningKey.load(DOMAIN, stored.selector, algorithm, private), stored.record


def keys(*algorithms: Algorithm) -> list[SigningKey]:
    return [made(algorithm)[0] for algorithm in algorithms or ALGORITHMS]


def records(name: bytes, timeout: float = 0) -> bytes:
    selector = name.decode().partition("._domainkey.")[0].removeprefix("s")
    return made("rsa" if selector == "rsa" else "ed25519")[1].encode()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """For dkimpy, which reads the clock."""
    monkeypatch.setattr(dkim, "time", SimpleNamespace(time=NOW.timestamp))


def verdicts(message: bytes) -> list[bool]:
    """What dkimpy says of each signature."""
    count = len(re.findall(rb"^DKIM-Signature:", message.partition(b"\r\n\r\n")[0], re.M | re.I))
    found = []
    for at in range(count):
        try:
            found.append(dkim.DKIM(message).verify(at, dnsfunc=records))
        except dkim.ValidationError:
            found.append(False)
    return found


def tags(message: bytes, number: int = 0) -> dict[str, str]:
    value = Message(message).all("dkim-signature")[number].unfolded.decode()
    return {
        name.strip(): re.sub(r"\s", "", text) for name, _, text in (each.partition("=") for each in value.split(";"))
    }


def test_both_signatures_verify_the_one_in_rsa_on_top() -> None:
    message = sent(MESSAGE, keys(), NOW)
    assert verdicts(message) == [True, True]
    assert [tags(message, at)["a"] for at in (0, 1)] == ["rsa-sha256", "ed25519-sha256"]
    assert [field.name for field in Message(message).fields[:3]] == ["dkim-signature", "dkim-signature", "received"]
    assert b"Bcc" not in message


def test_what_a_signature_says() -> None:
    found = tags(sent(MESSAGE, keys("rsa"), NOW))
    start = int(NOW.timestamp())
    assert {name: found[name] for name in ("v", "c", "d", "s", "t", "x")} == {
        "v": "1", "c": "relaxed/relaxed", "d": DOMAIN, "s": "srsa", "t": str(start), "x": str(start + LIFETIME),
    }  # fmt: skip
    assert "l" not in found
    names = found["h"].split(":")
    # Ours are covered too: Message-ID and Date were missing.
    twice = ("from", "to", "subject", "date", "message-id", "list-unsubscribe", "list-unsubscribe-post")
    assert [names.count(name) for name in twice] == [2] * len(twice)
    once = ("cc", "reply-to", "mime-version", "content-type")
    assert [names.count(name) for name in once] == [1] * len(once)
    assert not {"received", "dkim-signature", "bcc", "sender", "list-id"} & set(names)


def test_a_list_may_add_its_fields_to_mail_that_is_no_bulk() -> None:
    plain = sent(b"From: ann@acme.example\r\nSubject: x\r\n\r\nbody\r\n", keys(), NOW)
    assert verdicts(b"List-Id: <l.example.org>\r\nSender: l@example.org\r\n" + plain) == [True, True]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"www.acme.example/u/1", b"www.evil.example/u/1"),
        (b"List-Unsubscribe: ", b"List-Unsubscribe: <https://evil.example/>, "),
        (b"List-Unsubscribe: ", b"X-List-Unsubscribe: "),
        (b"=One-Click", b"=No-Click"),
        (b"To: bob", b"List-Unsubscribe: <https://evil.example/u/1>\r\nTo: bob"),
        (b"To: bob", b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nTo: bob"),
        (b"To: bob", b"Reply-To: eve@evil.example\r\nTo: bob"),
        (b"To: bob", b"Content-Type: text/html\r\nTo: bob"),
        (b"Received: ", b"From: eve@evil.example\r\nReceived: "),
        (b"Subject: Spring", b"Subject: Winter"),
        (b"Date: Fri", b"Date: Sat"),
        (b"Message-ID: <", b"Message-ID: <x"),
        (b"at noon", b"at one"),
        (b"Ann\r\n\r\n", b"Ann\r\n\r\nPS: pay\r\n"),
    ],
)
def test_what_is_altered_in_transit_fails(old: bytes, new: bytes) -> None:
    message = sent(MESSAGE, keys(), NOW)
    assert old in message
    assert verdicts(message.replace(old, new)) == [False, False]


def test_what_relays_do_to_white_space_does_not_matter() -> None:
    message = sent(MESSAGE, keys(), NOW)
    refolded = message.replace(b"Subject: Spring  offers ", b"subject:  Spring\r\n\toffers")
    assert verdicts(refolded.replace(b"at noon. \r\n", b"at  noon.\t\r\n") + b"\r\n\r\n") == [True, True]


def test_it_holds_for_as_long_as_a_retired_keys_record_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    message = sent(MESSAGE, keys(), NOW)
    leeway = 36_000  # dkimpy's, for clocks that are wrong
    for later, holds in ((LIFETIME + leeway - 1, True), (LIFETIME + leeway + 1, False)):
        monkeypatch.setattr(dkim, "time", SimpleNamespace(time=lambda later=later: NOW.timestamp() + later))
        assert verdicts(message) == [holds, holds]


@pytest.mark.parametrize("number", range(300))
def test_every_shape_verifies(number: int) -> None:
    message = sent(shape(number), keys(), NOW)
    assert verdicts(message) == [True, True]
    view = Message(message)
    bodies = BodyHashes(view)
    for each, algorithm in zip(read(view), ALGORITHMS, strict=False):
        assert verify(view, each, made(algorithm)[1].encode(), bodies)[0] == "pass"
    assert max(map(len, message.partition(b"\r\nReceived:")[0].split(b"\r\n"))) <= 78


_TEXT = st.lists(
    st.sampled_from([b" ", b"\t", b"\r\n ", b"\r\n\t", b"x", b"v=1; b=", b":", b"\xc3\xa4", b"\xff", b"=?utf-8?q?a?="]),
    max_size=12,
).map(b"".join)
_NAMES = st.sampled_from(
    [b"To", b"CC", b"subject", b"Date", b"Reply-To", b"Message-ID", b"List-Id", b"List-Unsubscribe", b"Received",
     b"Content-Type", b"References", b"Resent-From", b"Sender", b"Bcc", b"Return-Path", b"X-Y", b"DKIM-Signatures"]
)  # fmt: skip
_FIELDS = st.lists(st.tuples(_NAMES, _TEXT), max_size=15)
_BODY = st.lists(st.sampled_from([b"\r\n", b" ", b"\t", b".", b"a", b"\xe4", b"\r\n\r\n"]), max_size=30).map(b"".join)


@settings(max_examples=200, deadline=None)
@given(_FIELDS, _BODY, st.integers(0, 15))
def test_whatever_is_sent_verifies(fields: list[tuple[bytes, bytes]], body: bytes, at: int) -> None:
    lines = [name + b":" + value + b"\r\n" for name, value in fields]
    lines.insert(at, b"From: ann@acme.example\r\n")
    body = body and body.removesuffix(b"\r\n") + b"\r\n"
    assert verdicts(sent(b"".join(lines) + b"\r\n" + body, keys(), NOW)) == [True, True]


def test_fields_of_one_name_are_signed_up_to_a_bound() -> None:
    many = b"".join(b"References: <%d@acme.example>\r\n" % at for at in range(100))
    message = sent(b"From: ann@acme.example\r\n" + many + b"\r\n", keys(), NOW)
    assert tags(message)["h"].split(":").count("references") == 20
    assert verdicts(message) == [True, True]
    assert verdicts(message.replace(b"<99@", b"<x@")) == [False, False]


def test_a_line_that_is_no_field_is_not_signed() -> None:
    message = sent(b"From: ann@acme.example\r\nsubject\r\nTo : bob@recipient.example\r\n\r\n", keys("rsa"), NOW)
    names = tags(message)["h"].split(":")
    assert (names.count("subject"), names.count("to")) == (1, 2)


def test_keys_are_of_the_length_and_form_that_verifiers_ask_for() -> None:
    private, public = generate("rsa")
    key = SigningKey.load(DOMAIN, "s", "rsa", private)
    assert getattr(key.private, "key_size", 0) == BITS == 2048
    assert len(base64.b64decode(public)) == 294
    assert len(base64.b64decode(generate("ed25519")[1])) == 32


def test_a_key_that_is_none_is_told_without_its_octets() -> None:
    private = generate("ed25519")[0]
    for algorithm, octets in (("rsa", private), ("ed25519", b"secret octets"), ("rsa", b"")):
        with pytest.raises(BadKey) as caught:
            SigningKey.load(DOMAIN, "s", algorithm, octets)  # type: ignore[arg-type]
        told = "".join(traceback.format_exception(caught.value))
        assert "secret octets" not in told
        assert repr(private)[2:20] not in told
    assert "private" not in repr(made("rsa")[0])
