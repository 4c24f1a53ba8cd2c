"""The public words of a refusal."""

import re

import pytest

from consent.refusals import REFUSALS, Refusal, refusal


@pytest.mark.parametrize("each", REFUSALS, ids=lambda each: each.code)
def test_it_fits_an_smtp_reply_with_a_reference(each: Refusal) -> None:
    assert re.fullmatch(r"[\x20-\x7e]{10,120}", each.text) and ";" not in each.text[-1]
    assert re.fullmatch(r"[\x20-\x7e]+", each.fix) and each.fix.endswith(".")
    assert each.smtp in (450, 550)
    assert re.fullmatch(rf"{each.smtp // 100}\.\d\.\d+", each.enhanced)


def test_codes_differ_and_are_found() -> None:
    assert len({each.code for each in REFUSALS}) == len(REFUSALS)
    assert all(refusal(each.code) is each for each in REFUSALS)
    with pytest.raises(KeyError):
        refusal("NO-SUCH")


def test_a_complaint_reads_like_any_unsubscribe() -> None:
    complaint, withdrawn = refusal("COMPLAINT"), refusal("WITHDRAWN")
    assert (complaint.smtp, complaint.enhanced, complaint.text, complaint.fix) == (
        (withdrawn.smtp, withdrawn.enhanced, withdrawn.text, withdrawn.fix)
    )


@pytest.mark.parametrize("word", ["complain", "trap", "spam", "legal", "court", "threat", "sanction", "erase"])
def test_none_says_why_a_person_or_the_operator_stopped_it(word: str) -> None:
    public = [f"{each.text} {each.fix}" for each in REFUSALS if each.code != "STREAM-PAUSED"]
    assert not [text for text in public if word in text.lower()]


def test_only_what_waiting_mends_is_temporary() -> None:
    assert [each.code for each in REFUSALS if each.smtp < 500] == ["STREAM-PAUSED"]
