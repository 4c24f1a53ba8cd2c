"""Which rules a customer can be exempted from, and what the audit hears of locks."""

from datetime import UTC, datetime

import pytest

from config.switch import Lock
from consent.credentials import HeldCredential, Switching
from filters.engine import UnknownRule
from gateway.switching import acts, checked_rule


def test_a_rules_code_is_taken_in_any_case() -> None:
    assert checked_rule(" id-from ") == "ID-FROM"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ID-FORM", "did you mean 'ID-FROM'"),
        ("", "unknown rule code"),
        ("X" * 5000, "unknown rule code"),
        ("CUSTOMER-SUSPENDED", "refuses always"),
        ("bare-lf", "BARE-LF refuses always"),
    ],
)
def test_an_unknown_code_names_the_nearest_and_what_refuses_always_says_so(text: str, words: str) -> None:
    with pytest.raises(UnknownRule, match=words) as caught:
        checked_rule(text)
    assert len(str(caught.value)) < 4000


def test_the_audit_hears_of_each_customer_once_and_who_had_locked_what() -> None:
    lock = Lock("x", "THEFT-A, THEFT-B", datetime(2026, 11, 20, tzinfo=UTC))
    held = [HeldCredential("a", "x", None, lock=lock), HeldCredential("a", "y", None), HeldCredential("b", "z", None)]
    first, second = acts("token:1", "unlock", Switching(tuple(held), ()), "cleaned")
    assert (first.actor, first.act, first.customer, first.target) == ("token:1", "credentials unlock", "a", None)
    assert first.details == {"credentials": ["x", "y"], "locked_by": {"x": "THEFT-A, THEFT-B"}}
    assert (second.target, second.details, second.reason) == ("z", {"credentials": ["z"]}, "cleaned")
    assert acts("token:1", "lock", Switching((), tuple(held)), "x") == []
