"""Heads: only genuine ones count, and the newer of two."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.head import SLOT, Head, HeadError, HeadFile, read_floor, read_head, write_floor
from gateway.audit.record import stamp
from tests.rig.audit import MAC_KEY, NOON


def head(serial: int = 4, n: int = 9, role: str = "head", process: str = "main") -> Head:
    made = "floor" if role == "floor" else "head"
    return Head.make(
        MAC_KEY, "floor" if made == "floor" else "head", process,
        serial=serial, n=n, digest=b"h" * 32, segment=2, time=stamp(NOON),
    )  # fmt: skip


def test_a_head_comes_back_from_its_text() -> None:
    assert Head.from_text(head().to_text()) == head()
    assert head().genuine(MAC_KEY, "head", "main")


@given(st.integers(0, len(head().to_text()) - 1), st.characters(codec="ascii"))
def test_a_head_with_a_changed_character_is_not_genuine(position: int, character: str) -> None:
    text = head().to_text()
    changed = text[:position] + character + text[position + 1 :]
    try:
        read = Head.from_text(changed)
    except HeadError:
        return
    assert changed == text or not read.genuine(MAC_KEY, "head", "main")


@given(st.text())
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(HeadError):
        Head.from_text(text)


def test_a_head_of_another_key_role_or_process_is_not_genuine() -> None:
    assert not head().genuine(b"other", "head", "main")
    assert not head().genuine(MAC_KEY, "floor", "main")
    assert not head().genuine(MAC_KEY, "head", "worker-1")


def test_the_newer_of_two_slots_counts(tmp_path: Path) -> None:
    HeadFile.create(tmp_path, MAC_KEY, "main", stamp(NOON))
    file = HeadFile(tmp_path / "head")
    for serial in (2, 3, 4):
        file.write(head(serial, n=serial * 10))
        assert read_head(tmp_path, MAC_KEY, "main").n == serial * 10
    file.close()


@pytest.mark.parametrize("position", [0, 30, 200, SLOT - 2, SLOT - 1, SLOT, SLOT + 300, 2 * SLOT - 1])
def test_a_byte_changed_anywhere_in_the_file_shows(tmp_path: Path, position: int) -> None:
    HeadFile.create(tmp_path, MAC_KEY, "main", stamp(NOON))
    data = bytearray((tmp_path / "head").read_bytes())
    data[position] ^= 1
    (tmp_path / "head").write_bytes(data)
    with pytest.raises(HeadError, match="MAC"):
        read_head(tmp_path, MAC_KEY, "main")


def test_an_older_slot_copied_over_the_newer_shows(tmp_path: Path) -> None:
    HeadFile.create(tmp_path, MAC_KEY, "main", stamp(NOON))
    data = (tmp_path / "head").read_bytes()
    (tmp_path / "head").write_bytes(data[:SLOT] * 2)
    with pytest.raises(HeadError, match="twice"):
        read_head(tmp_path, MAC_KEY, "main")


def test_a_missing_or_short_file_shows(tmp_path: Path) -> None:
    with pytest.raises(HeadError, match="missing"):
        read_head(tmp_path, MAC_KEY, "main")
    (tmp_path / "head").write_bytes(b"x")
    with pytest.raises(HeadError, match="size"):
        read_head(tmp_path, MAC_KEY, "main")


def test_a_head_cannot_serve_as_floor(tmp_path: Path) -> None:
    assert read_floor(tmp_path, MAC_KEY, "main") is None
    write_floor(tmp_path, head(role="floor"))
    found = read_floor(tmp_path, MAC_KEY, "main")
    assert found is not None
    assert found.n == 9
    write_floor(tmp_path, head())
    with pytest.raises(HeadError, match="floor"):
        read_floor(tmp_path, MAC_KEY, "main")
