"""filters/own.py."""

import pytest

from filters.fingerprint import words
from filters.lines import lines_of_text
from filters.own import _DISCLAIMER, disclaims, own_text, without_disclaimers, without_habits

TEXT = "The shelf is too high for the door, so we take the other one on Friday."


def own(text: str, author: str = "") -> list[str]:
    found = own_text(lines_of_text(text), author)
    return without_habits(without_disclaimers(found.written), found.names)[0]


@pytest.mark.parametrize(
    "behind",
    [
        "Best regards\nAnn Archer\nAcme Ltd",
        "Mit freundlichen Grüßen\nAnn Archer",
        "Bien cordialement,\nAnn",
        "Un saludo\nAnn",
        "-- \nAnn Archer, Acme Ltd",
        "Ann Archer\nSales, Acme Ltd",
        "Ann\n\nMeet us at the spring fair in hall seven, all week long!",
        "Sent from my phone",
        "This email is confidential and meant for the addressee. If you received it in error, delete it.",
        "> an older text\n> in two lines",
        "On Fri, 20 Nov 2026 at 10:12, Bob <bob@b.example> wrote:\n> older",
        "On Fri, 20 Nov 2026 at 10:12, Bob <bob@b.example>\nwrote:\n\nolder, not marked",
        "Am 20.11.2026 um 10:12 schrieb Bob <bob@b.example>:\n> älter",
        "Le 20/11/2026 à 10:12, Bob <bob@b.example> a\nécrit :\n> plus ancien",
        "From: Bob <bob@b.example>\nSent: Friday\nTo: Ann\nSubject: shelf\n\nolder",
        "Von: Bob\nGesendet: Freitag\nAn: Ann\nBetreff: Regal\n\nälter",
        "-----Original Message-----\nolder",
        "---------- Forwarded message ---------\nolder",
    ],
)
def test_what_mail_programs_and_habit_add_is_left_out(behind: str) -> None:
    assert own(f"Dear Bob,\n\n{TEXT}\n\n{behind}", "Ann Archer") == [TEXT]


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"{TEXT}\nAs the poet wrote:\nmore of it",
        f"{TEXT}\nfrom: here to there",
        f"{TEXT}\nYours is the larger one, which does not fit either",
        f"{TEXT}\nPlease keep this confidential for now.",
        "Best regards\n" + "\n".join([TEXT] * 10),
    ],
)
def test_what_was_written_is_kept(text: str) -> None:
    assert own(text) == text.split("\n")


def test_what_is_quoted_is_told_apart_and_loses_its_signature_too() -> None:
    text = (
        f"Yes.\n\nOn 20 Nov 2026, Bob Becker <b@b.example> wrote:\n> Hi Ann,\n> {TEXT}\n>\n> Bob Becker\n> Becker Ltd"
    )
    found = own_text(lines_of_text(text))
    quoted = without_habits(found.quoted, found.others)[0]
    assert without_habits(found.written, found.names) == (["Yes."], [])
    assert TEXT in quoted and "Becker Ltd" not in quoted


def test_what_is_left_out_is_told() -> None:
    lines = ["Dear Bob,", "", TEXT, "Sent from my phone", "", "Regards", "Ann"]
    kept, left_out = without_habits(lines, set())
    assert kept == [TEXT]
    assert sorted(filter(None, left_out)) == ["Ann", "Dear Bob,", "Regards", "Sent from my phone"]


def test_a_text_without_the_words_of_disclaimers_is_not_searched_for_any() -> None:
    for _ in range(2):  # the second time its words are known
        assert not disclaims(words([TEXT]))


@pytest.mark.parametrize("marker", _DISCLAIMER)
def test_each_mark_of_a_disclaimer_is_seen_in_its_words(marker: str) -> None:
    assert disclaims(words([f"Which is {marker.upper()}s, they say"]))
    assert disclaims(words([marker]))
