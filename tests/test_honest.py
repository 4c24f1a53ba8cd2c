"""Honest mail is not refused: every message in tests/honest passes all rules, and what they observe of it is listed."""

import pytest

from filters.model import Action, Outcome
from tests.rig.cases import CASES, Case, all_cases, parameters

ALL = all_cases(CASES.parent / "honest")


@pytest.mark.parametrize("case", parameters(ALL))
def test_an_honest_message_passes(case: Case) -> None:
    findings = case.verdict().findings
    assert not [
        (finding.code, finding.evidence) for finding in findings if finding.failed or finding.action != Action.OBSERVE
    ]
    assert case.verdict().outcome is Outcome.ACCEPT
    assert tuple(finding.code for finding in findings) == case.expect


def test_they_are_many_and_differ() -> None:
    assert len(ALL) >= 200
    assert len({(case.file, case.title) for case in ALL}) == len(ALL)
    assert len({case.message for case in ALL}) == len(ALL)


def test_each_is_a_message_as_the_edge_lets_it_in() -> None:
    for case in ALL:
        lines = case.message.split(b"\r\n")
        assert case.message.endswith(b"\r\n")
        assert not any(b"\r" in line or b"\n" in line or b"\0" in line or len(line) > 998 for line in lines), case.title
