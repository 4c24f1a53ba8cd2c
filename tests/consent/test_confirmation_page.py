"""The confirmation page: what each state says, and that nothing a customer wrote can do anything."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from consent.confirmation_page import State, View, page
from consent.confirmation_words import PAGE
from consent.parties import Party
from consent.unsubscribe_words import LANGUAGES

EVIL = "<script>alert('x')</script>"
VIEW = View(
    "ask",
    Party(id="acme", name="Acme & Söhne <Ltd>", postal_address="1 High Street\nExampletown", email="post@acme.example"),
    "Spring <news>",
    "What grows in spring.",
    "monthly",
    datetime(2026, 11, 20, 10, 0, tzinfo=UTC),
    "www.acme.example/signup",
    "Yes, send me the news.",
    datetime(2026, 11, 27, 10, 5, tzinfo=UTC),
)


def test_who_asks_sees_who_writes_what_they_get_and_the_notice() -> None:
    shown = page(VIEW, "en")
    for words in (
        "Do you want this mail?",
        "Acme &amp; Söhne &lt;Ltd&gt;",
        "1 High Street\nExampletown",
        "post@acme.example",
        "Spring &lt;news&gt;",
        "What grows in spring.",
        "monthly",
        "20 November 2026",
        "www.acme.example/signup",
        "Yes, send me the news.",
        "27 November 2026, 10:05 UTC",
        "without your confirmation nobody is subscribed",
    ):
        assert words in shown, words
    assert shown.count("<form") == shown.count("<button") == 1
    assert '<form method="post">' in shown


@pytest.mark.parametrize("state", ["confirmed", "already", "expired", "withdrawn"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_over_has_no_button(state: State, language: str) -> None:
    shown = page(replace(VIEW, state=state, confirmed=datetime(2026, 11, 21, tzinfo=UTC)), language)
    assert PAGE[language][f"{state}_title"] in shown
    assert "<form" not in shown
    assert f'<html lang="{language}">' in shown
    assert "{" not in shown.partition("</style>")[2]


def test_nothing_that_a_customer_wrote_is_markup() -> None:
    party = Party(id="acme", name=EVIL, trading_name=EVIL, postal_address=EVIL, phone=EVIL)
    view = replace(VIEW, party=party, list=EVIL, description=EVIL, frequency=EVIL, source=EVIL, notice=EVIL)
    for state in ("ask", "confirmed", "already", "expired", "withdrawn"):
        shown = page(replace(view, state=state, confirmed=VIEW.asked), "en")
        assert "<script" not in shown
        assert "alert(&#39;x&#39;)" in shown


def test_what_is_not_known_is_left_out() -> None:
    bare = replace(VIEW, party=Party(id="a", name="Acme"), description="", frequency="", source="", notice="")
    shown = page(bare, "en")
    for name in ("address", "contact", "frequency", "notice"):
        assert f"<dt>{PAGE['en'][name]}" not in shown
