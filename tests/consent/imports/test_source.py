"""Sources: plain files and the members of a ZIP; everything that is no table is refused with the fix."""

import io
import os
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.imports import source
from consent.imports.row import ImportRefused
from consent.imports.source import sources

CSV = b"email\r\nann@example.com\r\n"


def _zip(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return octets.getvalue()


def _file(folder: Path, octets: bytes) -> Path:
    path = folder / "upload"
    path.write_bytes(octets)
    return path


def test_a_plain_file_is_one_source_with_the_last_part_of_its_name(tmp_path: Path) -> None:
    (found,) = sources(_file(tmp_path, CSV), "C:\\exports\\members.csv")
    assert (found.name, found.size) == ("members.csv", len(CSV))
    assert b"".join(found.chunks()) == CSV
    assert found.head(5) == b"email"


def test_the_tables_of_a_zip_are_sources_in_its_order_and_as_often_as_wanted(tmp_path: Path) -> None:
    octets = _zip(
        ("export/subscribed.csv", CSV),
        ("__MACOSX/export/._subscribed.csv", b"\x00\x05"),
        ("export/.hidden.csv", CSV),
        ("export/readme.pdf", b"%PDF-1.7"),
        ("export/empty.csv", b""),
        ("export/cleaned.csv", CSV * 2),
    )
    found = sources(_file(tmp_path, octets), "export.zip")
    assert [(each.name, each.size) for each in found] == [("subscribed.csv", len(CSV)), ("cleaned.csv", 2 * len(CSV))]
    for _ in range(2):
        assert b"".join(found[1].chunks()) == CSV * 2


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\r\n", "empty"),
        (b"\xff\xfe", "empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "Excel"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"%PDF-1.7", "PDF"),
        (b"\xff\xfe\x00\x00e\x00\x00\x00", "UTF-32"),
        (b"\r\n<!DOCTYPE html><html>", "web page"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>", "web page"),
        (_zip(("xl/workbook.xml", b"<x/>"), ("a.csv", CSV)), "workbook"),
        (_zip(("readme.md", b"x")), "holds no"),
        (_zip(("a.csv", _zip(("b.csv", CSV)))), "another ZIP"),
        (_zip(("a.csv", CSV), method=zipfile.ZIP_LZMA), "unusual"),
        (_zip(*((f"{n}.csv", CSV) for n in range(51))), "more than 50"),
        (_zip(*((f"{n:0200}.md", b"") for n in range(5000))), "too many files"),
        (_zip(("a.csv", b"\0" * (40 << 20))), "too much"),
        (_zip(("a.csv", CSV))[:-30], "cut off"),
        (b"PK\x03\x04 and nothing else", "cut off"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_table_is_refused_with_the_fix(tmp_path: Path, octets: bytes, why: str) -> None:
    with pytest.raises(ImportRefused, match=why):
        sources(_file(tmp_path, octets))


def test_an_encrypted_zip_is_refused_with_the_fix(tmp_path: Path) -> None:
    octets = bytearray(_zip(("a.csv", CSV)))
    octets[6] |= 1
    octets[octets.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ImportRefused, match="encrypted: unpack it with its password"):
        sources(_file(tmp_path, bytes(octets)))


def test_a_damaged_member_is_refused_when_it_is_read(tmp_path: Path) -> None:
    octets = bytearray(_zip(("a.csv", CSV * 100), method=zipfile.ZIP_STORED))
    octets[1000] ^= 1
    with pytest.raises(ImportRefused, match="damaged"):
        list(sources(_file(tmp_path, bytes(octets)))[0].chunks())


def test_members_that_lie_over_each_other_are_refused(tmp_path: Path) -> None:
    """One packed piece named by many directory entries: a bomb that no ratio of a single member shows."""
    octets = _zip(("a.csv", bytes(range(256)) * 4000), method=zipfile.ZIP_STORED)
    start = octets.index(b"PK\x01\x02")
    end = octets.index(b"PK\x05\x06")
    entries = octets[start:end] * 40
    record = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 40, 40, len(entries), start, 0)
    with pytest.raises(ImportRefused, match="too much"):
        sources(_file(tmp_path, octets[:start] + entries + record))


def test_a_directory_that_zip64_says_is_huge_is_not_loaded(tmp_path: Path) -> None:
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 1 << 40, 0)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, 4, 1)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, 0xFFFFFFFF, 0, 0)
    with pytest.raises(ImportRefused, match="too many files"):
        sources(_file(tmp_path, b"PK\x03\x04" + record + locator + end))


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ImportRefused, match="not a regular file"):
        sources(pipe)


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sources(tmp_path / "none")


@given(st.binary(max_size=200), st.integers(0, 255), st.integers(0, 400))
@settings(max_examples=150)
def test_no_damage_to_a_zip_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes, value: int, at: int
) -> None:
    octets = bytearray(_zip(("a.csv", CSV), ("b.csv", CSV)))
    octets[4 + at % (len(octets) - 4)] = value
    path = _file(tmp_path_factory.mktemp("zip"), bytes(octets) + tail)
    try:
        for found in sources(path):
            b"".join(found.chunks())
    except ImportRefused as refused:
        assert str(refused)


def test_the_bounds_are_those_of_an_export_of_millions() -> None:
    assert source._MAX_UNPACKED >= 8 << 30
