"""Which rules a customer can be exempted from."""

import pytest

from filters.engine import UnknownRule
from gateway.exempting import checked_rule


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
