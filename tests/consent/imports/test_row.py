"""Rows: the values that readers of formats are given and give."""

import pickle

import pytest

from consent.address import Address
from consent.imports.row import Context, DomainName, Hashed, Row, RowError
from consent.model import Event, State

CONTEXT = Context(
    import_id="01IMPORT", list="news", party="acme", recorded=1, actor="ann@desk", reference_key=b"secret"
)
EVENT = Event(state=State.GIVEN, party="acme", list="news", at=None, recorded=1)


def test_a_context_does_not_show_its_key() -> None:
    assert "secret" not in repr(CONTEXT)


@pytest.mark.parametrize(
    "value",
    [
        CONTEXT,
        RowError(2, "why"),
        Row(2, Address.parse("ann@example.com"), EVENT, {"ip": "192.0.2.1"}),
        Row(2, Hashed("md5", "0" * 32), EVENT),
        Row(2, DomainName("example.com"), EVENT),
    ],
)
def test_values_are_equal_after_their_way_to_another_process(value: object) -> None:
    assert pickle.loads(pickle.dumps(value)) == value
