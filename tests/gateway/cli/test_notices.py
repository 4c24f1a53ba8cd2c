"""`postern notices`: a wording is kept once, shown whole, never replaced."""

import json
from pathlib import Path

import pytest

from tests.rig.cli import Desk

WORDING = "Yes, send me offers.\nI can withdraw at any time.\n"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk.at(tmp_path)
    made.done("customers", "apply", made.customers)
    (tmp_path / "signup.txt").write_text(WORDING, encoding="utf-8-sig")
    return made


def test_a_notice_is_kept_from_a_file_and_shown_whole(desk: Desk) -> None:
    assert "no notices yet" in desk.run("notices", "list", "--customer", "acme").stderr
    file = str(desk.folder / "signup.txt")
    arguments = ("notices", "add", "signup-3", "--customer", "acme", "--file", file, "--language", "en")
    assert "is kept, SHA-256 " in desk.done(*arguments, "--withdrawal-statement")
    assert "stood so already" in desk.done(*arguments, "--withdrawal-statement")
    shown = json.loads(desk.done("notices", "show", "signup-3", "--customer", "acme", "--json"))
    assert (shown["text"], shown["language"], shown["withdrawal_statement"]) == (WORDING.removesuffix("\n"), "en", True)
    assert "Yes, send me offers." in desk.done("notices", "show", "signup-3", "--customer", "acme")
    assert "signup-3" in desk.done("notices", "list", "--customer", "acme")
    (record,) = [record for record in desk.records() if record["act"] == "notices add"]
    assert (record["target"], record["details"]["sha256"]) == ("signup-3", shown["sha256"])


def test_a_long_text_is_cut_in_the_table_only(desk: Desk) -> None:
    desk.done("notices", "add", "long", "--customer", "acme", "--text", "word " * 100, "--default-checked")
    assert "…" in desk.done("notices", "list", "--customer", "acme")
    (row,) = json.loads(desk.done("notices", "list", "--customer", "acme", "--json"))
    assert (len(row["text"]), row["default_checked"]) == (500, True)


def test_another_text_under_the_same_id_is_status_1(desk: Desk) -> None:
    desk.done("notices", "add", "signup-3", "--customer", "acme", "--text", "Yes.")
    result = desk.run("notices", "add", "signup-3", "--customer", "acme", "--text", "No.")
    assert result.exit_code == 1
    assert "put the new wording under a new id" in result.stderr
    assert len([record for record in desk.records() if record["act"] == "notices add"]) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("add", "a", "--customer", "acme"), 2, "give the wording by --file or by --text"),
        (
            ("add", "a", "--customer", "acme", "--text", "x", "--file", "y"),
            2,
            "give the wording by --file or by --text",
        ),
        (("add", "a", "--customer", "acme", "--text", " "), 2, "notice 'a': text is required"),
        (("add", "a", "--customer", "acme", "--file", "nowhere.txt"), 2, "nowhere.txt: No such file"),
        (("add", "a b", "--customer", "acme", "--text", "x"), 2, "notice: id must be letters"),
        (("add", "a", "--customer", "nobody", "--text", "x"), 1, "no customer 'nobody'"),
        (("show", "a", "--customer", "acme"), 1, "customer 'acme' has no notice 'a' on file"),
    ],
)
def test_what_is_wrong_is_said(desk: Desk, arguments: tuple[str, ...], status: int, message: str) -> None:
    result = desk.run("notices", *arguments)
    assert result.exit_code == status
    assert message in result.stderr


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_the_line_end_of_a_file_is_no_part_of_the_wording(desk: Desk, end: bytes) -> None:
    desk.done("notices", "add", "signup-3", "--customer", "acme", "--text", "Yes.")
    (desk.folder / "signup.txt").write_bytes(b"Yes." + end)
    file = str(desk.folder / "signup.txt")
    assert "stood so already" in desk.done("notices", "add", "signup-3", "--customer", "acme", "--file", file)


def test_a_file_that_is_no_text_is_refused(desk: Desk) -> None:
    (desk.folder / "signup.txt").write_bytes(b"caf\xe9")
    result = desk.run("notices", "add", "a", "--customer", "acme", "--file", str(desk.folder / "signup.txt"))
    assert result.exit_code == 2
    assert "signup.txt: not UTF-8: save it as UTF-8" in result.stderr


@pytest.mark.parametrize("name", ["list", "show", "add"])
def test_help_teaches_with_an_example(desk: Desk, name: str) -> None:
    assert f"Example: postern notices {name}" in desk.done("notices", name, "--help")
