"""The words of the unsubscribe page: as many in each language, with the same places in them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.unsubscribe_words import LANGUAGES, WORDS, language


@pytest.mark.parametrize("tag", LANGUAGES)
def test_no_language_lacks_a_word_or_a_place_in_one(tag: str) -> None:
    assert WORDS[tag].keys() == WORDS["en"].keys()
    for name, text in WORDS[tag].items():
        assert text.strip() == text != ""
        assert sorted(re.findall(r"\{\w*\}", text)) == sorted(re.findall(r"\{\w*\}", WORDS["en"][name])), name
    if tag != "en":
        same = [name for name, text in WORDS[tag].items() if text == WORDS["en"][name]]
        assert set(same) <= {"contact"}


@pytest.mark.parametrize(
    ("asked", "accepted", "expected"),
    [
        ("de", "fr", "de"), ("", "", "en"), ("", "fr-CA", "fr"), ("", "ja, de;q=0.3, es;q=0.8", "es"),
        ("", "en;q=0, de;q=0.1", "de"), ("", "de;q=2", "en"), ("", "de;q=nan", "en"), ("pt", "*", "en"), ("", "DE", "de"),
    ],
)  # fmt: skip
def test_the_best_language_that_there_is(asked: str, accepted: str, expected: str) -> None:
    assert language(asked, accepted) == expected


@given(asked=st.text(), accepted=st.text())
def test_no_text_is_too_odd(asked: str, accepted: str) -> None:
    assert language(asked, accepted) in LANGUAGES
