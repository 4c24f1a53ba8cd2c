"""Encoding: decided over the whole file, whatever its start looks like."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.imports.encoding import Encoding, decide
from consent.imports.source import Source

HEADER = "email,name\r\n"
ROWS = "".join(f"ann{n}@example.com,Ann\r\n" for n in range(40_000))


def _decide(folder: Path, octets: bytes) -> Encoding:
    path = folder / "file"
    path.write_bytes(octets)
    return decide(Source(path, "", len(octets)))


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        ((HEADER + ROWS).encode(), "utf-8"),
        ((HEADER + "é").encode(), "utf-8"),
        ((HEADER + "é").encode("utf-8-sig"), "utf-8-sig"),
        ((HEADER + "é").encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + (HEADER + "é").encode("utf-16-be"), "utf-16"),
        ((HEADER + "é").encode("utf-16-le"), "utf-16-le"),
        ((HEADER + "é").encode("utf-16-be"), "utf-16-be"),
        ((HEADER + "Jörg").encode("cp1252"), "cp1252"),
        # the first octet that is not UTF-8 stands behind a megabyte that is
        ((HEADER + ROWS + "x,Jörg").encode("cp1252"), "cp1252"),
    ],
)
def test_the_encoding_is_found_and_nothing_is_damaged(tmp_path: Path, octets: bytes, name: str) -> None:
    found = _decide(tmp_path, octets)
    assert (found.name, found.damaged, found.nul) == (name, False, False)
    assert octets.decode(found.name).lstrip("\ufeff").startswith("email,name")


def test_utf8_with_a_few_broken_characters_stays_utf8(tmp_path: Path) -> None:
    found = _decide(tmp_path, ("Jörg Müller Åsa\n" * 10).encode() + b"J\xc3\n")
    assert (found.name, found.damaged) == ("utf-8", True)


def test_a_character_that_the_end_of_the_file_cuts_is_damage(tmp_path: Path) -> None:
    found = _decide(tmp_path, ("Jörg Müller Åsa\n" * 10).encode() + b"J\xc3")
    assert (found.name, found.damaged) == ("utf-8", True)


def test_octets_that_windows_1252_does_not_have_are_damage(tmp_path: Path) -> None:
    found = _decide(tmp_path, b"J\xf6rg\x81\n")
    assert (found.name, found.damaged) == ("cp1252", True)


def test_a_character_between_two_pieces_of_reading_is_whole(tmp_path: Path) -> None:
    for before in range((1 << 18) - 3, (1 << 18) + 1):
        assert _decide(tmp_path, b"x" * before + "€".encode()).name == "utf-8"


def test_a_nul_anywhere_is_told(tmp_path: Path) -> None:
    assert _decide(tmp_path, (HEADER + ROWS).encode() + b"a\0b").nul
    assert _decide(tmp_path, (HEADER + "a\0b").encode("utf-16")).nul


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_lines_are_counted_whatever_ends_them(tmp_path: Path, codec: str, end: str) -> None:
    assert _decide(tmp_path, f"a{end}b{end}c{end}".encode(codec)).lines == 3


def test_half_of_a_utf16_character_is_damage(tmp_path: Path) -> None:
    assert _decide(tmp_path, (HEADER + "ab").encode("utf-16") + b"x").damaged


@given(st.binary(max_size=300))
def test_any_octets_have_an_encoding_in_which_they_can_be_decoded(
    tmp_path_factory: pytest.TempPathFactory, octets: bytes
) -> None:
    found = _decide(tmp_path_factory.mktemp("any"), octets)
    assert found.title
    text = octets.decode(found.name, "replace")
    if not found.damaged and found.name != "utf-16":
        assert octets.decode(found.name) == text
