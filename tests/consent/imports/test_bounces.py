"""Bounces: only a mailbox that does not exist suppresses an address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.imports.bounces import enhanced, no_such_mailbox


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("5.1.1", ""),
        ("5.1.2", ""),
        ("5.1.10", ""),
        ("550", "550 5.1.1 unknown"),
        ("5.0.0", "5.1.1"),
        ("", "550-5.1.1 x"),
    ],
)
def test_a_mailbox_that_does_not_exist(status: str, reason: str) -> None:
    assert no_such_mailbox(status, reason)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("5.7.1", "550 5.1.1 unknown"),  # the status decides
        ("5.7.26", ""),
        ("4.1.1", ""),
        ("5.2.2", ""),
        ("5.1.7", ""),  # the sender's address
        ("5.1.8", ""),
        ("", ""),
        ("550", "no such user"),
        ("5.0.0", "5.7.1 blocked by 5.1.1.1"),
        ("15.1.1", ""),
        ("", "connection to 5.1.1.7 timed out"),
    ],
)
def test_everything_else_is_about_the_sender_the_message_or_the_moment(status: str, reason: str) -> None:
    assert not no_such_mailbox(status, reason)


@given(st.text(), st.text())
def test_any_text_is_judged(status: str, reason: str) -> None:
    assert no_such_mailbox(status, reason) in (True, False)
    assert enhanced(status) in status


@given(st.integers(0, 999), st.text(alphabet="0123456789. "))
def test_a_refusal_by_policy_never_suppresses(detail: int, reason: str) -> None:
    assert not no_such_mailbox(f"5.7.{detail}", reason)
