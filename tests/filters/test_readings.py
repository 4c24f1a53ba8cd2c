"""The readings of From: each finds what the software it stands for would, and none is trusted alone."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consent.address import Address
from filters import readings
from filters.message import Message
from tests.rig.cases import Case
from tests.rig.readers import VALUES, domain_of, from_of

OWN = ("acme.example", "news.acme.example")


@settings(max_examples=600)
@given(VALUES, st.sampled_from([b"From", b"from ", b"FROM", b"X-A: b\r\nFrom", b"From: ann@acme.example\r\nX"]))
@example(b'"<eve@evil.example>" <ann@acme.example>', b"From")
@example(b"=?utf-8?q?=22?=eve@evil.example, <ann@acme.example>", b"From")
@example(b"(\r\n eve@evil.example x) ann@acme.example", b"From")  # Python ends the comment at the fold
@example(b'"ann@acme.example\r\n @evil.example:Ann " <ann@acme.example>', b"From")
@example(b'"x\r\n eve@evil.example x" <ann@acme.example>', b"From")
def test_of_a_message_that_passes_every_reading_of_from_is_authorised(value: bytes, name: bytes) -> None:
    raw = name + b": " + value + b"\r\nSender: ann@acme.example\r\n\r\nbody\r\n"
    if Case("", "", message=raw).verdict().decisive is None:
        assert {domain_of(spec) for spec in from_of(raw)} <= set(OWN)
        for _, reading in readings.READINGS:
            for spec in reading(Message(raw).all("from")[0].value.replace(b"\r\n", b"")):
                assert domain_of(spec.decode("utf-8", "replace")) in OWN


OURS = b"From: ann@acme.example"
LINES = st.sampled_from(
    [OURS, OURS, OURS + b",", OURS + b" (", b"From: eve@evil.example", b"from:eve@evil.example", b"From :eve@evil.example",
     b"From", b"From:", b'From: "Ann', b"From ann@acme.example Fri Nov 20 10:00:00 2026", b">From eve@evil.example x",
     b"From eve@evil.example", b" From: eve@evil.example", b"\tx", b" ", b"", b" ) x", b" <ann@acme.example>",
     b" eve@evil.example", b' <eve@evil.example>" <ann@acme.example>', b"\x0bFrom: eve@evil.example", b"Subject: x",
     b"\xef\xbb\xbfFrom: eve@evil.example", b"Subject: a\x1cFrom: eve@evil.example", b"From\xa0: eve@evil.example",
     b"X: a\nFrom: eve@evil.example", b"X: a\rFrom: eve@evil.example", b": From: eve@evil.example", b"Sender: ann@acme.example"]
)  # fmt: skip
ENDS = st.sampled_from([b"\r\n\r\nFrom: eve@evil.example\r\n", b"\r\n", b"", b"\n\nFrom: eve@evil.example\r\n"])


@settings(max_examples=600)
@given(st.lists(LINES, min_size=1, max_size=6).map(b"\r\n".join), ENDS)
def test_of_a_message_that_passes_every_reader_finds_an_authorised_from(header: bytes, end: bytes) -> None:
    raw = header + end
    if Case("", "", message=raw).verdict().decisive is None:
        domains = {domain_of(spec) for spec in from_of(raw)}
        assert domains
        assert domains <= set(OWN)


@given(VALUES | st.binary(max_size=80))
def test_no_reading_raises(value: bytes) -> None:
    for _, reading in readings.READINGS:
        assert all(isinstance(spec, bytes) for spec in reading(value))
    assert isinstance(readings.disagreement(value, [Address.parse("ann@acme.example")]), str | None)


@given(VALUES)
def test_what_is_plain_has_one_reading_indeed(value: bytes) -> None:
    ours = Message(b"From: " + value + b"\r\n\r\n").mailboxes("from")
    unfolded = value.replace(b"\r\n", b"").strip(b" \t")
    if ours and readings.alike(unfolded):
        specs = {Address.parse(spec.decode()).domain for _, reading in readings.READINGS for spec in reading(unfolded)}
        assert specs <= {mailbox.domain for mailbox in ours}


@pytest.mark.parametrize(
    ("reading", "value", "found"),
    [
        ("strict", b'"a, <x@y.example>" <ann@acme.example> (c, <d@e.example>)', [b"ann@acme.example"]),
        ("strict", b"a@b.example, C <d @ e.example>", [b"a@b.example", b"d@e.example"]),
        ("strict", b'"a@b"@c.example', [b'"a@b"@c.example']),
        ("strict", b"Ann", []),
        ("lenient", b'"<x@y.example>" <ann@acme.example>', [b"x@y.example", b"ann@acme.example"]),
        ("lenient", b"x@y.example <ann@acme.example>", [b"ann@acme.example"]),
        ("lenient", b"a@b.example c@d.example", [b"a@b.example", b"c@d.example"]),
        ("hidden", b'"x@y.example, z" <ann@acme.example>', [b"x@y.example"]),
        ("hidden", b"ann@acme.example (x@y.example)", [b"x@y.example"]),
        ("hidden", b"ann@acme.example (from x@y.example)", []),
        ("hidden", b'"x@y.example via z" <ann@acme.example>', []),
        ("library", b"a@b.example, C <d@e.example>", [b"a@b.example", b"d@e.example"]),
        ("library", b"Ann", []),
        (
            "library",
            b"(a\r\n x@y.example) ann@acme.example",
            [b"x@y.example", b"ann@acme.example", b"ann@acme.example"],
        ),
        ("library", b'"A long\r\n name" <ann@acme.example>', [b"ann@acme.example"]),
        ("library", b'""@y.example', [b'""@y.example']),
        ("library", b"(" * 2000, []),
    ],
)
def test_a_reading_finds(reading: str, value: bytes, found: list[bytes]) -> None:
    assert list(getattr(readings, reading)(value)) == found


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [(b"secret@evil.example", "evil.example"), (b"secret@evil\xff", "something else"), (b"secret@secret@x", "x")],
)
def test_evidence_names_domains_and_never_a_local_part(hidden: bytes, shown: str) -> None:
    found = readings.disagreement(b'"<' + hidden + b'>" <ann@acme.example>', [Address.parse("ann@acme.example")])
    assert found == f"a lenient reader finds another mailbox, at {shown}"


@pytest.mark.parametrize(
    ("text", "agreed"),
    [("j@bücher.example", True), ("j@bu\u0308cher.example", True), ("j@xn--bcher-kva.example", True),
     ("j@bücher。example", False), ("j@ｂücher.example", False)],
)  # fmt: skip
def test_a_domain_is_written_as_it_is_read(text: str, agreed: bool) -> None:
    value = text.encode()
    assert (readings.disagreement(value, [Address.parse(text)]) is None) is agreed
