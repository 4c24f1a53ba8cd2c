"""Signals: thresholds that cannot be are refused."""

import pytest
from pydantic import ValidationError

from config.signals import MOST_DISTINCT, SignalsPolicy


def test_nothing_locks_by_itself_unless_the_operator_says_so() -> None:
    assert not SignalsPolicy().lock


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("times", 1),
        ("recipients_per_day", 9),
        ("senders_per_hour", MOST_DISTINCT + 1),  # no more are counted, so it would never be reached
        ("sender_domains_per_hour", 1),
        ("networks_per_hour", 0),
        ("recipients_of_one_body", -1),
        ("locks", True),
    ],
)
def test_a_threshold_that_cannot_be_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        SignalsPolicy.model_validate({name: value})
