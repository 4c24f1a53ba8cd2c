"""An alert's mail promised 450 and that nothing is lost, also of a limit whose refusal is 550."""

from gateway.alert_mail import words


def test_both_levels_say_what_a_hard_limit_answers() -> None:
    data = {"scope": "customer", "credential": None, "measure": "messages", "window": "day", "used": 9, "cap": 10}
    for level in (90, 100):
        _, text = words("limit.reached", {**data, "level": level})
        assert "550" in text
        assert "nothing is lost" not in text
