"""A page whose query named the person was kept as the source of a consent, in clear and beyond erasure."""

import pytest

from consent.imports.generic import FORMATS
from consent.imports.row import Context, Row, RowError
from consent.model import State
from gateway.told import Told, given
from tests.rig.consents import AT

CONTEXT = Context("i", "newsletter", "acme", AT, "ann@desk")
HEADER = ("email", "event_state", "event_time", "source_ref", "notice_id")
PAGE = "https://www.acme.example/join"


def _read(source: str, notice: str = "") -> Row | RowError:
    (found,) = FORMATS[0].reader(HEADER, CONTEXT)(("bob@b.example", "given", "2025-01-01T00:00:00Z", source, notice), 2)
    return found


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        (f"{PAGE}?e=bob%40b.example", PAGE),
        ("/join;bob", "/join"),
        ("form of bob@b.example", ""),
        ("stand 3", "stand 3"),
    ],
)
def test_a_source_is_kept_without_the_person_and_sealed_as_it_was_told(source: str, kept: str) -> None:
    row = _read(source)
    assert isinstance(row, Row)
    assert (row.event.source, row.event.grade) == (kept, 1)
    told = Told(State.GIVEN, "newsletter", source=source)
    event, personal = given(told, "acme", AT, actor="token:1", origin="api", default_checked=False)
    assert (event.source, event.grade) == (kept, 1)
    assert row.personal.get("source_ref", kept) == personal.get("source_ref", kept) == source


def test_an_address_is_no_notice() -> None:
    found = _read(PAGE, "bob@b.example")
    assert isinstance(found, RowError)
    assert "bob" not in found.reason
