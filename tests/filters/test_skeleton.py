"""Skeletons and scripts, by Unicode's tables."""

import json
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import skeleton as module
from filters.skeleton import OtherTables, mixed, script, scripts, skeleton


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("paypal", "раураl"),  # Cyrillic
        ("paypal", "ρаypal"),  # Greek and Cyrillic
        ("paypal", "paypa1"),
        ("paypal", "paypaI"),
        ("paypal", "pay\u200bpal"),
        ("paypal", "𝐩𝐚𝐲𝐩𝐚𝐥"),
        ("modern", "modem"),
        ("OK", "0K"),
        ("é", "e\u0301"),
        ("v", "ט"),
    ],
)
def test_what_looks_alike_has_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(("one", "other"), [("paypal", "payp"), ("bücher", "bucher"), ("почта", "nochta"), ("a", "b")])
def test_what_does_not_has_two(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


@given(st.text(max_size=60))
def test_any_text_has_a_decomposed_skeleton_of_bounded_length(text: str) -> None:
    made = skeleton(text)
    assert normalize("NFD", made) == made
    # No character decomposes into more than 4, and the longest prototype has 18.
    assert len(made) <= 80 * len(text)


@given(st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._ ", max_size=60))
def test_plain_text_stays_plain(text: str) -> None:
    assert skeleton(text).isascii()


def test_prototypes_are_those_of_the_published_table() -> None:
    # From confusables.txt; a star in the library's table has its prototype in the middle.
    for character, prototype in {"а": "a", "ο": "o", "ӏ": "i", "Ӏ": "l", "І": "l", "0": "O", "1": "l", "|": "l", "m": "rn", "ⅷ": "viii", "ﬁ": "fi"}.items():  # fmt: skip
        assert skeleton(character) == prototype
    assert all(skeleton(letter) == letter for letter in "abcdefghijklnopqrstuvwxyz")


def test_scripts_of_letters_and_of_what_all_share() -> None:
    assert [script(each) for each in "aжωא漢-\u0301"] == ["LATIN", "CYRILLIC", "GREEK", "HEBREW", "HAN", "COMMON", "INHERITED"]  # fmt: skip
    assert script("\U0010ffff") == "UNKNOWN"
    assert scripts("Иван Petrov, 2") == {"CYRILLIC", "LATIN"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("abc", False), ("жук", False), ("abж", True), ("abω", True), ("abօ", True), ("ωж", True), ("漢かカabc", False),
     ("漢한abc", False), ("漢ㄅ", False), ("한か", True), ("abcไทย", False), ("אبت", True), ("12-3", False), ("abᎪ", True)],
)  # fmt: skip
def test_scripts_that_no_language_mixes(text: str, expected: bool) -> None:
    assert mixed(scripts(text)) is expected


def test_other_tables_are_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "categories.json").write_text(json.dumps({"code_points_ranges": []}))
    monkeypatch.setenv("CONFUSABLE_DATA", str(tmp_path))
    with pytest.raises(OtherTables, match=r"categories\.json has SHA-256 \w{64}, not \w{64}"):
        module._tables("categories.json", module.PINNED["categories.json"])
