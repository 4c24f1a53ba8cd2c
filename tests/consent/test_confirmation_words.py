"""Words of confirmation mails and pages: every language has all of them, with the same blanks, and advertises nothing."""

from string import Formatter

import pytest

from consent.confirmation_words import MAIL, PAGE
from consent.unsubscribe_words import LANGUAGES


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("words", [MAIL, PAGE], ids=["mail", "page"])
def test_every_language_has_every_word_with_the_same_blanks(words: dict[str, dict[str, str]]) -> None:
    assert words.keys() == LANGUAGES.keys()
    english = {name: blanks(text) for name, text in words["en"].items()}
    for language, texts in words.items():
        assert {name: blanks(text) for name, text in texts.items()} == english, language
        assert all(text.strip() == text != "" for text in texts.values())


def test_no_language_repeats_another() -> None:
    for words in (MAIL, PAGE):
        for name in words["en"]:
            texts = [words[language][name] for language in LANGUAGES]
            assert len(set(texts)) >= 3 or name == "contact", name


def test_each_mail_says_that_nobody_is_subscribed_who_ignores_it() -> None:
    for language, words in (("en", "nobody is subscribed"), ("fr", "personne n’est abonné"),
                            ("de", "wird niemand angemeldet"), ("es", "no se suscribe a nadie")):  # fmt: skip
        assert words in MAIL[language]["ignore"]
