"""Every rule case in tests/cases, and that each rule has a firing and a quiet one."""

import pytest

from filters import RULES
from filters.model import Action, Outcome
from tests.rig.cases import Case, all_cases

ALL = all_cases()


@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.file}: {case.title}")
def test_case(case: Case) -> None:
    verdict = case.verdict()
    assert tuple(finding.code for finding in verdict.findings) == case.expect
    assert not any(finding.failed for finding in verdict.findings)
    refusing = {rule.code for rule in RULES if rule.default is Action.REJECT}
    expected = case.outcome or ("accept" if refusing.isdisjoint(case.expect) else "reject")
    assert verdict.outcome is Outcome[expected.upper()]
    if case.evidence:
        assert verdict.findings[0].evidence == case.evidence


def test_titles_differ() -> None:
    titles = [(case.file, case.title) for case in ALL]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("code", [rule.code for rule in RULES])
def test_each_rule_has_a_firing_and_a_quiet_case(code: str) -> None:
    assert any(code in case.expect for case in ALL)
    assert any(code not in case.expect for case in ALL)
