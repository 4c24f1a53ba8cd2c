"""Characters that are not displayed, beside those that need them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.unseen import reversed_text, unseen


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ann", ""),
        ("Jürgen Müller", ""),
        ("A\u200bnn", "U+200B"),
        ("\u200bA\u200bn\u200b", "U+200B x3"),
        ("Ann\u200e", "U+200E"),
        ("A\u200dnn", "U+200D"),
        ("A\u200cnn", "U+200C"),
        ("\u3164", "U+3164"),
        ("\u3164\u3164", "U+3164 x2"),
        ("Ann\u2800", "U+2800"),
        ("Ann\ufe0f", "U+FE0F"),
        ("❤\ufe0f\ufe0f", "U+FE0F"),
        ("A\nB", "U+000A"),
        ("\U000e0061", "U+E0061"),
        ("\u2060Ann\ufeff", "U+2060, U+FEFF"),
        ("Ann\u180e", "U+180E"),
        ("Ann\u034f", "U+034F"),
    ],
)
def test_what_serves_nobody(text: str, found: str) -> None:
    assert unseen(text) == found


@pytest.mark.parametrize(
    "text",
    ["דנה\u200f (Acme)", "\u202bمحمد\u202c", "\u2067محمد\u2069", "\u2068Ann\u2069", "\u2066Ann\u2069", "علی\u200cرضا", "क्\u200dष", "ශ්\u200dරී",
     "👩🏽\u200d💻", "❤\ufe0f\u200d🔥", "🏳\ufe0f\u200d🌈", "1\ufe0f\u20e3", "ไทย\u200bไทย", "日本\u200b語", "葛\U000e0100城",
     "🏴\U000e0067\U000e0062\U000e007f", "한\u115f", "ᠮᠣ\u180b", "⠁\u2800⠃", "tab\tbed"],
)  # fmt: skip
def test_what_a_script_needs(text: str) -> None:
    assert unseen(text) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [("\u202elapyap", True), ("a\u202e\u202cb", False), ("\u202e123\u202c Ann", False), ("\u202eשלום", False),
     ("\u202dAnn", False), ("\u202b\u202emoc.knab", True), ("", False)],
)  # fmt: skip
def test_only_an_override_over_letters_reverses(text: str, expected: bool) -> None:
    assert reversed_text(text) is expected


@given(st.text(max_size=100))
def test_any_text_is_answered_in_printable_ascii_of_bounded_length(text: str) -> None:
    assert unseen(text).isascii()
    assert len(unseen(text)) <= 80
    assert isinstance(reversed_text(text), bool)
