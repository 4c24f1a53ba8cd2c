"""Strangers: however many there are, one bounded record a minute."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.strangers import Strangers
from gateway.audit.upkeep import Refusals
from tests.rig.audit import NOON

MINUTE = timedelta(minutes=1)


def test_refusals_are_counted_by_client_and_reason() -> None:
    strangers = Strangers()
    for client, reason in [("192.0.2.1", "530"), ("192.0.2.1", "530"), ("192.0.2.1", "535"), ("192.0.2.2", "530")]:
        strangers.count(client, reason, NOON)
    record = strangers.due(NOON + MINUTE)
    assert record is not None
    assert record.counts == (
        Refusals("192.0.2.1", "530", "", 2),
        Refusals("192.0.2.1", "535", "", 1),
        Refusals("192.0.2.2", "530", "", 1),
    )
    assert (record.total, record.other, record.since) == (4, 0, NOON)


def test_whose_account_was_tried_stands_in_the_record() -> None:
    strangers = Strangers()
    for customer in ("acme", "", "acme"):
        strangers.count("192.0.2.1", "AUTH-BAD", NOON, customer)
    record = strangers.flush(NOON)
    assert record is not None
    assert record.members({})["counts"] == [
        {"client": "192.0.2.1", "reason": "AUTH-BAD", "customer": "acme", "count": 2},
        {"client": "192.0.2.1", "reason": "AUTH-BAD", "count": 1},
    ]


def test_a_window_gives_one_record_when_it_is_over_and_none_before() -> None:
    strangers = Strangers()
    strangers.count("192.0.2.1", "530", NOON)
    assert strangers.due(NOON + MINUTE - timedelta(microseconds=1)) is None
    assert strangers.due(NOON + MINUTE) is not None
    assert strangers.due(NOON + 2 * MINUTE) is None


def test_nobody_refused_gives_no_record() -> None:
    assert Strangers().due(NOON) is None
    assert Strangers().flush(NOON) is None


def test_the_end_of_the_process_does_not_wait_for_the_window() -> None:
    strangers = Strangers()
    strangers.count("192.0.2.1", "530", NOON)
    record = strangers.flush(NOON + timedelta(seconds=1))
    assert record is not None
    assert record.until == NOON + timedelta(seconds=1)


@given(st.lists(st.integers(0, 30), max_size=200))
def test_the_list_is_bounded_and_every_refusal_is_counted(clients: list[int]) -> None:
    strangers = Strangers(max_keys=10)
    for client in clients:
        strangers.count(str(client), "530", NOON)
    record = strangers.flush(NOON)
    if record is None:
        assert not clients
    else:
        assert len(record.counts) <= 10
        assert sum(item.count for item in record.counts) + record.other == record.total == len(clients)
