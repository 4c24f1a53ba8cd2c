"""A JSON file in which a name held half of a surrogate pair made its import fall over."""

from pathlib import Path

import pytest

from consent.imports.row import ImportRefused
from consent.imports.table import open_table


@pytest.mark.parametrize("name", ["\\ud800", "a\\u0000"])
def test_a_name_that_is_no_text_refuses_the_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.json"
    path.write_text('[{"email": "ann@a.example", "event_state": "withdrawn", "' + name + '": 1}]')
    with pytest.raises(ImportRefused, match="characters that are none"):
        open_table(path)
