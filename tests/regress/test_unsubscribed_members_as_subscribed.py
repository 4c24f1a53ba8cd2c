"""Mailchimp's unsubscribed members became consents when they were uploaded as subscribed ones (`--format`), or stood in
the file with a `Status` column under a status that somebody had changed."""

from datetime import UTC

import pytest

from consent.imports.mailchimp import FORMATS
from consent.imports.row import Context, Format, Row
from consent.model import State
from tests.rig.consents import AT

CONTEXT = Context("i", "newsletter", "acme", AT, "ann@desk", zone=UTC, zone_name="UTC")
OPTED_IN = {
    "email address": "bob@b.example",
    "member_rating": "2",
    "optin_time": "2020-01-01T00:00:00Z",
    "optin_ip": "203.0.113.7",
    "confirm_time": "2020-01-02T00:00:00Z",
    "confirm_ip": "203.0.113.7",
}


def _states(name: str, **more: str) -> list[tuple[State, str]]:
    (found,) = (each for each in FORMATS if each.name == name)
    row = OPTED_IN | more
    return [(each.event.state, each.event.reason) for each in _read(found, row) if isinstance(each, Row)]


def _read(found: Format, row: dict[str, str]) -> list[object]:
    return list(found.reader(tuple(row), CONTEXT)(list(row.values()), 2))


@pytest.mark.parametrize(
    ("name", "more"), [("mailchimp-subscribed", {}), ("mailchimp-members", {"status": "Subscribed"})]
)
def test_an_unsubscribe_in_the_row_is_kept_whatever_the_file_is_said_to_be(name: str, more: dict[str, str]) -> None:
    left, cleaned = {"unsub_time": "2021-01-01 00:00:00"}, {"clean_time": "2021-01-01 00:00:00"}
    assert _states(name, **more, **left, unsub_reason="") == [(State.WITHDRAWN, "unsubscribe"), (State.CONFIRMED, "")]
    assert _states(name, **more, **left, unsub_reason="SPAM")[0] == (State.WITHDRAWN, "complaint")
    assert _states(name, **more, **cleaned) == [(State.SUPPRESSED, "invalid"), (State.CONFIRMED, "")]
    assert _states(name, **more, unsub_time=" ", clean_time="") == [(State.CONFIRMED, "")]
