"""What a decision is told of the mail."""

from dataclasses import FrozenInstanceError, replace

import pytest

from consent.mailing import Class, Mailing
from consent.model import ALL, Grade, RelationshipGrade

PLAIN = Mailing(Class.BULK, "acme", "news", Grade.E2, ("us",))


def test_a_list_called_all_is_no_list() -> None:
    assert replace(PLAIN, list=ALL) == replace(PLAIN, list=None)
    assert PLAIN.list == "news"


def test_what_is_not_said_is_the_stricter() -> None:
    assert (PLAIN.stream, PLAIN.missing, PLAIN.list_source, PLAIN.list_complaint_at) == ("open", (), "", None)
    assert not (PLAIN.sender_is_person or PLAIN.charity or PLAIN.all_mail_override or PLAIN.uk_corporate)
    assert PLAIN.minimum_relationship is RelationshipGrade.R1
    assert (PLAIN.max_age_months, PLAIN.confirmations_sent) == (24, 0)


def test_it_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        PLAIN.party = "shoes"  # type: ignore[misc]


def test_classes_are_those_of_the_specification() -> None:
    assert [f"{each}" for each in Class] == ["C0", "C1", "C2", "C3", "C4", "C5"]
