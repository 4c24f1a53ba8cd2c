"""The types that nouns of the API share."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from consent.address import Address
from consent.model import micros
from gateway.http import fields


def taken(kind: Any, value: object) -> Any:
    """The value as the type has it; None when it does not take it."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return None


@given(st.text(max_size=300))
def test_every_address_that_is_taken_can_be_parsed(text: str) -> None:
    found = taken(fields.AddressText, text)
    if found is not None:
        assert Address.parse(found).text == text


@given(st.datetimes(timezones=st.timezones() | st.none()))
def test_every_time_that_is_taken_can_be_kept(time: Any) -> None:
    found = taken(fields.When, time)
    if found is not None:
        assert 0 <= micros(found) <= 7_258_118_400_000_000
        assert found.utcoffset() == time.utcoffset(), "as it was told"


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (fields.Identifier, ["newsletter", "a-b_1"], ["", "A", "-a", "a" * 65, "a\n"]),
        (fields.NoticeId, ["Signup-3.1"], ["", ".a", "a b", "a" * 65]),
        (fields.Words, ["", "two words"], ["a\nb", "a\x00b", "x" * 501, "\ud800"]),
        (fields.Ip, ["203.0.113.7", "2001:db8::1"], ["", "203.0.113", "host.example"]),
        (fields.Country, ["de", "EU"], ["d", "deu", "d1"]),
        (fields.Language, ["en", "pt-BR"], ["", "-", "en_GB"]),
        (fields.Day, ["2026-03-01"], ["1899-12-31", "2201-01-01", "01.03.2026"]),
        (fields.When, ["2026-03-01T10:00:00+01:00"], ["2026-03-01T10:00:00", "1969-12-31T23:59:59Z", "now"]),
        (fields.Time, ["0001-01-02T00:00:00Z"], ["0001-01-01T00:00:00+14:00", "2026-03-01T10:00:00"]),
    ],
)
def test_each_type_has_its_bounds(kind: Any, good: list[str], bad: list[str]) -> None:
    assert [value for value in good if taken(kind, value) is None] == []
    assert [value for value in bad if taken(kind, value) is not None] == []
