"""The reply linter sees what it is there to see."""

import pytest

from tests.rig.gateway import ReplyLinter


def faults(*lines: str) -> int:
    linter = ReplyLinter()
    for line in lines:
        linter(line)
    return len(linter.faults)


def test_good_replies_pass() -> None:
    assert faults("220 gw.example ESMTP Postern", "250-gw.example", "250-SIZE 100", "250 8BITMIME", "250 2.0.0 Ok") == 0
    assert faults("250 gw.example", "334 ", "354 End", "353 Each", "550 5.7.1 No; ref 1", "421 4.3.2 Bye") == 0


@pytest.mark.parametrize(
    "line",
    [
        "250 Ok", "250 5.0.0 Ok", "550 No", "450 5.7.1 No", "250 2.0.0", "250 2.0.0 ä", "250 2.0.0 a\rb", "25 2.0.0 Ok",
        "250 2.0.0 " + "x" * 501,
    ],
)  # fmt: skip
def test_bad_replies_are_seen(line: str) -> None:
    assert faults(line) == 1


def test_a_reply_has_one_code_on_all_its_lines() -> None:
    assert faults("250-gw.example", "550 5.7.1 No") == 1
