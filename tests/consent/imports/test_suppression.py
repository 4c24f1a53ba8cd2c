"""Generic suppressions; the rest of its cases stand among the generic format's fixtures."""

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.imports.row import Context, DomainName, Hashed, ImportRefused, Row, RowError
from consent.imports.suppression import FORMATS
from consent.model import ALL, State, micros

CONTEXT = Context(
    import_id="01IMPORT",
    list="newsletter",
    party="acme",
    recorded=micros(datetime(2026, 11, 20, tzinfo=UTC)),
    actor="ann@desk",
)
HEADER = ("email", "sha256", "sha1", "md5", "domain", "reason", "scope", "since")
(FORMAT,) = FORMATS


def _one(*cells: str, header: tuple[str, ...] = HEADER) -> Row | RowError:
    (outcome,) = FORMAT.reader(header, CONTEXT)(cells, 2)
    return outcome


def test_scope_customer_covers_every_party_of_the_customer() -> None:
    row = _one("ann@example.com", "", "", "", "", "manual", "customer", "")
    assert isinstance(row, Row)
    assert (row.event.party, row.event.list) == (ALL, ALL)


@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "md5"])
def test_a_hash_is_a_subject_in_lower_case(algorithm: str) -> None:
    digest = hashlib.new(algorithm, b"ann@example.com").hexdigest()
    row = _one(digest.upper(), "unsubscribe", header=(algorithm, "reason"))
    assert isinstance(row, Row)
    assert row.subject == Hashed(algorithm, digest)  # type: ignore[arg-type]
    assert row.event.state is State.WITHDRAWN


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("example.com", "example.com"),
        ("@Example.com.", "example.com"),
        ("*@example.com", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_domain_is_a_subject_in_a_labels(text: str, name: str) -> None:
    row = _one(text, "manual", header=("domain", "reason"))
    assert isinstance(row, Row)
    assert row.subject == DomainName(name)


@pytest.mark.parametrize(
    ("header", "matches"),
    [
        (("email", "reason"), True),
        (("email", "scope", "since"), True),
        (("sha256",), True),
        (("domain", "reason", "since", "comment"), True),
        (("email",), False),
        (("domain",), False),
        (("email", "name"), False),
        (("email", "reason", "comment"), False),
    ],
)
def test_it_is_recognised_by_its_header_only_when_that_is_no_doubt(header: tuple[str, ...], matches: bool) -> None:
    assert FORMAT.matches(header, "") is matches


def test_a_file_in_which_nobody_is_named_or_a_column_stands_twice_is_refused() -> None:
    with pytest.raises(ImportRefused, match="no column"):
        FORMAT.reader(("name", "reason"), CONTEXT)
    with pytest.raises(ImportRefused, match="stands twice"):
        FORMAT.reader(("email", "reason", "reason"), CONTEXT)


@given(st.lists(st.text(max_size=12), max_size=10))
def test_no_cells_make_it_fail(cells: list[str]) -> None:
    outcomes = FORMAT.reader(HEADER, CONTEXT)(cells, 2)
    assert outcomes
    assert all(each.line == 2 for each in outcomes)


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_reason_or_date_loses_a_suppression(reason: str, since: str) -> None:
    row = _one("ann@example.com", reason, since, header=("email", "reason", "since"))
    assert isinstance(row, Row)
    assert row.event.state in (State.WITHDRAWN, State.SUPPRESSED)
    assert row.event.at is None or row.event.at <= CONTEXT.recorded
