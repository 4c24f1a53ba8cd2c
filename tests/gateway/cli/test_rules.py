"""`postern rules`: every rule and refusal, and the page made from them."""

import json
from pathlib import Path

from config.policy import load_policy
from filters import RULES
from gateway.cli.rules import page
from gateway.smtp.replies import REFUSALS
from tests.gateway.cli.conftest import Installation, refused, run

ROOT = Path(__file__).parents[3]


def test_it_needs_no_configuration(tmp_path: Path) -> None:
    result = run("rules")
    assert result.exit_code == 0
    for code in (*(rule.code for rule in RULES), *(refusal.code for refusal in REFUSALS)):
        assert f"\n{code} " in result.stdout


def test_json_has_all_of_each() -> None:
    rows = json.loads(run("rules", "--json").stdout)
    assert [row["code"] for row in rows] == [*(rule.code for rule in RULES), *(refusal.code for refusal in REFUSALS)]
    assert all(row.keys() == {"code", "clause", "action", "reply", "meaning", "fix"} for row in rows)
    assert all(value for row in rows for value in row.values())
    assert {row["action"] for row in rows[len(RULES) :]} == {"always"}


def test_the_documentation_is_what_it_prints() -> None:
    written = (ROOT / "docs/rules.md").read_text()
    assert run("rules", "--markdown").stdout == written, "run: postern rules --markdown > docs/rules.md"


def test_a_cell_cannot_break_the_table() -> None:
    row = dict.fromkeys(("code", "clause", "action", "reply", "meaning", "fix"), "a | b")
    assert page([row]).splitlines()[-1] == "| " + " | ".join([r"a \| b"] * 6) + " |"


def test_the_actions_are_those_of_the_policy(installation: Installation) -> None:
    (installation.folder / "policy.toml").write_text('[actions]\nHDR-DATE = "observe"\nID-FROM = "off"\n')
    installation.configure(policy_file="policy.toml")
    rows = {row["code"]: row for row in json.loads(installation.run("rules", "--json").stdout)}
    assert (rows["HDR-DATE"]["action"], rows["ID-FROM"]["action"], rows["HDR-FROM"]["action"]) == (
        "observe", "off", "reject",
    )  # fmt: skip


def test_the_shipped_policy_names_every_rule() -> None:
    assert load_policy(None).actions.keys() == {rule.code for rule in RULES}


def test_a_policy_with_an_unknown_code_is_2(installation: Installation) -> None:
    (installation.folder / "policy.toml").write_text('[actions]\nHDR-FORM = "observe"\n')
    installation.configure(policy_file="policy.toml")
    refused(installation.run("rules"), "policy.toml", "HDR-FORM", "did you mean 'HDR-FROM'?")
    refused(run("rules", "--config", "none.toml"), "none.toml")
