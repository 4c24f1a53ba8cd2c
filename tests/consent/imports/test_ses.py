"""Amazon SES: what must come of each row stands beside each fixture."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.imports.row import RowError
from consent.imports.ses import FORMATS
from tests.rig.import_cases import ImportCase, check, import_cases

CONTACTS = ("emailaddress", "unsubscribeall", "topicpreferences", "topicpreferences.news", "topicpreferences.offers")
CASES = import_cases("ses")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.path.stem)
def test_each_row_comes_to_what_is_told(case: ImportCase) -> None:
    check(case, FORMATS)


def test_with_scope_all_an_opt_out_of_any_topic_is_from_everything() -> None:
    context = replace(CASES[0].context, scope_all=True)
    read = FORMATS[0].reader(CONTACTS, context)
    (outcome,) = read(["ann@example.com", "false", "", "OPT_IN", "OPT_OUT"], 2)
    assert not isinstance(outcome, RowError)
    assert outcome.event.list == "*"


@given(st.lists(st.one_of(st.text(max_size=30), st.just("ann@example.com"), st.just("[" * 20_000)), max_size=7))
def test_no_cells_make_it_fail(cells: list[str]) -> None:
    for format_, header in zip(FORMATS, (CONTACTS, ("emailaddress", "reason"), ("a@b.example", "bounce")), strict=True):
        assert list(format_.reader(header, CASES[0].context)(cells, 2))
