"""`postern parties`: the customer's own and others."""

import json
from pathlib import Path

import pytest

from tests.rig.cli import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk.at(tmp_path)
    made.done("customers", "apply", made.customers)
    return made


def test_a_party_is_added_and_changed_and_both_are_recorded(desk: Desk) -> None:
    add = ("parties", "add", "tents", "--customer", "acme")
    assert desk.done(*add, "--name", "Tents Inc", "--email", "hello@tents.example") == "party 'tents' is added\n"
    assert desk.done(*add, "--trading-name", "Tents & More") == "party 'tents' is changed\n"
    assert "stood so already" in desk.done(*add, "--trading-name", "Tents & More")
    rows = json.loads(desk.done("parties", "list", "--customer", "acme", "--json"))
    assert [(row["id"], row["name"]) for row in rows] == [("acme", "Acme Ltd"), ("tents", "Tents Inc")]
    assert "Tents & More" in desk.done("parties", "show", "tents", "--customer", "acme")
    acts = [(record["act"], record["target"]) for record in desk.records()[2:]]
    assert acts == [("parties add", "tents")] * 2


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("add", "tents", "--customer", "acme"), 2, "party 'tents': name is required"),
        (("add", "tents", "--customer", "acme", "--name", "Tents"), 2, "give an email, a phone or a url"),
        (
            ("add", "tents", "--customer", "acme", "--name", "Tents", "--phone", "1", "--domain", "brand.example"),
            2,
            "domain 'brand.example' is not among the customer's: acme.example",
        ),
        (("add", "acme", "--customer", "acme", "--name", "Other"), 2, "change it in customers.toml"),
        (("show", "tents", "--customer", "acme"), 1, "customer 'acme' has no party 'tents'"),
    ],
)
def test_what_is_wrong_is_said(desk: Desk, arguments: tuple[str, ...], status: int, message: str) -> None:
    result = desk.run("parties", *arguments)
    assert result.exit_code == status
    assert message in result.stderr
    assert len(json.loads(desk.done("parties", "list", "--customer", "acme", "--json"))) == 1


@pytest.mark.parametrize("name", ["list", "show", "add"])
def test_help_teaches_with_an_example(desk: Desk, name: str) -> None:
    assert f"Example: postern parties {name}" in desk.done("parties", name, "--help")
