"""Where: the evidence of each rule leads to the fields and commands it is about."""

import pytest

from consent.address import Address
from filters import signals
from filters.message import Message
from filters.model import Action, Finding, Reply
from gateway.cli.where import LONGEST, MOST, Place, places
from tests.rig.cases import Case, all_cases

FIRING = [case for case in all_cases() if case.expect]
LAST = Reply(550, "5.7.1", "No")


def found(code: str, evidence: str, header: bytes) -> list[Place]:
    finding = Finding(code, "MOD-2.5b", Action.REJECT, evidence, LAST, "Mend it.")
    return places(finding, Message(header + b"\r\n\r\nbody\r\n"), None, ())


@pytest.mark.parametrize("case", FIRING, ids=lambda case: f"{case.file}: {case.title}")
def test_each_finding_of_each_case_has_a_place(case: Case) -> None:
    path = None if case.mail_from == "<>" else Address.parse(case.mail_from)
    recipients = tuple(Address.parse(each) for each in case.rcpt_to.split())
    for finding in case.verdict().findings:
        there = places(finding, Message(case.message), path, recipients)
        # The whole block, or what the credential has sent in all.
        nowhere = "header block" in finding.evidence or finding.code in signals.CODES
        assert nowhere or 0 < len(there) <= MOST, finding
        assert all(place.text.isascii() and place.text.isprintable() for place in there)


def test_bytes_are_escaped_and_the_line_is_told() -> None:
    header = b"To: a@b.example,\r\n c@d.example\r\nFrom: J\xfcrgen \\ <x@y.example>"
    assert found("ID-FROM", "from domain y.example", header) == [Place(3, r"From: J\xfcrgen \\ <x@y.example>\r\n")]


def test_a_long_field_is_cut_to_what_is_odd_in_it() -> None:
    header = b"From: x@y.example\r\nSubject: " + b"a" * 5000 + b"\x07" + b"b" * 5000
    (place,) = found("HDR-OBSOLETE", "subject: octet 07", header)
    assert place.text.startswith("\u2026 aaa".replace("\u2026", "..."))
    assert r"a\x07b" in place.text
    assert len(place.text) < LONGEST + 40
    assert place.text.endswith("... (10012 octets)")


def test_what_is_missing_is_said_to_be() -> None:
    assert found("HDR-FROM", "0 From fields", b"To: a@b.example") == [Place(None, "(there is no From field)")]


def test_a_numbered_field_is_that_one() -> None:
    header = b"Received: by a.example; x\r\nFrom: x@y.example\r\nReceived: by b.example; y"
    (place,) = found("TRACE-ORDER", "Received field 2 is dated 90 minutes after field 1 above it", header)
    assert place == Place(3, r"Received: by b.example; y\r\n")
    assert [each.line for each in found("HDR-SYNTAX", "field 2: no colon", header)] == [2]


def test_a_continuation_like_a_from_field_is_shown_where_it_stands() -> None:
    header = b"From: x@y.example\r\nSubject: a\r\n From: eve@evil.example"
    assert [each.line for each in found("HDR-FOLDED-FROM", "continuation line like a From field", header)] == [2]


def test_many_places_are_bounded() -> None:
    header = b"\r\n".join([b"Subject: a"] * 9)
    assert len(found("HDR-ONCE", "9 subject fields", header)) == MOST


@pytest.mark.parametrize("body", [b"", b"b" * 2000 + b"\r\n"])
def test_an_octet_that_the_edge_refuses_is_shown_where_it_stands(body: bytes) -> None:
    (place,) = found("NUL", "NUL", b"Subject: x\r\n \r\nTo: a\r\n\r\n" + body + b"ab\0c")
    assert place == Place(6 if body else 5, r"ab\x00c\r\n")
