"""Relationships of the generic format; the outcome of each row stands among its fixtures."""

from datetime import UTC, datetime

import pytest

from consent.address import Address
from consent.imports.columns import Columns
from consent.imports.relations import RELATION_COLUMNS, Relations
from consent.imports.row import Context, Row
from consent.model import Kind, RelationshipGrade, micros

ANN = Address.parse("ann@example.com")


def _context(key: bytes = b"") -> Context:
    recorded = micros(datetime(2026, 11, 20, tzinfo=UTC))
    return Context(
        import_id="01IMPORT", list="newsletter", party="acme", recorded=recorded, actor="ann@desk", reference_key=key
    )


def _row(kind: str = "purchase", key: bytes = b"", **cells: str) -> Row:
    relations = Relations(Columns(RELATION_COLUMNS), _context(key))
    relation = relations.read(2, ANN, kind, [cells.get(name, "") for name in RELATION_COLUMNS])
    return relations.row(relation, ground="", method="import", country="", until=None)


@pytest.mark.parametrize(("text", "kind"), [(kind.value, kind) for kind in Kind] + [("Quote", Kind.QUOTE_REQUEST)])
def test_every_kind_is_read(text: str, kind: Kind) -> None:
    related = _row(text, basis_at="2025-05-01").event.related
    assert related is not None
    assert related.kind is kind


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-02-29", "2024-02-29"),
        ("1987-05-01", "1987-05-01"),
        ("2024-05-01T23:30:00-10:00", "2024-05-01"),
        ("31.12.2024", "2024-12-31"),
        ("1714557600", "2024-05-01"),
    ],
)
def test_a_day_is_the_one_that_was_written(text: str, day: str) -> None:
    related = _row(basis_at=text).event.related
    assert related is not None
    assert related.basis == day


@pytest.mark.parametrize("text", ["2023-02-29", "soon", "2024", "1899-05-01"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match='column "basis_at": not a date'):
        _row(basis_at=text)


def test_facts_that_are_not_told_are_not_known() -> None:
    related = _row(basis_at="2025-05-01").event.related
    assert related is not None
    assert (related.similar_products, related.optout_offered, related.relevant) == (None, None, None)
    told = _row(basis_at="2025-05-01", similar_products="No", optout_offered="TRUE", negotiation="1", ongoing="y")
    assert told.event.related is not None
    assert told.event.related.similar_products is False
    assert told.event.related.optout_offered is True
    assert told.event.related.negotiation
    assert told.event.related.ongoing


def test_the_same_document_is_the_same_reference_which_needs_the_key() -> None:
    one = _row(key=b"k", basis_at="2025-05-01", document_ref="INV  1").event.related
    same = _row(key=b"k", basis_at="2025-05-02", document_ref="inv 1").event.related
    other = _row(key=b"other", basis_at="2025-05-01", document_ref="INV  1").event.related
    none = _row(basis_at="2025-05-01", document_ref="INV  1")
    assert one is not None
    assert same is not None
    assert other is not None
    assert none.event.related is not None
    assert one.reference == same.reference != other.reference
    assert none.event.related.reference == ""
    assert none.event.grade == RelationshipGrade.R1
    assert none.personal == {"document_ref": "INV  1"}


def test_a_reference_that_is_a_whole_document_is_refused() -> None:
    with pytest.raises(ValueError, match="document_ref"):
        _row(basis_at="2025-05-01", document_ref="x" * 1025)
