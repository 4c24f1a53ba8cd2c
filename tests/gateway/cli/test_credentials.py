"""`postern credentials`: names, locks, passwords shown once, and that the audit hears of it."""

import json
from datetime import timedelta
from pathlib import Path

import click
import pytest
from click.testing import Result

from gateway.audit.errors import JournalFull
from gateway.audit.journal import Journal
from gateway.cli.credentials import duration
from tests.rig.cli import Desk

NETWORK = "198.51.100.0/28"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk.at(tmp_path)
    made.done("customers", "apply", made.customers)
    return made


def shown(desk: Desk, *arguments: str) -> dict[str, dict[str, str]]:
    rows = json.loads(desk.done("credentials", "list", "--json", *arguments))
    return {row["credential"]: row for row in rows}


def test_a_lock_and_its_end_stand_in_the_list_and_in_the_audit(desk: Desk) -> None:
    said = desk.done("credentials", "lock", "ACME-app", "--reason", " stolen,\n ticket 4711 ")
    assert said == "credential 'acme-app' of customer 'acme' is locked\nrunning nodes follow within 5 seconds\n"
    row = shown(desk)["acme-app"]
    assert (row["standing"], row["reason"], row["locked by"]) == ("locked", "stolen, ticket 4711", "operator")
    assert "locked already, since" in desk.done("credentials", "lock", "acme-app", "--reason", "again")
    desk.done("credentials", "unlock", "acme-app", "--customer", "acme", "--reason", "password changed")
    assert "is not locked; nothing was changed" in desk.done("credentials", "unlock", "acme-app", "--reason", "x")
    assert shown(desk)["acme-app"]["standing"] == "active"
    locked, unlocked = desk.records()[2:]
    assert (locked["act"], locked["customer"], locked["target"], locked["reason"]) == (
        "credentials lock", "acme", "acme-app", "stolen, ticket 4711",
    )  # fmt: skip
    assert (unlocked["act"], unlocked["reason"]) == ("credentials unlock", "password changed")
    assert unlocked["details"] == {"credentials": ["acme-app"], "locked_by": {"acme-app": "operator"}}


def test_a_credential_without_a_username_is_called_by_its_network(desk: Desk) -> None:
    desk.done("credentials", "lock", NETWORK, "--reason", "x")
    assert [name for name, row in shown(desk).items() if row["standing"] == "locked"] == [NETWORK]
    assert shown(desk)[NETWORK]["kind"] == "networks"
    assert list(shown(desk, "--customer", "acme")) == ["acme-app"]


def test_what_matches_nothing_is_status_1_and_no_filter_is_wrong_use(desk: Desk) -> None:
    for arguments, status, message in [
        (("lock", "nobody", "--reason", "x"), 1, "there is no such credential: credential 'nobody'; nothing was"),
        (("unlock", "nobody", "--customer", "acme", "--reason", "x"), 1, "nothing was changed"),
        (("lock", "acme-app", "--customer", "acne", "--reason", "x"), 1, "no customer 'acne'; did you mean 'acme'?"),
        (("lock", "acme-app", "--customer", "brand", "--reason", "x"), 1, "nothing was changed"),
        (("rotate", "nobody"), 1, "nothing was changed"),
        (("rotate", NETWORK), 1, "has no password"),
        (("rotate", "acme-app", "--customer", "acne"), 1, "no customer 'acne'"),
        (("remove", "acme-app", "--reason", "x"), 1, "stands in the file"),
        (("remove", "nobody", "--reason", "x"), 1, "nothing was changed"),
        (("create", "brand-shop", "--customer", "acne"), 1, "no customer 'acne'"),
        (("create", "ACME-app", "--customer", "brand"), 1, "username 'ACME-app' is held by customer 'acme'"),
        (("create", "a+b", "--customer", "acme"), 2, "a username holds no '+'"),
        (("create", "a/b", "--customer", "acme"), 2, "username: holds no '/'"),
        (("lock", "--reason", "x"), 2, "say which: NAME, or --customer ID, or both; or --all"),
        (("lock", "acme-app", "--all", "--reason", "x"), 2, "say which"),
        (("lock", "acme-app", "--reason", " "), 2, "a reason is required"),
        (("unlock", "acme-app", "--reason", " "), 2, "a reason is required"),
        (("remove", "acme-app", "--reason", " "), 2, "a reason is required"),
        (("lock", "acme-app"), 2, "--reason"),
        (("rotate", "acme-app", "--overlap", "7"), 2, "must be a number with d, h or m"),
    ]:
        result = desk.run("credentials", *arguments)
        assert (result.exit_code, message in result.stderr) == (status, True), (arguments, result.output)
    assert all(row["standing"] == "active" for row in shown(desk).values())
    assert len(desk.records()) == 2


def test_a_password_is_printed_once_alone_on_the_last_line(desk: Desk) -> None:
    lines = desk.done("credentials", "create", "acme-shop", "--customer", "acme", "--stream", "bulk").splitlines()
    password = lines[-1]
    assert len(password) == 24
    row = shown(desk)["acme-shop"]
    assert (row["made by"], row["stream"], row["kind"]) == ("command", "bulk", "password")
    record = desk.records()[-1]
    assert (record["act"], record["target"], record["details"]) == (
        "credentials create", "acme-shop", {"stream": "bulk"},
    )  # fmt: skip
    written = b"".join(path.read_bytes() for path in (desk.folder / "var").rglob("*") if path.is_file())
    assert password.encode() not in written
    assert "acme        unchanged" in desk.done("customers", "apply", desk.customers)
    assert "acme-shop" in shown(desk)
    desk.done("credentials", "remove", "acme-shop", "--reason", "closed")
    assert (desk.records()[-1]["act"], desk.records()[-1]["reason"]) == ("credentials remove", "closed")
    assert "acme-shop" not in shown(desk)


def test_a_rotation_says_how_long_the_old_password_holds(desk: Desk) -> None:
    said = desk.done("credentials", "rotate", "acme-app", "--overlap", "7d")
    assert "The old one holds until" in said and len(said.splitlines()[-1]) == 24
    assert shown(desk)["acme-app"]["old password until"]
    assert "old_until" in desk.records()[-1]["details"]
    again = desk.run("credentials", "rotate", "acme-app", "--overlap", "0")
    assert "an earlier password, which was still good, has ended" in again.stderr
    assert "The old one has ended" in again.stdout
    assert shown(desk)["acme-app"]["old password until"] is None


def test_applying_a_file_says_what_becomes_of_what_commands_did(desk: Desk) -> None:
    desk.done("credentials", "create", "acme-shop", "--customer", "acme")
    desk.done("credentials", "rotate", "acme-app")
    desk.done("credentials", "lock", "acme-shop", "--reason", "x")
    path = Path(desk.customers)
    extra = '[[customers.credentials]]\nusername = "acme-shop"\npassword = "another horse"\n'
    path.write_text(
        path.read_text()
        .replace("correct horse", "a new horse")
        .replace("\n[[customers]]", extra + "\n[[customers]]", 1)
    )
    result = desk.run("customers", "apply", desk.customers)
    assert result.exit_code == 0, result.output
    for words in (
        "'acme-shop' was made by a command; it is the file's now",
        "'acme-app' has the file's new password; the one that `credentials rotate` made has ended",
        "'acme-shop' is locked, and stays so",
    ):
        assert words in result.stderr
    details = desk.records()[-1]["details"]
    assert (details["adopted"], details["ended"]) == (["acme-shop"], ["acme-app"])
    assert "locked" in desk.done("customers", "show", "acme")


def test_a_name_that_is_locked_already_is_told_at_create(desk: Desk) -> None:
    desk.done("credentials", "create", "acme-shop", "--customer", "acme")
    desk.done("credentials", "lock", "acme-shop", "--reason", "stolen")
    desk.done("credentials", "remove", "acme-shop", "--reason", "closed")
    assert shown(desk)["acme-shop"]["kind"] == "none at present"
    result = desk.run("credentials", "create", "acme-shop", "--customer", "acme")
    assert "its name is locked since" in result.stderr
    assert shown(desk)["acme-shop"]["standing"] == "locked"


def test_what_is_done_and_not_recorded_is_told_and_the_password_is_not_lost(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Journal, record: object) -> int:
        raise JournalFull("the disk is full")

    monkeypatch.setattr(Journal, "append_blocking", full)

    def unrecorded(*arguments: str) -> Result:
        result = desk.run("credentials", *arguments)
        assert (result.exit_code, "done, but the audit could not record it" in result.stderr) == (2, True)
        return result

    assert len(unrecorded("create", "acme-shop", "--customer", "acme").stdout.splitlines()[-1]) == 24
    assert len(unrecorded("rotate", "acme-app").stdout.splitlines()[-1]) == 24
    unrecorded("lock", "acme-app", "--reason", "x")
    assert shown(desk)["acme-app"]["standing"] == "locked"


@pytest.mark.parametrize(("text", "seconds"), [("7d", 604800), ("12H", 43200), ("30m", 1800), ("0", 0), ("0d", 0)])
def test_durations(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "7", "-1d", "91d", "1w", "9999999d", "d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        duration(text)


@pytest.mark.parametrize("name", ["list", "create", "lock", "unlock", "rotate", "remove"])
def test_help_teaches_with_an_example(desk: Desk, name: str) -> None:
    assert f"Example: postern credentials {name}" in desk.done("credentials", name, "--help")


def test_check_says_what_a_locked_credential_is_answered(desk: Desk) -> None:
    mail = desk.folder / "mail.eml"
    mail.write_text("From: ann@acme.example\n\nHello\n")
    judge = ("check", str(mail), "--customer", "acme")
    assert desk.run(*judge).exit_code == 0
    desk.done("credentials", "lock", "acme-app", "--reason", "stolen")
    result = desk.run(*judge)
    assert (result.exit_code, "450 4.7.1 This credential is locked" in result.stdout) == (1, True)
    assert "MAIL" in result.stdout
