"""Cloudflare: what must come of each row stands beside each fixture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.imports.cloudflare import FORMATS
from tests.rig.import_cases import ImportCase, check, import_cases

CASES = import_cases("cloudflare")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.path.stem)
def test_each_row_comes_to_what_is_told(case: ImportCase) -> None:
    check(case, FORMATS)


@pytest.mark.parametrize(
    "first",
    [
        ("ann@example.com",),
        ("ann@example.com", "ann"),
        ("ann@example.com", "03/04/2026"),
        ("ann@example.com", "", "bob@example.com"),
        ("email", "", "scope"),
        ("ann@example.com", "", "account", "more"),
    ],
)
def test_other_lines_are_not_taken_for_its_own(first: tuple[str, ...]) -> None:
    assert not FORMATS[0].matches(first, "")


@given(st.lists(st.text(max_size=30), max_size=5))
def test_no_cells_make_it_fail(cells: list[str]) -> None:
    assert len(list(FORMATS[0].reader((), CASES[0].context)(cells, 2))) == 1
