"""Limits: which cap holds, and where its mark stands."""

import pytest
from pydantic import ValidationError

from config.limits import MEASURES, WINDOWS, Cap, Limits, LimitsPolicy


def test_there_is_a_key_for_each_measure_in_each_window() -> None:
    names = {f"{measure}_per_{window}" for measure in MEASURES for window in WINDOWS}
    assert set(Limits.model_fields) == {*names, "hard"}


def test_nothing_that_is_not_set_is_capped() -> None:
    assert Limits().caps == Limits().over(Limits()) == ()
    assert Limits().names == ()


def test_a_cap_of_zero_is_a_cap() -> None:
    assert Limits(messages_per_day=0).caps == (("messages", (Cap("day", 0, False),)),)


def test_caps_come_shortest_window_first_with_their_lengths() -> None:
    ((_, caps),) = Limits(bytes_per_30_days=4, bytes_per_minute=1, bytes_per_day=3, bytes_per_hour=2).caps
    assert [(cap.seconds, cap.most) for cap in caps] == [(60, 1), (3600, 2), (86_400, 3), (2_592_000, 4)]


def test_what_a_customer_has_itself_wins_name_by_name_and_takes_its_mark_along() -> None:
    policy = Limits(
        recipients_per_hour=100, recipients_per_day=1000, hard=("recipients_per_hour", "recipients_per_day")
    )
    own = Limits(recipients_per_hour=5000, recipients_per_minute=50, bytes_per_day=9)
    recipients = (Cap("minute", 50, False), Cap("hour", 5000, False), Cap("day", 1000, True))
    assert own.over(policy) == (("recipients", recipients), ("bytes", (Cap("day", 9, False),)))
    assert Limits().over(policy) == policy.caps
    assert own.over(Limits()) == own.caps


def test_the_shipped_limits_are_those_of_the_mail_bomb_and_of_reports() -> None:
    shipped = {
        scope: {name: getattr(limits, name) for name in limits.names} for scope, limits in LimitsPolicy().scopes()
    }
    assert {scope: caps for scope, caps in shipped.items() if caps} == {
        "recipient_by_customer": {"messages_per_hour": 200},
        "recipient_by_all": {"messages_per_hour": 600},
        "report": {"recipients_per_hour": 1000},
    }
    assert "stream.bulk" in shipped


def test_exempt_recipients_are_kept_as_they_are_compared() -> None:
    policy = LimitsPolicy(exempt_recipients=("Journal@Archive.Example.", "B\u00fccher.example"))
    assert policy.exempt_recipients == ("journal@archive.example", "xn--bcher-kva.example")


@pytest.mark.parametrize("scope", ["operator", "report", "recipient_by_all", "recipient_domain"])
def test_what_is_not_one_senders_own_doing_is_never_hard(scope: str) -> None:
    with pytest.raises(ValidationError, match=f"{scope}.hard"):
        LimitsPolicy.model_validate({scope: {"bytes_per_day": 5, "hard": ["bytes_per_day"]}})


def test_a_table_names_only_what_it_changes() -> None:
    policy = LimitsPolicy.model_validate({"recipient_by_customer": {"messages_per_day": 1000}})
    assert policy.recipient_by_customer == Limits(messages_per_hour=200, messages_per_day=1000)
    changed = LimitsPolicy.model_validate({"report": {"recipients_per_hour": 5}})
    assert changed.report == Limits(recipients_per_hour=5)
