"""The unsubscribe pages: what they show, and that nothing put into one can be more than text."""

import base64
import hashlib
import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.decide import Ground
from consent.model import micros
from consent.parties import Party
from consent.unsubscribe_page import CONTENT_SECURITY_POLICY, STYLE, View, note, page
from consent.unsubscribe_words import LANGUAGES, WORDS
from tests.rig.registry import NOW

ACME = Party(
    id="acme",
    name="Acme Ltd",
    trading_name="Acme",
    postal_address="1 High Street\nExampletown",
    url="https://acme.example",
)
CONSENT = Ground("express", 7, micros(NOW), "E2")
shown = st.text(st.characters(categories=["L", "M", "N", "P", "S"]), min_size=1, max_size=200)
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "main", "h", "form", "button"),
    *("p", "dl", "dt", "dd", "br", "span", "nav", "ul", "li", "a"),
}


@given(name=shown, list_name=shown, description=shown)
def test_whatever_a_name_holds_is_shown_as_text(name: str, list_name: str, description: str) -> None:
    view = View(Party(id="acme", name=name), list_name, description, CONSENT)
    text = page(view, "en")
    assert html.escape(description).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in text
    tags = set(re.findall(r"<([a-z]+)", text))
    assert tags <= ALLOWED


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_state_has_its_page_and_its_buttons(language: str) -> None:
    def buttons(view: View) -> list[str]:
        return re.findall(r'<button name="act" value="([a-z]+)"', page(view, language))

    assert buttons(View(ACME, "News", ground=CONSENT)) == ["list", "all"]
    assert buttons(View(ACME, None, ground=CONSENT)) == ["all"]
    assert buttons(View(ACME, "News", left_list=True, undo=True)) == ["undo", "all"]
    assert buttons(View(ACME, "News", left_list=True, left_all=True, undo=True)) == ["undo"]
    assert buttons(View(ACME, "News", left_list=True, left_all=True)) == []
    assert buttons(View(ACME, "News", known=False)) == ["list", "all"]
    assert f'<html lang="{language}">' in page(View(ACME, None), language)


@pytest.mark.parametrize(
    ("ground", "language", "words"),
    [
        (CONSENT, "en", "You gave your consent on 1 March 2026."),
        (CONSENT, "fr", "Vous avez donné votre consentement le 1er mars 2026."),
        (CONSENT, "de", "Sie haben am 1. März 2026 eingewilligt."),
        (CONSENT, "es", "Dio su consentimiento el 1 de marzo de 2026."),
        (Ground("implied", 7, micros(NOW), "R1"), "en", "is on file since 1 March 2026."),
        (Ground("express", 7, None, "E2"), "en", "Your consent is on file."),
        (None, "en", "No consent of yours is on file."),
    ],
)
def test_the_ground_is_told_in_the_readers_language(ground: Ground | None, language: str, words: str) -> None:
    if ground is not None and ground.at is not None:
        ground = Ground(ground.kind, ground.event, micros(NOW.replace(month=3, day=1)), ground.grade)
    assert words in page(View(ACME, "News", ground=ground), language)


@pytest.mark.parametrize("what", ["gone", "bad", "busy", "later", "undone", "not_undone"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_note_is_a_page_in_each_language(what: str, language: str) -> None:
    text = note(what, language)
    assert html.escape(WORDS[language][what], quote=False) in text
    assert "<form" not in text
    assert "<dl>" not in text


def test_why_it_comes_is_not_told_where_it_comes_no_more() -> None:
    for view, told in ((View(ACME, "News"), True), (View(ACME, "News", left_list=True), False)):
        assert (WORDS["en"]["why"] in page(view, "en")) is told
        assert (WORDS["en"]["why"] in note("not_undone", "en", view)) is told


def test_the_policy_names_the_style_that_is_in_the_page() -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", note("gone", "en"), re.DOTALL)
    assert style == STYLE
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
