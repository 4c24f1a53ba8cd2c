"""All rules together, with full facts: they end and never raise, they take no longer than the message is long, and what
passes has no author but the customer's."""

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from config.policy import Policy
from filters import RULES, readings
from filters.engine import bind, evaluate
from filters.message import Message
from filters.model import Outcome, Verdict
from tests.rig.full import OWN, POLICY, full_facts
from tests.rig.readers import DRESSED, VALUES, domain_of, from_of
from tests.rig.shapes import SHAPES

BOUND = bind(POLICY)
SHIPPED = Policy()
SHIPPED_BOUND = bind(SHIPPED)
FORWARDER = replace(full_facts(), credential=full_facts().credential.model_copy(update={"forwarding": True}))
FACTS = {
    "mail": full_facts(),
    "a report": full_facts("<>"),
    "SMTPUTF8": full_facts(smtputf8=True),
    "forwarding": FORWARDER,
    "bulk": replace(full_facts(), bulk=True),
    "calendars": replace(
        full_facts(), customer=full_facts().customer.model_copy(update={"forwarded_calendars": True}), signatures=None
    ),
}
LARGEST = 255 * 1024
"""Octets of a header block: as many as the edge lets in."""

NAMES = st.sampled_from(
    [b"From", b"from", b"Sender", b"Reply-To", b"To", b"Cc", b"Resent-From", b"Return-Path", b"Subject", b"Date",
     b"Message-ID", b"Received", b"Authentication-Results", b"DKIM-Signature", b"Auto-Submitted", b"Content-Type",
     b"List-Id", b"Precedence", b"X-A", b"From ", b" From", b""]
)  # fmt: skip
TEXTS = VALUES | st.binary(max_size=60) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace")) | (
    st.sampled_from([
        b" ann@acme.example", b" from a by gw.example with ESMTPA id 01KAGV0000AAAAAAAAAAAAAAA1-aaaaaaaaaaaaaaaa; 1 Jan",
        b" Fri, 20 Nov 2026 10:00:00 +9999", b" 99999999999999999999 Nov 2026", b" multipart/report", b" v=1; l=x; h=:",
        b" v=1; a=rsa-sha256; d=b\xc3\xbc.example; s=x; h=from; bh=AA==; b=AA==; t=9; x=1; l=0", b" =?utf-7?q?+AAA?=",
        b" =?x-unknown?b?AAAA?=", b" =?utf-16?b?AA?= <a@b>", "\u202eabc\u200b\u0301@\uff20".encode(), b" gw.example; x",
    ])
)  # fmt: skip
FIELDS = st.lists(st.tuples(NAMES, TEXTS).map(lambda field: field[0] + b":" + field[1]), max_size=8).map(b"\r\n".join)
BODIES = st.sampled_from([b"", b"\r\n", b"\r\n\r\nbody\r\n", b"\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n"])


def verdict(raw: bytes, kind: str = "mail") -> Verdict:
    return evaluate(BOUND, Message(raw), FACTS[kind], POLICY)


def failed(found: Verdict) -> list[str]:
    return [finding.code for finding in found.findings if finding.failed]


def test_all_rules_are_on() -> None:
    assert [each.rule for each in BOUND] == list(RULES)


@settings(max_examples=500)
@given(st.binary(max_size=300) | st.tuples(FIELDS, BODIES).map(b"".join), st.sampled_from(sorted(FACTS)))
def test_no_message_makes_a_rule_raise(raw: bytes, kind: str) -> None:
    assert failed(verdict(raw, kind)) == []


@settings(max_examples=800)
@given(
    VALUES | DRESSED,
    st.just(b"") | FIELDS,
    BODIES,
    st.sampled_from(sorted(FACTS.keys() - {"forwarding", "calendars", "bulk"})),
)
def test_of_a_message_that_passes_every_reading_of_from_is_authorised(
    value: bytes, others: bytes, body: bytes, kind: str
) -> None:
    raw = b"From: " + value + b"\r\n" + others + body
    found = evaluate(SHIPPED_BOUND, Message(raw), FACTS[kind], SHIPPED)
    assert failed(found) == []
    # At `<>` a report may also come from a host of the customer's; all of them are below its own domains here.
    if found.outcome is Outcome.ACCEPT and not any(each.code == "ID-REPORT-HOST" for each in found.findings):
        specs = from_of(raw) + [
            spec.decode("utf-8", "replace")
            for field in Message(raw).all("from")
            for _, reading in readings.READINGS
            for spec in reading(field.value.replace(b"\r\n", b""))
        ]
        assert {domain_of(spec) for spec in specs} <= {*OWN, "xn--bcher-kva.example"}


@pytest.mark.parametrize("name", SHAPES)
def test_time_grows_no_faster_than_the_header_block(name: str) -> None:
    # The bound is CPU time and far above what is needed (see docs/performance.md); with the square of the length
    # the same blocks take from some seconds to minutes.
    for size in (LARGEST // 16, LARGEST):
        message = Message(SHAPES[name](size) + b"\r\nbody\r\n")
        begun = process_time()
        found = evaluate(BOUND, message, FACTS["mail"], POLICY)
        assert process_time() - begun < 1
        assert failed(found) == []
