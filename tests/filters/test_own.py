"""filters/own.py."""

import pytest

from filters.lines import lines_of_text
from filters.own import own_text

TEXT = "The shelf is too high for the door, so we take the other one on Friday."


def own(text: str, author: str = "") -> list[str]:
    return own_text(lines_of_text(text), author)[0]


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
    written, quoted = own_text(lines_of_text(text))
    assert written == ["Yes."]
    assert TEXT in quoted and "Becker Ltd" not in quoted
