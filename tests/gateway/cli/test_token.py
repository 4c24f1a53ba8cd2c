"""`postern token`: made once, shown once, revoked for good."""

import json
from pathlib import Path

import pytest

from tests.rig.cli import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk.at(tmp_path)


def test_the_token_stands_alone_on_the_last_line_and_is_never_shown_again(desk: Desk) -> None:
    printed = desk.done("token", "create", "--role", "auditor")
    token = printed.splitlines()[-1]
    assert token.startswith("postern_")
    assert " " not in token
    number = token.split("_")[1]
    assert number in printed.splitlines()[0]
    listed = desk.done("token", "list")
    assert number in listed
    assert token not in listed
    everything = [path.read_bytes() for path in (desk.folder / "var").rglob("*") if path.is_file()]
    assert not any(token.split("_", 2)[2].encode() in data for data in everything)


def test_making_and_revoking_are_recorded(desk: Desk) -> None:
    number = desk.done("token", "create", "--role", "admin").splitlines()[-1].split("_")[1]
    assert f"token {number} is revoked" in desk.done("token", "revoke", number)
    assert "was revoked before" in desk.done("token", "revoke", number)
    assert [(record["act"], record["target"]) for record in desk.records()] == [
        ("token create", number),
        ("token revoke", number),
    ]
    (row,) = json.loads(desk.done("token", "list", "--json"))
    assert (row["id"], row["role"], row["customer"]) == (number, "admin", None)
    assert row["revoked"]


def test_a_customer_s_token_names_the_customer(desk: Desk) -> None:
    desk.done("customers", "apply", desk.customers)
    printed = desk.done("token", "create", "--role", "customer", "--customer", "acme")
    assert "for customer 'acme'" in printed
    assert "acme" in desk.done("token", "list")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("create",), 2, "--role"),
        (("create", "--role", "root"), 2, "'root' is not one of 'admin', 'auditor', 'customer'"),
        (("create", "--role", "customer"), 2, "names a customer"),
        (("create", "--role", "admin", "--customer", "acme"), 2, "names a customer"),
        (("create", "--role", "customer", "--customer", "nobody"), 1, "postern: no customer 'nobody'"),
        (("revoke", "ffffffffffff"), 1, "postern: no token 'ffffffffffff'; `postern token list`"),
    ],
)
def test_what_cannot_be_done_says_why(desk: Desk, arguments: tuple[str, ...], status: int, message: str) -> None:
    result = desk.run("token", *arguments)
    assert result.exit_code == status
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("name", ["create", "list", "revoke"])
def test_help_teaches_with_an_example(desk: Desk, name: str) -> None:
    assert f"Example: postern token {name}" in desk.done("token", name, "--help")
