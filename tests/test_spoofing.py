"""The catalogue of docs/spoofing.md: every technique is found, by the rule that the page names."""

import re
from pathlib import Path

import pytest

from filters import RULES
from filters.model import Action, Outcome
from gateway.smtp.replies import REFUSALS
from gateway.smtp.wire import PathFault, parse_path
from tests.rig.cases import CASES, Case, all_cases, parameters

ALL = all_cases(CASES.parent / "spoofing")
PAGE = Path(__file__).parents[1] / "docs" / "spoofing.md"
ROWS = {row[0]: row for row in re.findall(r"^\| ([A-Z]\d+) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE.read_text(), re.M)}
"""Name -> name, technique, shape, answer."""
_CODE = re.compile(r"`([A-Z]+(?:-[A-Z0-9]+)+)`")
ELSEWHERE = ("edge:", "none:")
"""What the answer begins with where the SMTP server itself refuses, and where nothing need be refused."""
PATHS = [row[2].strip("`") for row in ROWS.values() if row[3] == "edge: 501 5.1.7"]


@pytest.mark.parametrize("command", PATHS)
def test_the_edge_takes_no_such_reverse_path(command: str) -> None:
    with pytest.raises(PathFault):
        parse_path("FROM", command.removeprefix("MAIL "))


def name(case: Case) -> str:
    return case.title.partition(":")[0]


@pytest.mark.parametrize("case", parameters(ALL))
def test_a_technique_is_answered_by_the_rule_that_is_named(case: Case) -> None:
    verdict = case.verdict()
    found = {finding.code: finding for finding in verdict.findings if not finding.failed}
    assert case.expect
    assert set(case.expect) <= set(found)
    if any(found[code].action is Action.REJECT for code in case.expect):
        assert verdict.outcome is Outcome.REJECT


def test_the_page_is_read_whole() -> None:
    assert len(ROWS) == sum(line.startswith("| ") and line[2:3].isupper() for line in PAGE.read_text().splitlines())
    assert len(PATHS) == 4


def test_the_page_and_the_cases_name_the_same_techniques() -> None:
    assert len({name(case) for case in ALL}) == len(ALL)
    assert {name(case) for case in ALL} == {row for row, cells in ROWS.items() if not cells[3].startswith(ELSEWHERE)}


@pytest.mark.parametrize("case", ALL, ids=name)
def test_the_page_names_the_rule(case: Case) -> None:
    assert set(case.expect) <= set(_CODE.findall(ROWS[name(case)][3]))


def test_every_code_on_the_page_exists() -> None:
    known = {rule.code for rule in RULES} | {refusal.code for refusal in REFUSALS}
    assert set(_CODE.findall(PAGE.read_text())) <= known
