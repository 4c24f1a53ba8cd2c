"""Columns: names found once, cells taken from rows of any length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.imports.columns import Columns
from consent.imports.row import ImportRefused


def test_the_first_name_that_is_there_counts_and_its_first_place() -> None:
    columns = Columns(["email", "reason", "time", "reason"])
    assert columns.first("since", "reason", "time") == 1
    assert columns.first("since") is None
    assert columns.every("time", "reason") == [1, 2, 3]
    assert "time" in columns
    assert "since" not in columns


def test_a_needed_column_that_is_missing_refuses_the_file_and_names_it() -> None:
    with pytest.raises(ImportRefused, match='Some file: the header has no column "email" or "e-mail"'):
        Columns(["mail"]).needed("Some file", "email", "e-mail")


@pytest.mark.parametrize(
    ("cells", "taken"),
    [
        (["a", "b", "c"], ("c", "", "a")),
        (["a", "b"], ("", "", "a")),
        ([], ("", "", "")),
        (["a", "b", "c", "d"], ("c", "", "a")),
    ],
)
def test_cells_of_rows_that_are_shorter_or_longer_than_the_header(cells: list[str], taken: tuple[str, ...]) -> None:
    assert Columns(["x", "y", "z"]).picker(2, None, 0)(cells) == taken


def test_no_place_at_all_gives_no_cell() -> None:
    assert Columns(["x"]).picker()(["a"]) == ()


def test_the_first_column_that_a_row_fills() -> None:
    find = Columns(["created", "joined", "x"]).filled("confirmed", "joined", "created")
    assert find(["1", " 2 ", ""]) == ("joined", "2")
    assert find(["1", " "]) == ("created", "1")
    assert find([]) == ("joined", "")
    assert Columns(["x"]).filled("confirmed", "joined")(["1"]) == ("confirmed", "")


@given(st.lists(st.text(max_size=3), max_size=6), st.lists(st.text(max_size=3), max_size=9), st.data())
def test_every_pick_is_the_cell_or_empty(header: list[str], cells: list[str], data: st.DataObject) -> None:
    place = st.none() | st.integers(0, len(header) - 1) if header else st.none()
    places = data.draw(st.lists(place, max_size=4))
    expected = tuple(cells[place] if place is not None and place < len(cells) else "" for place in places)
    assert Columns(header).picker(*places)(cells) == expected
