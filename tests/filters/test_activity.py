"""Activity: the past is long enough for what is sent once a month."""

from config.signals import PAST_DAYS
from filters.activity import KEPT_DAYS


def test_what_is_sent_once_a_month_is_in_the_past() -> None:
    assert KEPT_DAYS > 31 > PAST_DAYS
