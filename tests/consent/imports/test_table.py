"""Tables: any file as a header and rows, whatever its encoding, delimiter, line ends and packing."""

import csv
import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.imports.formats import detect
from consent.imports.row import ImportRefused, RowError
from consent.imports.table import Table, open_table, open_tables
from tests.rig.import_cases import import_cases

CONTEXT = import_cases("generic")[0].context


def _file(folder: Path, octets: bytes) -> Path:
    path = folder / "upload"
    path.write_bytes(octets)
    return path


def _rows(table: Table, *, headerless: bool = False) -> list[tuple[object, int]]:
    return [
        ("error" if isinstance(cells, RowError) else cells, line) for cells, line in table.rows(headerless=headerless)
    ]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_same_rows_are_read_in_every_dialect(tmp_path: Path, codec: str, delimiter: str, end: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(
        [
            [" Email ", "Name", "Name"],
            ["ann@example.com", "Jörg, Müller; Köln", f"two{end}lines"],
            ["bob@example.com", "x", ""],
        ]
    )
    table = open_table(_file(tmp_path, text.getvalue().encode(codec)), "x.csv")
    assert (table.header, table.columns) == (("Email", "Name", "Name"), ("email", "name", "name"))
    assert (table.delimiter, table.line, table.name) == (delimiter, 1, "x.csv")
    expected = [(["ann@example.com", "Jörg, Müller; Köln", f"two{end}lines"], 2), (["bob@example.com", "x", ""], 4)]
    assert _rows(table) == _rows(table) == expected


def test_the_last_row_of_a_long_file_decides_how_the_first_is_read(tmp_path: Path) -> None:
    rows = [f"person{n}@example.com;Ann" for n in range(20_000)]
    octets = ("email;name\nann@example.com;J\n" + "\n".join(rows)).encode() + "\nbob@example.com;Jörg\n".encode(
        "cp1252"
    )
    table = open_table(_file(tmp_path, octets))
    assert table.encoding.title == "Windows-1252"
    assert _rows(table)[-1] == (["bob@example.com", "Jörg"], 20_003)


def test_a_name_with_a_broken_character_is_kept_and_an_address_with_one_is_not(tmp_path: Path) -> None:
    octets = "email,name\nann@example.com,Åsa Öst Müller\n".encode() + b"bob@example.com,J\xc3\nc\xc3d@example.com,D\n"
    assert [cells for cells, _ in _rows(open_table(_file(tmp_path, octets)))][1:] == [
        ["bob@example.com", "J\ufffd"],
        "error",
    ]


def test_a_row_with_nul_is_an_error_and_a_header_with_it_refuses_the_file(tmp_path: Path) -> None:
    table = open_table(_file(tmp_path, b"email,name\na@example.com,x\0y\nb@example.com,z\n"))
    assert _rows(table) == [("error", 2), (["b@example.com", "z"], 3)]
    with pytest.raises(ImportRefused, match="no text"):
        open_table(_file(tmp_path, b"em\0ail,name\n"))


def test_a_line_that_names_the_delimiter_is_no_header(tmp_path: Path) -> None:
    table = open_table(_file(tmp_path, b'\xef\xbb\xbf"sep=;"\r\nemail;name\r\na@example.com;b,c,d\r\n'))
    assert (table.header, table.line) == (("email", "name"), 2)
    assert _rows(table) == [(["a@example.com", "b,c,d"], 3)]


def test_blank_lines_before_the_header_are_passed_over_and_counted(tmp_path: Path) -> None:
    table = open_table(_file(tmp_path, b"\n,,\n\nemail,name\na@example.com,b\n"))
    assert (table.header, table.line) == (("email", "name"), 4)
    assert _rows(table) == [(["a@example.com", "b"], 5)]


def test_without_a_header_the_first_row_is_one_like_the_others(tmp_path: Path) -> None:
    table = open_table(_file(tmp_path, b"a@example.com,BOUNCE\nb@example.com,BOUNCE,more\nc@example.com\n"))
    assert _rows(table, headerless=True) == [
        (["a@example.com", "BOUNCE"], 1),
        (["b@example.com", "BOUNCE", "more"], 2),
        (["c@example.com", ""], 3),
    ]


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("email\nann@example.com\n", ","),
        ("email\nann;bob\n", ","),
        ("email;name, first\na;b, c\n", ";"),
        ("email,tags\na,x;y;z\n", ","),
        ('email,tags\n"a;b","x;y;z"\n', ","),
        ('"email;x"\t"name"\na\tb\n', "\t"),
        ("a;b;c\n" + "1;2;3,4\n" * 50, ";"),
        ("a,b\n", ","),
    ],
)
def test_the_delimiter_is_the_one_that_makes_rows_alike(tmp_path: Path, text: str, delimiter: str) -> None:
    assert open_table(_file(tmp_path, text.encode())).delimiter == delimiter


def test_a_header_past_the_bounds_refuses_the_file(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="columns"):
        open_table(_file(tmp_path, b"a" + b",a" * 1000 + b"\n"))
    with pytest.raises(ImportRefused, match="longer than"):
        open_table(_file(tmp_path, b"a" * 70_000 + b",b\n"))


def test_json_is_a_table_whose_header_are_the_names_of_all_objects(tmp_path: Path) -> None:
    objects = [{"email": "a@example.com", "ok": True}, {"email": "b@example.com", "n": 1.5, "tags": ["x", {"y": None}]}]
    table = open_table(_file(tmp_path, json.dumps(objects).encode("utf-16")))
    assert (table.header, table.delimiter) == (("email", "ok", "n", "tags"), "")
    assert [cells for cells, _ in _rows(table)] == [
        ["a@example.com", "true", "", ""],
        ["b@example.com", "", "1.500000", '["x",{"y":null}]'],
    ]


def test_a_json_text_that_could_not_be_stored_is_an_error(tmp_path: Path) -> None:
    octets = (
        b'{"email":"a\\ud800@example.com"}\n{"email":"b\\u0000@example.com"}\n{"email":"\\ud83d\\ude00@example.com"}\n'
    )
    assert _rows(open_table(_file(tmp_path, octets))) == [("error", 1), ("error", 2), (["😀@example.com"], 3)]


def test_json_without_rows_or_broken_at_the_end_is_refused_before_anything_is_taken(tmp_path: Path) -> None:
    for octets, why in (
        (b"[]", "no list"),
        (b'{"rows": []}', "no list"),
        (b'[{"email": "a@b"}, {"em', "not valid JSON"),
    ):
        with pytest.raises(ImportRefused, match=why):
            open_tables(_file(tmp_path, octets))


def test_a_zip_is_as_many_tables_as_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("subscribed_1.csv", "Email Address,MEMBER_RATING\nann@example.com,2\n")
        archive.writestr("cleaned_1.csv", "Email Address;MEMBER_RATING\rbob@example.com;2\r".encode("utf-16"))
    tables = open_tables(path, "export.zip")
    assert [(table.name, table.delimiter) for table in tables] == [("subscribed_1.csv", ","), ("cleaned_1.csv", ";")]
    assert [_rows(table) for table in tables] == [[(["ann@example.com", "2"], 2)], [(["bob@example.com", "2"], 2)]]
    with pytest.raises(ImportRefused, match="several tables"):
        open_table(path)


@pytest.mark.parametrize("packed", [False, True])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, packed: bool) -> None:
    def peak(rows: int) -> int:
        text = "email,name\n" + "".join(f'person{n}@example.com,"multi\nline"\n' for n in range(rows))
        path = tmp_path / "file"
        if packed:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("a.csv", text)
        else:
            path.write_text(text)
        del text
        tracemalloc.start()
        count = sum(1 for _ in open_table(path).rows())
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == rows
        return found

    assert peak(60_000) < peak(15_000) + (1 << 20)


OCTETS = st.one_of(
    st.binary(max_size=300),
    st.text(alphabet='email,;\t"\r\n{}[]:@é. ', max_size=200).map(lambda text: text.encode()),
    st.lists(
        st.sampled_from(
            [
                "email",
                "reason",
                "since",
                "event_state",
                "given",
                "BOUNCE",
                "ann@example.com",
                ",",
                ";",
                '"',
                "\n",
                "\r\n",
                "\0",
            ]
        ),
        max_size=60,
    ).map(lambda parts: "".join(parts).encode()),
)


@given(OCTETS, st.sampled_from(["utf-8", "utf-16", "zip"]))
@settings(max_examples=300)
def test_any_octets_are_rows_of_a_known_format_or_refused(
    tmp_path_factory: pytest.TempPathFactory, octets: bytes, dress: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    if dress == "utf-16":
        octets = octets.decode("utf-8", "replace").encode("utf-16")
    path.write_bytes(octets)
    if dress == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.csv", octets)
    try:
        for table in open_tables(path, "a.csv"):
            found = detect(table.header, table.name)
            read = found.reader(table.columns, CONTEXT)
            for cells, line in table.rows(headerless=found.headerless):
                assert line >= 1
                if not isinstance(cells, RowError):
                    assert all(outcome.line == line for outcome in read(cells, line))
    except ImportRefused as refused:
        assert str(refused)
