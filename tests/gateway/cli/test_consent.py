"""`postern consent`: looking up, withdrawing, erasing; each act in force at once and in the audit."""

import json
from pathlib import Path

import pytest

from tests.rig.cli import Desk
from tests.rig.registry_desk import ANN, BOB, EVE, LISTED, imported, table


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return imported(tmp_path)


def allowed(desk: Desk, address: str) -> bool:
    return desk.run("consent", "check", address, *LISTED).exit_code == 0


def acts(desk: Desk) -> list[tuple[str, str]]:
    return [(record["act"], record["reason"]) for record in desk.records() if record["act"].startswith("consent")]


def test_check_answers_by_its_status_and_says_why_and_what_to_do(desk: Desk) -> None:
    assert desk.run("consent", "check", BOB, *LISTED).exit_code == 0
    result = desk.run("consent", "check", BOB, ANN, EVE, *LISTED)
    assert result.exit_code == 1
    for words in (f"{BOB}  yes", "express, event 1, E2", "EVIDENCE-LOW", "NO-CONSENT", "Record what is missing: time"):
        assert words in result.stdout
    rows = json.loads(desk.run("consent", "check", BOB, ANN, *LISTED, "--json").stdout)
    assert [(row["address"], row["allowed"], row["reason"]) for row in rows] == [
        (BOB, True, None),
        (ANN, False, "EVIDENCE-LOW"),
    ]
    assert rows[0]["ground"] == {"kind": "express", "id": 1, "at": "2026-01-05T09:00:00+00:00", "grade": "E2"}


def test_show_tells_all_about_one_address(desk: Desk) -> None:
    shown = desk.done("consent", "show", BOB, "--customer", "acme")
    for words in ("spring  yes", "2026-01-05 09:00:00 UTC", "given", "E2", "https://acme.example/join"):
        assert words in shown
    value = json.loads(desk.done("consent", "show", BOB, *LISTED, "--json"))
    assert (value["address"], value["customer"], value["lists"][0]["allowed"]) == (BOB, "acme", True)
    assert value["records"][0]["header"]["pii_principal_id"] == value["key"]
    assert value["records"][0]["events"][0]["personal"]["ip"] == "192.0.2.7"


def test_show_can_answer_about_an_address_that_nobody_named(desk: Desk) -> None:
    shown = desk.done("consent", "show", EVE, "--customer", "acme")
    assert "NO-CONSENT" in shown
    assert "nothing is on record about this address" in shown
    assert "the customer has no list" in desk.done("consent", "show", EVE, "--customer", "brand")


def test_one_customer_s_consents_are_none_of_another_s(desk: Desk) -> None:
    desk.done("lists", "add", "spring", "--customer", "brand")
    assert desk.run("consent", "check", BOB, "--customer", "brand", "--list", "spring").exit_code == 1
    assert "nothing is on record" in desk.done("consent", "show", BOB, "--customer", "brand")


def test_a_withdrawal_is_in_force_at_once_and_durable_in_the_audit_first(desk: Desk) -> None:
    assert allowed(desk, BOB)
    printed = desk.done("consent", "withdraw", BOB.upper(), *LISTED, "--reason", "told us on the phone")
    assert printed == "withdrawn from list 'spring' of customer 'acme', event 3\n"
    assert not allowed(desk, BOB)
    assert acts(desk) == [("consent withdraw", "told us on the phone")]
    kinds = [
        json.loads(line)["kind"]
        for segment in sorted((desk.folder / "var/audit/cli").glob("*.jsonl"))
        for line in segment.read_text().splitlines()
    ]
    assert kinds.index("withdrawal") < kinds.index("anchor")
    personal = json.loads(desk.done("consent", "show", BOB, "--customer", "acme", "--json"))["records"][0]["events"][-1]
    assert personal["personal"]["reason"] == "told us on the phone"


def test_a_withdrawal_from_one_list_leaves_others_and_one_without_leaves_none(desk: Desk) -> None:
    desk.done(
        "consent",
        "import",
        table(desk, f"{BOB},given,2026-01-05T10:00:00Z,x,192.0.2.7,signup-3"),
        "--customer",
        "acme",
        "--list",
        "autumn",
    )
    desk.done("consent", "withdraw", BOB, *LISTED)
    assert desk.run("consent", "check", BOB, "--customer", "acme", "--list", "autumn").exit_code == 0
    assert "from everything of customer 'acme'" in desk.done("consent", "withdraw", BOB, "--customer", "acme")
    assert desk.run("consent", "check", BOB, "--customer", "acme", "--list", "autumn").exit_code == 1


def test_no_import_lifts_a_withdrawal(desk: Desk) -> None:
    desk.done("consent", "withdraw", BOB, "--customer", "acme")
    desk.done(
        "consent",
        "import",
        table(desk, f"{BOB},given,2027-01-05T10:00:00Z,x,192.0.2.9,signup-3", name="new.csv"),
        *LISTED,
    )
    desk.done(
        "consent",
        "import",
        table(desk, f"{BOB},given,2026-11-01T10:00:00Z,x,192.0.2.9,signup-3", name="newer.csv"),
        *LISTED,
    )
    assert not allowed(desk, BOB)


def test_a_complaint_raises_the_list_until_it_is_lowered(desk: Desk) -> None:
    desk.done("consent", "withdraw", ANN, *LISTED, "--reason", "complaint")
    assert not allowed(desk, BOB)
    desk.done("lists", "lower", "spring", "--customer", "acme", "--reason", "form repaired")
    assert allowed(desk, BOB)
    assert not allowed(desk, ANN)


def test_an_erased_person_stays_suppressed_and_nothing_personal_is_left(desk: Desk) -> None:
    arguments = ("consent", "erase", BOB, "--customer", "acme", "--reason", "request by mail, ticket 4711")
    assert "the address stays suppressed" in desk.done(*arguments)
    assert not allowed(desk, BOB)
    value = json.loads(desk.done("consent", "show", BOB, "--customer", "acme", "--json"))
    assert all(event["erased"] for record in value["records"] for event in record["events"])
    assert "192.0.2.7" not in json.dumps(value)
    assert acts(desk)[-1] == ("consent erase", "request by mail, ticket 4711")
    again = desk.run(*arguments)
    assert again.exit_code == 1
    assert "erased at customer 'acme' before" in again.stderr
    assert "intact" in desk.done("consent", "verify")
    assert "intact" in desk.done("audit", "verify")


def test_an_address_that_was_never_on_file_can_be_erased_and_is_suppressed(desk: Desk) -> None:
    desk.done("consent", "erase", EVE, "--customer", "acme", "--reason", "ticket 4713")
    desk.done("consent", "import", table(desk, f"{EVE},given,2026-01-05T10:00:00Z,x,192.0.2.9,signup-3"), *LISTED)
    assert not allowed(desk, EVE)


def test_formats_are_listed(desk: Desk) -> None:
    rows = json.loads(desk.done("consent", "formats", "--json"))
    assert {"format": "generic", "file": rows[0]["file"], "consents": "yes"} in rows
    assert "mailchimp-subscribed" in {row["format"] for row in rows}


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("show", "nobody", "--customer", "acme"), 2, "write it like bob@recipient.example"),
        (("show", BOB), 2, "--customer"),
        (("show", BOB, "--customer", "acne"), 1, "no customer 'acne'; did you mean 'acme'?"),
        (("show", BOB, "--customer", "acme", "--list", "autumn"), 1, "has no list 'autumn'"),
        (("check", BOB, "--customer", "acme"), 2, "--list"),
        (("check", BOB, "nobody", "--customer", "acme", "--list", "spring"), 2, "no @ and domain"),
        (("check", BOB, "--customer", "acme", "--list", "autumn"), 1, "has no list 'autumn'"),
        (
            ("withdraw", BOB, "--customer", "acme", "--reason", "hard_bounce"),
            2,
            "reason: 'hard_bounce' does not fit here",
        ),
        (("withdraw", BOB, "--customer", "acme", "--reason", "a\x1b[2Jb"), 2, "printable text"),
        (("withdraw", BOB, "--customer", "acme", "--list", "No List"), 2, "id must be lower-case"),
        (("erase", BOB, "--customer", "acme"), 2, "--reason"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(
    desk: Desk, arguments: tuple[str, ...], status: int, message: str
) -> None:
    result = desk.run("consent", *arguments)
    assert result.exit_code == status, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert allowed(desk, BOB)
    assert acts(desk) == []


@pytest.mark.parametrize("name", ["show", "check", "withdraw", "erase", "formats"])
def test_help_teaches_with_an_example(desk: Desk, name: str) -> None:
    assert f"Example: postern consent {name}" in desk.done("consent", name, "--help")
