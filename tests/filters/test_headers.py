"""Rules about the header block; most of their cases are text, in tests/cases/headers.txt."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.headers import LONGEST_BLOCK, ONCE
from tests.rig.cases import Case


@pytest.mark.parametrize("name", ONCE)
def test_each_single_instance_field_may_stand_once_and_not_twice(name: str) -> None:
    line = f"{name}: <ann@acme.example>\r\n".encode()
    start = b"From: ann@acme.example\r\n"
    once = Case(name, "", message=start + line + b"\r\n").verdict()
    twice = Case(name, "", message=start + line + line.upper() + b"\r\n").verdict()
    assert [finding.code for finding in once.findings] == []
    assert [finding.code for finding in twice.findings] == ["HDR-ONCE"]
    assert twice.findings[0].evidence == f"2 {name} fields"


@pytest.mark.parametrize("second", [0, 59, 60])
def test_a_leap_second_is_a_date(second: int) -> None:
    message = f"From: ann@acme.example\r\nDate: Wed, 31 Dec 2025 23:59:{second:02} +0000\r\n\r\n".encode()
    assert Case("", "", message=message).verdict().findings == ()


@pytest.mark.parametrize(
    "date", ["Wed, 31 Dec 2025 23:59:61 +0000", "Wed, 0 Dec 2025 10:00:00 +0000", "Wed, 32 Dec 2025 10:00:00 +0000",
             "Wed, 31 Dec 1899 10:00:00 +0000", "Wed, 31 Dec 2025 10:60:00 +0000", "\xff", "1", "2026-11-20"]
)  # fmt: skip
def test_what_is_no_date(date: str) -> None:
    message = b"From: ann@acme.example\r\nDate: " + date.encode("latin-1") + b"\r\n\r\n"
    assert [finding.code for finding in Case("", "", message=message).verdict().findings] == ["HDR-DATE"]


PIECES = st.sampled_from(
    [b"From: ", b"From", b"Sender: ", b"To: ", b"Subject: ", b"Date: ", b"Message-ID: ", b"\r\n", b"\r\n\r\n", b"\r\n ",
     b"\r\n\t", b"\r", b"\n", b":", b" ", b"ann@acme.example", b"<ann@acme.example>", b"<@", b'"', b"(", b")", b"\\",
     b"=?utf-8?q?", b"?=", b"=00", b"=?utf-8?b?YQ==?=", b"\0", b"\x07", b"\xff", b"x" * 998, b",", b";",
     b"From a@b.example Fri Nov 20 10:00:00 2026", b">From "]
)  # fmt: skip


@given(st.binary(max_size=200) | st.lists(PIECES, max_size=30).map(b"".join), st.booleans())
def test_for_any_octets_evaluation_ends_and_no_rule_fails(raw: bytes, smtputf8: bool) -> None:
    assert not any(finding.failed for finding in Case("", "", message=raw, smtputf8=smtputf8).verdict().findings)


CHUNKS = (
    b"(", b")", b'"', b"<", b">", b"@", b"\\", b'\\"', b"=?", b"?=", b":", b",", b"a", b" ", b"\t@", b"a@", b"<@",
    b"a@b.example,", b"<a@b.example> ", b"(a)", b"=?utf-8?q?a?= ", b"=?utf-8?q?", b"=?utf-8?b?YQ==?=", b"=?utf-7?q?+AAA?=",
    b"=?a", b"\r\n ", b"\r\n \r\n ", b"\r\n From:", b"\x01", b"\xff", b"From ",
)  # fmt: skip


@pytest.mark.parametrize("name", [b"From", b"Sender", b"To", b"Subject", b"Date", b"Message-ID", b"X-Any"])
def test_time_does_not_grow_with_the_square_of_the_size(name: bytes) -> None:
    # 200 KB take some 20 ms; where time grew with the square they would take minutes.
    for chunk in CHUNKS:
        value = chunk * (200_000 // len(chunk))
        own = b"" if name == b"From" else b"From: ann@acme.example\r\n"
        case = Case("", "", message=own + name + b": x" + value + b" <ann@acme.example>\r\n\r\nbody\r\n")
        before = time.process_time()
        case.verdict()
        assert time.process_time() - before < 2, chunk


@pytest.mark.parametrize(("octets", "codes"), [(LONGEST_BLOCK, []), (LONGEST_BLOCK + 1, ["HDR-LONG"])])
def test_a_block_that_filters_cut_off_is_observed(octets: int, codes: list[str]) -> None:
    start, line = b"From: ann@acme.example\r\n", b"X-A: " + b"x" * 93 + b"\r\n"
    rest = octets - len(start)
    header = start + line * (rest // 100 - 1) + b"X-B: " + b"x" * (rest % 100 + 93) + b"\r\n"
    assert len(header) == octets
    findings = Case("", "", message=header + b"\r\nbody\r\n").verdict().findings
    assert [finding.code for finding in findings] == codes


def test_evidence_does_not_repeat_a_field_name_that_may_be_anything() -> None:
    for value in (b"\x07", b"\xff", b"x" * 999, b"\0"):
        message = b"From: ann@acme.example\r\neve.secret@evil.example: " + value + b"\r\n\r\n"
        findings = Case("", "", message=message).verdict().findings
        assert findings
        assert not any("secret" in finding.evidence for finding in findings)
