"""`postern consent export`, `proof`, `verify`: whole, private, recorded; and damage is found."""

import csv
import io
import json
import sqlite3
import stat
from pathlib import Path

import pytest

from tests.rig.cli import Desk
from tests.rig.registry_desk import ANN, BOB, LISTED, imported


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return imported(tmp_path)


def test_json_has_every_record_and_goes_to_standard_output(desk: Desk) -> None:
    document = json.loads(desk.done("consent", "export", "--customer", "acme"))
    assert document["customer"] == "acme"
    assert {record["events"][0]["personal"]["address"] for record in document["records"]} == {BOB, ANN}
    assert json.loads(desk.done("consent", "export", "--customer", "brand"))["records"] == []


def test_csv_has_a_line_for_each_event_and_can_be_of_one_list(desk: Desk) -> None:
    desk.done("lists", "add", "autumn", "--customer", "acme")
    desk.done("consent", "withdraw", ANN, "--customer", "acme", "--list", "autumn")
    for only, states in (((), ["given", "given", "withdrawn"]), (("--list", "autumn"), ["withdrawn"])):
        text = desk.done("consent", "export", "--customer", "acme", "--format", "csv", *only)
        assert sorted(row["state"] for row in csv.DictReader(io.StringIO(text))) == states


def test_an_export_is_for_its_owner_only_and_never_overwrites(desk: Desk) -> None:
    file = desk.folder / "acme.json"
    arguments = ("consent", "export", "--customer", "acme", "--output", str(file))
    assert desk.done(*arguments) == ""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["records"]
    result = desk.run(*arguments)
    assert result.exit_code == 2
    assert "is there already" in result.stderr


def test_who_complained_is_left_out_for_the_customer(desk: Desk) -> None:
    desk.done("consent", "withdraw", ANN, *LISTED, "--reason", "complaint")
    assert "complaint" in desk.done("consent", "export", "--customer", "acme")
    assert "complaint" not in desk.done("consent", "export", "--customer", "acme", "--for-customer")


def test_a_proof_is_a_page_about_one_address(desk: Desk) -> None:
    file = desk.folder / "bob.html"
    desk.done("consent", "proof", BOB, "--customer", "acme", "--output", str(file))
    page = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for words in (
        BOB,
        "Acme Ltd",
        "192.0.2.7",
        "Yes, send me offers.",
        "gw.example",
        "event 1 in batch 1",
        "express, event 1, E2",
    ):
        assert words in page
    assert desk.done("consent", "proof", "zed@x.example", "--customer", "acme").startswith("<!DOCTYPE html>")


def test_who_complained_stands_in_the_internal_proof_only(desk: Desk) -> None:
    desk.done("consent", "withdraw", ANN, *LISTED, "--reason", "complaint")
    assert "complaint" not in desk.done("consent", "proof", ANN, "--customer", "acme")
    assert "complaint" in desk.done("consent", "proof", ANN, "--customer", "acme", "--internal")


def test_taking_data_out_stands_in_the_audit_without_the_address(desk: Desk) -> None:
    desk.done("consent", "export", "--customer", "acme", "--format", "csv")
    desk.done("consent", "proof", BOB, "--customer", "acme")
    found = [record for record in desk.records() if record["act"] in ("consent export", "consent proof")]
    assert [(record["act"], record["customer"]) for record in found] == [
        ("consent export", "acme"),
        ("consent proof", "acme"),
    ]
    assert found[0]["details"]["format"] == "csv"
    assert BOB not in json.dumps(found)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("export", "--customer", "acne"), 1, "no customer 'acne'"),
        (("export", "--customer", "acme", "--list", "autumn"), 1, "has no list 'autumn'"),
        (("export", "--customer", "acme", "--format", "xml"), 2, "'xml' is not one of"),
        (("export", "--customer", "acme", "--output", "/nowhere/x.json"), 2, "/nowhere/x.json: No such file"),
        (("proof", "nobody", "--customer", "acme"), 2, "write it like bob@recipient.example"),
    ],
)
def test_what_is_wrong_is_said(desk: Desk, arguments: tuple[str, ...], status: int, message: str) -> None:
    result = desk.run("consent", *arguments)
    assert result.exit_code == status
    assert message in result.stderr


def change(desk: Desk, statement: str) -> None:
    connection = sqlite3.connect(desk.folder / "var/postern-consent.db")
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_what_is_as_it_was_written_verifies(desk: Desk) -> None:
    assert desk.done("consent", "verify") == "2 events in 1 batches: intact\n"
    value = json.loads(desk.done("consent", "verify", "--json"))
    assert (value["ok"], value["events"], value["batches"], value["anchored"]) == (True, 2, 1, True)
    assert value["last"]["batch"] == 1


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE events SET body = replace(body, 'spring', 'winter') WHERE number = 1", "batch 1"),
        ("DELETE FROM events WHERE number = 2", "event 2 is missing"),
        ("UPDATE standings SET standing = '[]'", "its standing is not what its events come to"),
        ("UPDATE events SET sealed = NULL", "its personal fields are missing"),
    ],
)
def test_damage_is_status_1_and_named(desk: Desk, statement: str, fault: str) -> None:
    change(desk, statement)
    result = desk.run("consent", "verify")
    assert result.exit_code == 1
    assert "DAMAGED" in result.stdout
    assert fault in result.stdout
    assert not json.loads(desk.run("consent", "verify", "--json").stdout)["ok"]


def test_an_end_that_was_cut_off_shows_by_the_audit(desk: Desk) -> None:
    desk.done("consent", "withdraw", "eve@recipient.example", "--customer", "acme")
    for table, column in (("events", "number > 2"), ("batches", "number > 1"), ("standings", "last > 2")):
        change(desk, f"DELETE FROM {table} WHERE {column}")
    result = desk.run("consent", "verify")
    assert result.exit_code == 1
    assert "the end is missing: batch 2 is on record elsewhere" in result.stdout


def test_an_end_that_was_cut_off_and_written_over_shows_by_the_audit(desk: Desk) -> None:
    desk.done("consent", "withdraw", "eve@recipient.example", "--customer", "acme")
    desk.done("consent", "withdraw", "fay@recipient.example", "--customer", "acme")
    for table, column in (("events", "number > 2"), ("batches", "number > 1"), ("standings", "last > 2")):
        change(desk, f"DELETE FROM {table} WHERE {column}")
    desk.done("consent", "withdraw", "gil@recipient.example", "--customer", "acme")
    result = desk.run("consent", "verify")
    assert result.exit_code == 1
    assert "the end is missing: batch 3 is on record elsewhere" in result.stdout


def test_a_registry_in_which_nothing_is_recorded_verifies(tmp_path: Path) -> None:
    desk = Desk.at(tmp_path)
    result = desk.run("consent", "verify")
    assert result.exit_code == 0
    assert result.stdout.startswith("0 events in 0 batches: intact\n")
    assert "a missing end would not show" in result.stdout


@pytest.mark.parametrize("name", ["export", "proof", "verify"])
def test_help_teaches_with_an_example(desk: Desk, name: str) -> None:
    assert f"Example: postern consent {name}" in desk.done("consent", name, "--help")
