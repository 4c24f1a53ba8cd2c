"""Objects: the rows of JSON files, one by one."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.imports.objects import MAX_OBJECT, looks_like_json, objects
from consent.imports.row import ImportRefused, RowError


def _read(text: str) -> list[tuple[Any, int]]:
    return [
        ("error" if isinstance(each, RowError) else each, line) for each, line in objects(io.StringIO(text, newline=""))
    ]


def test_objects_stand_one_per_line_in_a_list_or_in_a_document() -> None:
    one, two = {"email": "a@example.com"}, {"email": "b@example.com"}
    rows = [json.dumps(one), json.dumps(two)]
    assert _read("\n".join(rows)) == [(one, 1), (two, 2)]
    assert _read("[\n" + ",\n".join(rows) + "\n]") == [(one, 2), (two, 3)]
    assert _read('{"total": 2, "data":\n{"next": null, "rows": [' + ",".join(rows) + '], "more": [1]}}') == [
        (one, 2),
        (two, 2),
    ]


def test_several_documents_are_the_pages_of_one_answer() -> None:
    page = '{"rows": [{"email": "a@example.com"}], "next": "x"}\n'
    assert _read(page * 3) == [({"email": "a@example.com"}, line) for line in (1, 2, 3)]


def test_an_object_with_an_address_is_a_row_though_it_holds_a_list_of_objects() -> None:
    row = {"email": "a@example.com", "tags": [{"id": "1"}]}
    assert _read(json.dumps(row) + "\n" + json.dumps(row)) == [(row, 1), (row, 2)]


def test_numbers_are_texts_and_fractions_are_written_out() -> None:
    ((row, _),) = _read('{"email": "@", "a": 1443651154, "b": 1.586552585077E9, "c": 1e400, "d": NaN, "e": -0.5}')
    assert row == {
        "email": "@",
        "a": "1443651154",
        "b": "1586552585.077000",
        "c": "1e400",
        "d": "NaN",
        "e": "-0.500000",
    }


def test_a_broken_line_among_good_ones_is_its_own_error() -> None:
    text = '{"email": "a@example.com"}\n{"email": \n\n{"email": "b@example.com"}\nrubbish'
    assert _read(text) == [({"email": "a@example.com"}, 1), ("error", 2), ({"email": "b@example.com"}, 4), ("error", 5)]


@pytest.mark.parametrize(
    "text",
    [
        '{"rows": [{"email": "a@example.com"}',
        '{"rows": [{"email": "a@example.com"},]}',
        '{"rows" [',
        "[{]",
        "rubbish",
        '{"rows": [{"email": "' + "x" * MAX_OBJECT + '"}]}',
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"a": [' * 1000,
        '[{"n": ' + "1" * 200_000 + "}]",
    ],
)
def test_what_is_no_json_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(ImportRefused, match="not valid JSON on line 1"):
        _read(text)


def test_objects_are_whole_wherever_the_pieces_of_reading_end() -> None:
    rows = [{"email": f"person{n}@example.com", "note": "é" * (n % 97)} for n in range(4000)]
    text = json.dumps({"rows": rows}, indent=1, ensure_ascii=False)
    found = _read(text)
    assert [row for row, _ in found] == rows
    lines = text.split("\n")
    assert all(lines[line - 1].strip() == "{" for _, line in found)


@pytest.mark.parametrize(
    ("text", "json_"),
    [
        ('{"a": 1}', True),
        (' \n[ {"a"', True),
        ("\ufeff{}", True),
        ("[]", True),
        ("{name},{email}", False),
        ("[email],name", False),
        ("email,name", False),
        ("", False),
    ],
)
def test_json_is_known_by_its_start(text: str, json_: bool) -> None:
    assert looks_like_json(text) is json_


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(st.dictionaries(st.text(max_size=3), JSON, max_size=3), max_size=5), st.booleans())
def test_any_json_is_read(values: list[Any], as_list: bool) -> None:
    text = json.dumps(values) if as_list else "\n".join(map(json.dumps, values))
    found = _read(text)
    assert "error" not in [row for row, _ in found]
    if as_list:
        assert len(found) == len(values)


@given(st.text(alphabet='{}[]",:@a1.e \n\\', max_size=80))
def test_any_text_is_rows_or_refused(text: str) -> None:
    try:
        found = _read(text)
    except ImportRefused as refused:
        assert str(refused)
    else:
        assert [line for _, line in found] == sorted(line for _, line in found)
