"""A row of the generic format that said `unsubscribed` was refused as unknown, and a consent beside it then held."""

from datetime import UTC, datetime

import pytest

from consent.imports.generic import FORMATS
from consent.imports.row import Context, Row
from consent.model import State, micros

CONTEXT = Context("i", "newsletter", "acme", micros(datetime(2026, 11, 20, tzinfo=UTC)), "ann@desk")


@pytest.mark.parametrize("word", ["unsubscribed", "Unsubscribe", "opt-out", "Opted out", "optout"])
def test_every_common_word_for_it_withdraws(word: str) -> None:
    (row,) = FORMATS[0].reader(("email", "event_state"), CONTEXT)(("ann@a.example", word), 2)
    assert isinstance(row, Row)
    assert row.event.state is State.WITHDRAWN
