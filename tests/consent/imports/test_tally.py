"""Tally: exact counts, in memory or not."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.imports.tally import Tally

NUMBERS = st.one_of(st.integers(-3, 3), st.integers(-(1 << 63), (1 << 63) - 1))


@given(st.lists(NUMBERS, max_size=200), st.integers(1, 40))
def test_counts_are_exact_whatever_fits_the_memory(values: list[int], buffer: int) -> None:
    tally = Tally(buffer)
    for value in values:
        tally.note(value)
    counts = Counter(values)
    assert tally.total == len(values)
    assert tally.distinct() == len(counts)
    for value in (*counts, 77):
        assert tally.count(value) == counts[value]


def test_the_temporary_file_has_no_name_and_no_life_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("tally")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    tally = Tally(10)
    for value in range(1000):
        tally.note(hash(str(value)))
    assert list(folder.iterdir()) == []
    assert tally.distinct() == 1000
