"""Rules about the header block; most of their cases are text, in tests/cases/headers.txt."""

import pytest

from filters.headers import ONCE
from tests.rig.cases import Case


@pytest.mark.parametrize("name", ONCE)
def test_each_single_instance_field_may_stand_once_and_not_twice(name: str) -> None:
    line = f"{name}: ann@acme.example\r\n".encode()
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
