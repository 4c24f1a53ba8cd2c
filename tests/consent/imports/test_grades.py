"""Grades: by the evidence that is present (R-084, R-245)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.imports.grades import banned, confirmation, document_reference, grade, ip_evidence, relationship_grade
from consent.model import Grade, RelationshipGrade

FULL: dict[str, Any] = {"at": 1, "source": "form", "ip": "192.0.2.1", "user_agent": "UA", "notice": "n1"}


@pytest.mark.parametrize(
    ("missing", "reached"),
    [
        ((), Grade.E2),
        (("ip",), Grade.E2),
        (("user_agent",), Grade.E2),
        (("ip", "user_agent"), Grade.E1),
        (("notice",), Grade.E1),
        (("source",), Grade.E0),
        (("at",), Grade.E0),
    ],
)
def test_a_grade_is_what_the_evidence_reaches(missing: tuple[str, ...], reached: Grade) -> None:
    told = FULL | {name: None if name == "at" else "" for name in missing}
    assert grade(**told) == reached


def test_a_confirmation_log_reaches_e3_with_time_and_source_only() -> None:
    assert grade(**FULL, confirmed=True) == Grade.E3
    assert grade(at=1, source="form", confirmed=True) == Grade.E3
    assert grade(at=None, source="form", confirmed=True) == Grade.E0
    assert grade(at=1, confirmed=True) == Grade.E0


@given(
    st.builds(
        dict, at=st.none() | st.integers(), source=st.text(), ip=st.text(), notice=st.text(), confirmed=st.booleans()
    )
)
def test_no_import_reaches_more_than_its_best_nor_more_by_less_evidence(told: dict[str, Any]) -> None:
    assert grade(**told) <= Grade.E3
    for best in Grade:
        assert grade(**told, best=best) <= best
    assert grade(**(told | {"source": ""})) <= grade(**told)
    assert grade(**(told | {"notice": ""})) <= grade(**told)


@pytest.mark.parametrize(
    ("told", "is_one"),
    [
        ((1, 2, "192.0.2.1", "192.0.2.2"), True),
        ((1, 1, "192.0.2.1", "192.0.2.2"), False),
        ((2, 1, "192.0.2.1", "192.0.2.2"), False),
        ((1, 2, "", "192.0.2.2"), False),
        ((1, 2, "192.0.2.1", ""), False),
        ((None, 2, "192.0.2.1", "192.0.2.2"), False),
        ((1, None, "192.0.2.1", "192.0.2.2"), False),
    ],
)
def test_a_confirmation_needs_both_times_in_order_and_both_addresses(told: Any, is_one: bool) -> None:
    assert confirmation(*told) is is_one


@pytest.mark.parametrize(
    ("basis", "reference", "reached"),
    [
        ("", "INV-1", RelationshipGrade.R0),
        ("2024-05-01", "", RelationshipGrade.R0),
        ("2024-05-01", "INV-1", RelationshipGrade.R1),
        ("2024-05-01", "a" * 64, RelationshipGrade.R2),
        ("2024-05-01", "sha256:" + "A" * 64, RelationshipGrade.R2),
        ("2024-05-01", "a" * 63, RelationshipGrade.R1),
        ("2024-05-01", "<a@example.com> <b@example.net>", RelationshipGrade.R2),
        ("2024-05-01", "<a@example.com> <a@example.com>", RelationshipGrade.R1),
        ("2024-05-01", "<a@example.com>", RelationshipGrade.R1),
    ],
)
def test_a_relationship_grade_is_what_the_evidence_reaches(
    basis: str, reference: str, reached: RelationshipGrade
) -> None:
    assert relationship_grade(basis, reference) == reached


@pytest.mark.parametrize(
    "source",
    ["purchased", "Rented", "APPENDED", "scraped", "list_broker", "List-Broker", "purchased list, May", "list broker: X",
     "e-append", "bought", "harvested", "data broker"],
)  # fmt: skip
def test_bought_and_collected_addresses_are_told_by_their_source(source: str) -> None:
    assert banned(source)


@pytest.mark.parametrize(
    "source",
    ["", "signup", "purchase", "purchasedone", "https://acme.example/purchased", "brokerage form", "rental desk"],
)
def test_other_sources_are_none_of_that(source: str) -> None:
    assert not banned(source)


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        (" 192.0.2.1 ", "192.0.2.1"),
        ("203.0.113.255", "203.0.113.255"),
        ("172.15.0.1", "172.15.0.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("0.0.0.0", ""),
        ("127.0.0.1", ""),
        ("10.1.2.3", ""),
        ("172.16.0.1", ""),
        ("172.31.255.255", ""),
        ("192.168.1.1", ""),
        ("169.254.1.1", ""),
        ("224.0.0.1", ""),
        ("255.255.255.255", ""),
        ("256.1.1.1", ""),
        ("192.0.2.1:80", ""),
        ("192.0.2", ""),
        ("01.2.3.4", ""),
        ("1.2.3.4.5", ""),
        ("::", ""),
        ("::1", ""),
        ("fe80::1", ""),
        ("fe80::1%eth0", ""),
        ("2001:db8::1%eth0", ""),
        ("fd00::1", ""),
        ("ff02::1", ""),
        ("::ffff:10.0.0.1", ""),
        ("unknown", ""),
        ("n/a: none", ""),
    ],
)
def test_an_address_is_evidence_when_it_is_somebodys(text: str, evidence: str) -> None:
    assert ip_evidence(text) == evidence


@given(st.text(max_size=50))
def test_any_text_is_an_address_or_none(text: str) -> None:
    assert ip_evidence(ip_evidence(text)) == ip_evidence(text)


def test_a_document_reference_is_of_no_use_without_the_key() -> None:
    assert document_reference(b"key", "INV-1") == document_reference(b"key", " inv-1 ")
    assert len(document_reference(b"key", "INV-1")) == 32
    assert document_reference(b"key", "INV-1") != document_reference(b"other", "INV-1")
    assert document_reference(b"", "INV-1") == document_reference(b"key", " ") == ""
    assert document_reference(b"k" * 99, "\ud800")
