"""Reading Received fields: what real servers write, and what anybody may."""

from datetime import UTC, datetime
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.received import is_public, is_within, read, read_date, without_comments


def test_every_clause_of_the_standard_is_read() -> None:
    value = (
        b"from mail.acme.example (mail.acme.example [192.0.2.1]) by mx.other.example (Postfix) via TCP"
        b" with ESMTPSA id 4ABC for <bob@other.example>; Fri, 20 Nov 2026 11:00:00 +0100 (CET)"
    )
    hop = read(value, 7)
    assert hop[:5] == ("mail.acme.example", "mx.other.example", "esmtpsa", "4ABC", True)
    assert (hop.time, hop.start) == (datetime(2026, 11, 20, 10, tzinfo=UTC), 7)


@pytest.mark.parametrize(
    ("value", "sender", "by", "protocol"),
    [
        (b"from a.example by b.example; x", "a.example", "b.example", ""),
        (b"FROM A.example. BY B.Example. WITH smtp; x", "a.example", "b.example", "smtp"),
        (b"by 10.1.2.3 with HTTP; x", "", "10.1.2.3", "http"),
        (b"from [IPv6:2001:db8::1] by [192.0.2.9] with SMTP", "2001:db8::1", "192.0.2.9", "smtp"),
        (b"from x by mail.acme.example:25 with ESMTP;", "x", "mail.acme.example", "esmtp"),
        (b"by 2002:a05:6a10:1::5 with SMTP id x; d", "", "2002:a05:6a10:1::5", "smtp"),
        (b"from a by b.example by c.example with X with Y;", "a", "b.example", "x"),
        (b"(by not.example) from a (by nor.example) by b.example;", "a", "b.example", ""),
        (b"from by by with;", "by", "with", ""),
        (b"from", "", "", ""),
        (b"", "", "", ""),
        (b"(((", "", "", ""),
        (b";;;", "", "", ""),
    ],
)  # fmt: skip
def test_forms_that_servers_write_and_forms_that_none_does(value: bytes, sender: str, by: str, protocol: str) -> None:
    hop = read(value)
    assert (hop.sender, hop.by, hop.protocol) == (sender, by, protocol)


@pytest.mark.parametrize(
    ("value", "entry"),
    [
        (b"from a by b with ESMTPS", False),
        (b"from a by b with ESMTP (Authenticated sender: ann)", True),
        (b"from authenticated (HELO authenticated.example) by b with ESMTP", False),
        (b"(qmail 4 invoked from network)", False),
        (b"(qmail 4 invoked by uid 89)", True),
        (b"by b (Postfix, from userid 1000) id 4", True),
        (b"by b with local-esmtp (Exim 4.98)", True),
        (b"by b with LMTP", False),
        (b"by b with Microsoft SMTP Server (TLS) id 15 via Frontend Transport", False),
        (b"by b with mapi id 15", True),
    ],
)
def test_which_hops_say_that_the_message_began_there(value: bytes, entry: bool) -> None:
    assert read(value).entry is entry


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (b"Fri, 20 Nov 2026 10:00:00 +0000", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        (b"20 Nov 26 10:00 EST", datetime(2026, 11, 20, 15, tzinfo=UTC)),
        (b"Fri, 20 Nov 2026 10:00:00 -0000", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        (b"Fri, 20 Nov 2026 10:00:00 +9999", None),
        (b"Fri, 32 Nov 2026 10:00:00 +0000", None),
        (b"Fri, 31 Dec 9999 23:00:00 -2300", None),
        (b"\xff", None),
        (b"", None),
        (b"9" * 5000, None),
    ],
)
def test_dates_are_aware_or_none(text: bytes, time: datetime | None) -> None:
    assert read_date(text) == time


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("mail.acme.example", True), ("a_b.acme.example", True), ("localhost", False), ("MAILSRV1", False),
        ("ex.acme.local", False), ("printer.lan", False), ("1.0.0.127.in-addr.arpa", False), ("192.0.2.1", False),
        ("2001:db8::1", False), ("mail..example", False), ("", False), ("a@b.example", False), ("mail.example.", False),
    ],
)  # fmt: skip
def test_which_names_are_public(host: str, public: bool) -> None:
    assert is_public(host) is public


@pytest.mark.parametrize(
    ("host", "within"),
    [("acme.example", "acme.example"), ("a.b.acme.example", "acme.example"), ("x.news.acme.example", "news.acme.example"),
     ("notacme.example", ""), ("example", ""), ("", ""), (".", "")],
)  # fmt: skip
def test_a_name_is_within_whole_labels(host: str, within: str) -> None:
    assert is_within(host, ("acme.example", "news.acme.example")) == within


WORDS = st.sampled_from(
    [b"from ", b"by ", b"with ", b"id ", b"(", b")", b"\\", b";", b'"', b"ESMTPSA", b" mail.acme.example", b"[",
     b"]", b"\0", b"\xff", b"Fri, 20 Nov 2026 10:00:00 +0000", b":", b"\r\n "]
)  # fmt: skip


@given(st.one_of(st.binary(max_size=300), st.lists(WORDS, max_size=60).map(b"".join)))
def test_nothing_raises(value: bytes) -> None:
    hop = read(value)
    assert hop.time is None or hop.time.tzinfo is not None
    assert max(len(hop.sender), len(hop.by), len(hop.protocol), len(hop.id)) <= 1000


@given(st.lists(st.sampled_from([b"(", b")", b"a", b" ", b"\\("]), max_size=80).map(b"".join))
def test_the_short_way_without_comments_is_the_long_one(text: bytes) -> None:
    kept, depth, quoted = b"", 0, False
    for octet in (text[at : at + 1] for at in range(len(text))):
        outside = not depth
        if quoted:
            quoted = False
        elif octet == b"\\":
            quoted = True
        elif octet == b"(":
            depth, outside = depth + 1, False
        elif octet == b")" and depth:
            depth, outside = depth - 1, False
        kept += octet if outside and not depth else b""
    assert without_comments(text).replace(b" ", b"") == kept.replace(b" ", b"")


@pytest.mark.parametrize(
    "piece",
    [b"(", b")", b"()", b"((a)", b"\\", b"(\\", b";", b"by ", b"from by with ", b"a", b"a.", b"[", b'"', b"(authenticated",
     b"(qmail 1", b",from userid", b"(qmail 111111111111", b" ", b"\t\0"],
)  # fmt: skip
def test_time_grows_with_length_and_no_faster(piece: bytes) -> None:
    def seconds(octets: int) -> float:
        value = piece * (octets // len(piece))
        best = []
        for _ in range(3):
            begun = process_time()
            read(value)
            best.append(process_time() - begun)
        return min(best)

    # 16 times the length: 16 times the time, and 256 times where it grew with the square.
    assert seconds(256 * 1024) < 64 * seconds(16 * 1024) + 0.005
