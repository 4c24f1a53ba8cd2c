"""A suppression row that named an address and another domain or hash stopped the address only, and said nothing."""

import hashlib
from datetime import UTC, datetime

from consent.imports.row import Context, DomainName, Hashed, Row, RowError
from consent.imports.suppression import FORMATS
from consent.model import micros

CONTEXT = Context("i", "newsletter", "acme", micros(datetime(2026, 11, 20, tzinfo=UTC)), "ann@desk")
HEADER = ("email", "sha256", "domain", "reason")


def _read(*cells: str) -> list[Row | RowError]:
    return list(FORMATS[0].reader(HEADER, CONTEXT)(cells, 2))


def test_a_row_stops_everybody_whom_it_names() -> None:
    digest = hashlib.sha256(b"bob@other.example").hexdigest()
    subjects = [row.subject for row in _read("ann@a.example", digest, "evil.example", "manual") if isinstance(row, Row)]
    assert subjects[1:] == [Hashed("sha256", digest), DomainName("evil.example")]


def test_what_only_says_the_address_again_stops_no_more_than_the_address() -> None:
    digest = hashlib.sha256(b"ann@a.example").hexdigest()
    assert len(_read("Ann@A.example", digest, "a.example", "manual")) == 1


def test_what_can_be_read_is_kept_beside_what_cannot() -> None:
    found = _read("ann@a.example", "zz", "", "manual")
    assert [type(each) for each in found] == [Row, RowError]
