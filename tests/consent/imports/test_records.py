"""Records: what a row is, on which line it starts, and what a stray quotation mark may cost."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consent.imports.records import MAX_COLUMNS, MAX_LINE, MAX_ROW_LINES, records
from consent.imports.row import ImportRefused, RowError


def _read(text: str, width: int = 2, *, loose: bool = False, delimiter: str = ",") -> list[tuple[object, int]]:
    return [
        ("error" if isinstance(cells, RowError) else cells, line)
        for cells, line in records(io.StringIO(text, newline=""), delimiter, width, loose=loose)
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_start_on_the_line_that_is_told_whatever_ends_lines(end: str) -> None:
    text = end.join(["a,b", "", '"c', 'd",e', '"f', "", 'g",h', "i,j"])
    assert _read(text) == [(["a", "b"], 1), ([f"c{end}d", "e"], 3), ([f"f{end}{end}g", "h"], 5), (["i", "j"], 8)]


def test_cells_have_their_blanks_before_quotes_and_their_doubled_quotes_read() -> None:
    assert _read('a, "b, ""c"""\n') == [(["a", 'b, "c"'], 1)]


def test_rows_have_the_width_of_the_header() -> None:
    text = "a\na,b,,\na,b,c\n,,,\n,\n"
    assert _read(text) == [(["a", ""], 1), (["a", "b"], 2), ("error", 3)]
    assert _read(text, loose=True) == [(["a", ""], 1), (["a", "b", "", ""], 2), (["a", "b", "c"], 3)]


def test_a_quotation_mark_that_is_never_closed_costs_its_own_line_only() -> None:
    rows = [f"a{n},b" for n in range(5000)]
    rows[10] = 'a10,"b'
    found = _read("\n".join(rows) + "\n")
    assert found[10] == ("error", 11)
    assert [line for _, line in found] == list(range(1, 5001))
    assert sum(cells == "error" for cells, _ in found) == 1


def test_two_stray_quotation_marks_do_not_make_two_rows_one() -> None:
    assert _read('a,"b\nc,"d"\ne,f\n') == [("error", 1), (["c", "d"], 2), (["e", "f"], 3)]
    assert _read('a,"b\nc,d"\ne,f,"\ng,h\n', 3)[-1] == (["g", "h", ""], 4)


def test_the_last_row_needs_no_line_end_but_its_quotation_marks() -> None:
    assert _read("a,b\nc,d") == [(["a", "b"], 1), (["c", "d"], 2)]
    assert _read('a,b\nc,"d') == [(["a", "b"], 1), ("error", 2)]


def test_a_line_that_is_too_long_is_an_error_and_the_next_row_is_read() -> None:
    long = "x" * (3 * MAX_LINE)
    assert _read(f"a,b\n{long},c\nd,e\n") == [(["a", "b"], 1), ("error", 2), (["d", "e"], 3)]
    assert _read(f'a,b\n"c\nd\n{long}\ne,f\n') == [
        (["a", "b"], 1),
        ("error", 2),
        (["d", ""], 3),
        ("error", 4),
        (["e", "f"], 5),
    ]
    assert _read(f"a,b\n{long}") == [(["a", "b"], 1), ("error", 2)]


def test_a_row_of_too_many_lines_is_an_error_and_its_lines_are_read() -> None:
    found = _read('"a\n' + "b,c\n" * (2 * MAX_ROW_LINES))
    assert found[0] == ("error", 1)
    assert found[1:] == [(["b", "c"], line) for line in range(2, 2 * MAX_ROW_LINES + 2)]


def test_a_row_of_many_lines_is_a_row() -> None:
    text = '"' + "x\n" * (MAX_ROW_LINES - 2) + '",b\nc,d\n'
    assert _read(text)[1:] == [(["c", "d"], MAX_ROW_LINES)]
    assert _read(text)[0][0] != "error"


def test_a_row_of_too_many_columns_is_an_error() -> None:
    assert _read("," * MAX_COLUMNS + "x\n", -1) == [("error", 1)]
    assert _read("," * MAX_COLUMNS + "x\n", 2, loose=True) == [("error", 1)]


def test_quotation_marks_that_mismatch_everywhere_end_the_reading() -> None:
    with pytest.raises(ImportRefused, match="quotation marks"):
        _read('a","\n' * 20_000)


class _Counting(io.StringIO):
    read_lines = 0

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        line = super().readline(-1 if size is None else size)
        self.read_lines += bool(line)
        return line


@given(st.lists(st.sampled_from(['a","', '"', "a,b", '"a"', '","', 'x,"y', '""', "", 'a"b', '"a" b']), max_size=300))
@example(['"'] * 300)
def test_every_line_is_read_once_and_told_in_order(lines: list[str]) -> None:
    stream = _Counting("\n".join(lines), newline="")
    told = [line for _, line in records(stream, ",", 2)]
    assert told == sorted(set(told))
    assert all(1 <= line <= len(lines) for line in told)
    assert stream.read_lines <= len(lines)


@given(st.text(alphabet='ab,;"\r\n \t\0é', max_size=200), st.sampled_from(",;\t"), st.integers(1, 4))
def test_any_text_is_rows_of_the_width(text: str, delimiter: str, width: int) -> None:
    for cells, _ in records(io.StringIO(text, newline=""), delimiter, width):
        assert isinstance(cells, RowError) or len(cells) == width


@given(
    st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=2), max_size=20), st.sampled_from(["\n", "\r\n", "\r"])
)
def test_what_a_writer_writes_is_read_back(rows: list[list[str]], end: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    found = [cells for cells, _ in records(io.StringIO(text.getvalue(), newline=""), ",", 2)]
    assert found == [row for row in rows if any(row)]
