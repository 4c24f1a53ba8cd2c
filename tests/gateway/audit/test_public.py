"""What of a record is the operator's own is not in what a customer sees."""

from typing import Any

import pytest

from gateway.audit.public import in_public, public_ground

RECORD: dict[str, Any] = {
    "hash": "0" * 64,
    "reference": "01M7XYQZHPTJEZ59VDFWJZ0PG1",
    "mailing": {"list": "spring", "class": "C4", "list_complaint_at": 1_795_168_800_000_000},
    "grounds": [
        {"ground": "express", "event": 4, "grade": "E2", "at": 1},
        {"refused": "COMPLAINT", "reasons": ["COMPLAINT: complaint, event 5"]},
        {"refused": "PROVIDER-BLOCK", "reasons": ["PROVIDER-BLOCK: spamtrap, event 6"]},
        None,
    ],
    "outcome": {"hash": "1" * 64, "outcome": "accepted"},
}


def test_a_decision_keeps_all_but_what_is_the_operators() -> None:
    assert in_public(RECORD) == {
        "reference": "01M7XYQZHPTJEZ59VDFWJZ0PG1",
        "mailing": {"list": "spring", "class": "C4"},
        "grounds": [
            {"ground": "express", "event": 4, "grade": "E2", "at": 1},
            {"refused": "WITHDRAWN"},
            {"refused": "PROVIDER-BLOCK"},
            None,
        ],
        "outcome": {"outcome": "accepted"},
    }
    assert "reasons" in RECORD["grounds"][1]


def test_one_without_outcome_and_grounds_is_as_it_was() -> None:
    plain: dict[str, Any] = {"reference": "1", "mailing": None, "grounds": [], "outcome": None}
    assert in_public(plain) == plain


@pytest.mark.parametrize("odd", ["text", 7, ["COMPLAINT"]])
def test_what_somebody_put_there_is_not_shown(odd: object) -> None:
    assert public_ground(odd) is None
