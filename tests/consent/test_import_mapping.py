"""Import mapping: what each column of a file became."""

from datetime import UTC
from pathlib import Path

from consent.import_blocks import Plan, Source
from consent.import_mapping import SAMPLE, mapping
from consent.imports.records import Record
from consent.imports.row import Context, ReadRow, Row, RowError
from consent.model import micros
from tests.rig import registry
from tests.rig.imports import given, related, write

CONTEXT = Context("i", "newsletter", "acme", micros(registry.NOW), "ann@desk", UTC, "UTC", reference_key=bytes(32))


def mapped(path: Path, filename: str = "x.csv") -> dict[str, str]:
    return Source.open(Plan(path, filename, "auto", CONTEXT)).mapping()


def test_columns_are_named_by_what_is_missing_without_them(tmp_path: Path) -> None:
    found = mapped(write(tmp_path, [given(1), given(2), related(3)]))
    assert found["email"] == "address"
    assert found["ip"] == "ip"
    assert found["source_ref"] == "source"
    assert found["notice_id"] == "notice"
    assert "relationship" in found["basis_at"] or "required" in found["basis_at"]


def test_columns_that_shape_nothing_stand_there_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("email,event_state,event_time,shoe_size\nann@list.example,given,2025-01-02T03:04:05Z,42\n")
    found = mapped(path)
    assert found["shoe_size"] == ""
    assert list(found) == ["email", "event_state", "event_time", "shoe_size"]


def test_a_file_without_a_header_has_its_columns_by_number(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("ann@list.example,BOUNCE\nbob@list.example,COMPLAINT\n")
    assert mapped(path)["column 1"] == "address"


def test_rows_that_cannot_be_read_tell_nothing() -> None:
    def read(cells: object, line: int) -> list[Row | RowError]:
        return [RowError(line, "no")]

    reader: ReadRow = read
    rows: list[Record] = [(RowError(2, "broken"), 2), (["a", "b"], 3)]
    assert mapping(["one", "two"], rows, reader) == {"one": "", "two": ""}


def test_only_the_first_rows_are_tried() -> None:
    asked: list[int] = []

    def read(cells: object, line: int) -> list[Row | RowError]:
        asked.append(line)
        return []

    rows: list[Record] = [(["x"], line) for line in range(2, 10_000)]
    mapping(["one"], rows, read)
    assert max(asked) == SAMPLE + 1
