"""`postern exempt`: bounded, with a reason, in the audit; and what `postern check` makes of it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.rig.cli import Desk

SOON = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
ADD = ("exempt", "add", "ID-FROM", "--customer", "acme", "--until", SOON, "--reason", " migration,\n ticket 4711 ")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk.at(tmp_path)
    made.done("customers", "apply", made.customers)
    return made


def test_an_exemption_is_listed_recorded_and_removed(desk: Desk) -> None:
    assert "customer 'acme' is exempt from ID-FROM until" in desk.done(*ADD)
    (row,) = json.loads(desk.done("exempt", "list", "--json"))
    assert (row["customer"], row["rule"], row["in force"], row["reason"]) == (
        "acme", "ID-FROM", "yes", "migration, ticket 4711",
    )  # fmt: skip
    last_day = datetime.fromisoformat(SOON) + timedelta(days=1)
    assert row["until"] == f"{last_day:%Y-%m-%d %H:%M} UTC"
    assert json.loads(desk.done("exempt", "list", "--customer", "brand", "--json")) == []
    record = desk.records()[-1]
    assert (record["act"], record["target"], record["reason"]) == ("exempt add", "ID-FROM", "migration, ticket 4711")
    assert record["details"]["exemption"] == row["id"]
    desk.done("exempt", "remove", "id-from", "--customer", "acme", "--reason", "over")
    assert desk.records()[-1]["details"] == {"exemption": row["id"]}
    assert json.loads(desk.done("exempt", "list", "--json")) == []


def test_mail_passes_the_rule_and_the_finding_names_the_exemption(desk: Desk) -> None:
    mail = desk.folder / "mail.eml"
    mail.write_text("From: ann@elsewhere.example\n\nHello\n")
    judge = ("check", str(mail), "--customer", "acme", "--mail-from", "ann@acme.example", "--json")
    assert desk.run(*judge).exit_code == 1
    desk.done(*ADD)
    assert desk.run(*judge).exit_code == 0
    desk.done("exempt", "remove", "ID-FROM", "--customer", "acme", "--reason", "over")
    assert desk.run(*judge).exit_code == 1


def test_what_is_wrong_is_said_and_changes_nothing(desk: Desk) -> None:
    desk.done(*ADD)
    far = f"{datetime.now(UTC) + timedelta(days=400):%Y-%m-%d}"

    def add(rule: str = "HDR-DATE", customer: str = "acme", until: str = SOON, reason: str = "x") -> tuple[str, ...]:
        return ("exempt", "add", rule, "--customer", customer, "--until", until, "--reason", reason)

    for arguments, status, message in [
        (ADD, 1, "customer 'acme' is exempt from ID-FROM already, until"),
        (add("HDR-DAT"), 2, "unknown rule code; did you mean 'HDR-DATE'?"),
        (add("BARE-LF"), 2, "refuses always"),
        (add(customer="acne"), 1, "no customer 'acne'; did you mean 'acme'?"),
        (add(until=far), 2, "until: must lie ahead, by at most 366 days"),
        (add(until="2020-01-01"), 2, "until: must lie ahead"),
        (add(until="tomorrow"), 2, "write a day such as 2027-01-31"),
        (add(until="9999-12-31"), 2, "write a day such as 2027-01-31"),
        (add(until="2027-01-31T10:00:00"), 2, "with its offset"),
        (add(reason=" "), 2, "a reason is required"),
        (("exempt", "list", "--customer", "acne"), 1, "no customer 'acne'"),
        (("exempt", "remove", "HDR-DATE", "--customer", "acme", "--reason", "x"), 1, "nothing was changed"),
        (("exempt", "remove", "ID-FROM", "--customer", "acme", "--reason", ""), 2, "a reason is required"),
        (("exempt", "remove", "ID-FROM", "--customer", "acne", "--reason", "x"), 1, "no customer 'acne'"),
    ]:
        result = desk.run(*arguments)
        assert (result.exit_code, message in result.stderr) == (status, True), (arguments, result.output)
    assert len(desk.records()) == 3


@pytest.mark.parametrize("name", ["list", "add", "remove"])
def test_help_teaches_with_an_example(desk: Desk, name: str) -> None:
    assert f"Example: postern exempt {name}" in desk.done("exempt", name, "--help")
