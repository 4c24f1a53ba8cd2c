"""Of a name that stood twice in a JSON object the last was taken: the first status, or address, was lost unseen."""

from pathlib import Path

import pytest

from consent.imports.row import ImportRefused, RowError
from consent.imports.table import open_table

TWICE = '{"email": "ann@a.example", "event_state": "withdrawn", "event_state": "given"}'
ONCE = '{"email": "bob@b.example", "event_state": "withdrawn"}'


def test_it_is_the_error_of_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(f"{ONCE}\n{TWICE}\n{ONCE}\n")
    found = [cells for cells, _ in open_table(path).rows()]
    assert [isinstance(cells, RowError) for cells in found] == [False, True, False]


def test_it_refuses_a_list(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(f"[{ONCE}, {TWICE}]")
    with pytest.raises(ImportRefused, match="stands twice"):
        open_table(path)
