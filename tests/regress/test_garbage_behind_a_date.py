"""Whatever stood behind the date of a relationship was passed over: 2024-02-2955 was read as 29 February."""

from datetime import UTC

import pytest

from consent.imports.generic import FORMATS
from consent.imports.row import Context, Row, RowError
from tests.rig.consents import AT

CONTEXT = Context("i", "newsletter", "acme", AT, "ann@desk", UTC, "UTC")


def _read(basis: str) -> Row | RowError:
    (found,) = FORMATS[0].reader(("email", "relationship_type", "basis_at"), CONTEXT)(
        ("bob@b.example", "purchase", basis), 2
    )
    return found


@pytest.mark.parametrize("basis", ["2024-02-2955", "2024-02-28 or so", "2024-02-28/29", "2024-02-28T"])
def test_a_date_with_garbage_behind_it_is_none(basis: str) -> None:
    found = _read(basis)
    assert isinstance(found, RowError) and "basis_at" in found.reason


@pytest.mark.parametrize(
    "basis",
    ["2024-02-28", "2024-02-28 23:30", "2024-02-28T23:30:00.123-10:00", "2024-02-28 00:30:00 +0200", "28 Feb 2024"],
)
def test_the_day_is_the_one_that_is_written(basis: str) -> None:
    found = _read(basis)
    assert isinstance(found, Row) and found.event.related is not None
    assert found.event.related.basis == "2024-02-28"
