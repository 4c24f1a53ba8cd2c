"""Canonical forms against dkimpy's, in pieces of any size."""

import hashlib
import mmap
from pathlib import Path

import dkim
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import canonical

TEXTS = [b"x", b" ", b"\t", b"x ", b" xx"]
LINES = st.lists(
    st.text("ab \t", max_size=12).map(str.encode)
    | st.just(b"")
    | st.builds(
        lambda n, text, more: text * n + more, st.integers(0, 300), st.sampled_from(TEXTS), st.sampled_from(TEXTS)
    ),
    max_size=30,
)


@given(LINES, st.booleans(), st.booleans(), st.integers(2, 200))
def test_pieces_make_the_same_canonical_body(lines: list[bytes], relaxed: bool, whole: bool, piece: int) -> None:
    body = b"".join(line + b"\r\n" for line in lines) + (b"" if whole else b"the end \t")
    way = dkim.canonicalization.Relaxed if relaxed else dkim.canonicalization.Simple
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canonical, "_PIECE", piece)
        pieces = list(canonical.body(b"head" + body, 4, relaxed=relaxed))
    # dkimpy is given whole lines, as SMTP has them.
    assert b"".join(pieces) == way.canonicalize_body(body if whole else body + b"\r\n")
    assert max(map(len, pieces), default=0) <= max(piece + 1, 2) + 2


def test_a_body_in_a_file_is_read_without_keeping_it(tmp_path: Path) -> None:
    body = b"0123456789 \t 12345\r\n" * 200_000
    (tmp_path / "body").write_bytes(b"head" + body)
    with (tmp_path / "body").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        made = hashlib.sha256(b"".join(canonical.body(view, 4, relaxed=True))).digest()
        maps = Path("/proc/self/smaps").read_text().partition(str(tmp_path / "body"))[2]
        assert int(maps.partition("Rss:")[2].split()[0]) <= 256  # KiB
    assert made == hashlib.sha256(b"".join(canonical.body(body, 0, relaxed=True))).digest()


def test_the_body_of_nothing_is_nothing_or_a_line_end() -> None:
    assert list(canonical.body(b"", 0, relaxed=True)) == []
    assert list(canonical.body(b"", 0, relaxed=False)) == [b"\r\n"]


@pytest.mark.parametrize(
    ("name", "value", "canonical_form"),
    [
        ("SUBJect", b" AbC", b"subject:AbC\r\n"),
        ("a", b" X ", b"a:X\r\n"),
        ("b", b" Y\t\r\n\tZ  ", b"b:Y Z\r\n"),
        ("c", b"", b"c:\r\n"),
        ("c", b"\r\n \t", b"c:\r\n"),
        ("d", b"\xc3\xa4\t\xff", b"d:\xc3\xa4 \xff\r\n"),
    ],
)
def test_a_field_is_unfolded_and_its_white_space_made_one(name: str, value: bytes, canonical_form: bytes) -> None:
    assert canonical.header_field(name, value) == canonical_form


@given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n ", b"\r\n\t", b"a", b"b:", b"\xe4"]), max_size=20))
def test_any_value_is_what_dkimpy_makes_of_it(parts: list[bytes]) -> None:
    value = b"".join(parts)
    [(name, made)] = dkim.canonicalization.Relaxed.canonicalize_headers([(b"Sub", value + b"\r\n")])
    assert canonical.header_field("Sub", value) == name + b":" + made
