"""What is changed on the way through: lines on top, exact ranges out, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.customers import Credential, Customer
from config.policy import Policy
from filters.message import Message
from filters.model import Facts
from filters.trace import own_id, own_ids
from gateway.transform import Trace, change, received

TIME = datetime(2026, 11, 20, 10, tzinfo=UTC)
TRACE = Trace("client.example", "192.0.2.1", "gw.example", "ESMTPSA", "REF", TIME, b"key")
ID = own_id(b"key", "gw.example", "REF").encode()
RECEIVED = (
    b"Received: from client.example ([192.0.2.1])\r\n\tby gw.example with ESMTPSA id " + ID + b";\r\n"
    b"\tFri, 20 Nov 2026 10:00:00 +0000\r\n"
)
WHOLE = b"Date: x\r\nMessage-ID: <1>\r\n"
OWN = ("gw.example",)


def sent(raw: bytes) -> tuple[bytes, tuple[str, ...]]:
    made = change(Message(raw), TRACE, OWN)
    return made.head + raw[made.keep_from :], made.modifications


def test_received_names_no_recipient_and_has_a_numeric_zone() -> None:
    assert received(TRACE) == RECEIVED


def test_our_line_is_known_again_by_its_key() -> None:
    message = Message(
        received(replace(TRACE, reference="01KAGV0000AAAAAAAAAAAAAAA1")) + b"From: ann@acme.example\r\n\r\n"
    )
    customer = Customer(id="acme", name="Acme", domains=("acme.example",))
    credential = Credential(networks=("192.0.2.1/32",))
    for key, found in ((b"key", False), (b"another", True)):
        facts = Facts(TIME, customer, credential, None, own_names=frozenset(OWN), trace_key=key)
        assert (own_ids.check(message, facts, Policy()) is not None) is found


def test_an_ipv6_peer_is_an_address_literal() -> None:
    trace = Trace("c", "2001:db8::1", "gw.example", "ESMTP", "REF", TRACE.time)
    assert b"([IPv6:2001:db8::1])" in received(trace)


def test_a_whole_message_only_gets_received() -> None:
    raw = WHOLE + b"From: a@b.example\r\n\r\n..body\r\n"
    assert sent(raw) == (RECEIVED + raw, ())


def test_missing_date_and_message_id_are_put_on_top_and_recorded() -> None:
    raw = b"From: a@b.example\r\n\r\nbody\r\n"
    added = b"Message-ID: <REF@gw.example>\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n"
    assert sent(raw) == (RECEIVED + added + raw, ("added Message-ID", "added Date"))


@pytest.mark.parametrize(
    ("line", "what"),
    [(b"Bcc: secret@b.example,\r\n more@b.example\r\n", "bcc"), (b"Return-Path: <a@b.example>\r\n", "return-path"),
     (b"Authentication-Results: gw.example; spf=pass\r\n", "authentication-results"),
     (b"Authentication-Results: GW.Example 1; spf=pass\r\n", "authentication-results"),
     (b"authentication-results:\r\n gw.example;\r\n dkim=pass\r\n", "authentication-results")],
)  # fmt: skip
def test_what_never_leaves_is_taken_out_by_its_exact_range(line: bytes, what: str) -> None:
    before, after = WHOLE + b"From: a@b.example\r\n", b"Subject: bcc: not this\r\n\r\nBcc: nor this\r\n"
    assert sent(before + line + after) == (RECEIVED + before + after, (f"removed {what}",))


def test_a_line_that_an_mbox_file_left_does_not_end_the_header_block_behind_ours() -> None:
    lines = b"From ann@acme.example Fri Nov 20 10:00:00 2026\r\n>From b@c.example Fri Nov 20 10:00:00 2026\r\n"
    rest = WHOLE + b"From: a@b.example\r\n\r\nFrom a@b.example Fri Nov 20 10:00:00 2026\r\n"
    assert sent(lines + rest) == (RECEIVED + rest, ("removed 2 mbox line",))


@pytest.mark.parametrize(
    "raw", [b"mbox line: x\r\n", b"X: a\r\nFrom a@b.example Fri Nov 20 10:00:00 2026\r\n", b"From a@b.example\r\n"]
)
def test_no_other_line_is_taken_for_one(raw: bytes) -> None:
    assert sent(raw + WHOLE + b"\r\n")[0].endswith(raw + WHOLE + b"\r\n")


@pytest.mark.parametrize(
    "value", [b"mx.customer.example; spf=pass", b"", b"notgw.example; x", b"gw.example.evil.example; x"]
)
def test_results_of_others_stay(value: bytes) -> None:
    raw = WHOLE + b"Authentication-Results: " + value + b"\r\n\r\n"
    assert sent(raw) == (RECEIVED + raw, ())


NAMES = st.sampled_from([b"Bcc", b"From", b"To", b"Return-Path", b"X-A", b"Date", b"Message-ID", b"bcC"])


@given(
    st.lists(st.tuples(NAMES, st.from_regex(rb"[ -~]{0,12}(\r\n [!-~]{1,4})?", fullmatch=True)), max_size=8),
    st.binary(max_size=30),
)
def test_everything_else_leaves_as_it_came(fields: list[tuple[bytes, bytes]], body: bytes) -> None:
    lines = [name + b":" + value + b"\r\n" for name, value in fields]
    kept = [line for (name, _), line in zip(fields, lines, strict=True) if name.lower() not in (b"bcc", b"return-path")]
    result, _ = sent(b"".join(lines) + b"\r\n" + body)
    assert result.endswith(b"".join(kept) + b"\r\n" + body)
    top = result[: len(result) - len(b"".join(kept) + b"\r\n" + body)]
    assert top.startswith(RECEIVED)
    names = {name.lower() for name, _ in fields}
    assert (b"Date:" in top) is (b"date" not in names)
    assert (b"Message-ID:" in top) is (b"message-id" not in names)
