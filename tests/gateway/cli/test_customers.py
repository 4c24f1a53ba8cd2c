"""`postern customers`: what it prints, its exit statuses, and that the audit hears of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.cli import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk.at(tmp_path)


@pytest.fixture
def applied(desk: Desk) -> Desk:
    desk.done("customers", "apply", desk.customers)
    return desk


def test_apply_says_what_happened_to_each_customer(desk: Desk) -> None:
    assert "acme        added     active" in desk.done("customers", "apply", desk.customers)
    assert "acme        unchanged  active" in desk.done("customers", "apply", desk.customers)
    rows = json.loads(desk.done("customers", "apply", desk.customers, "--json"))
    assert rows[1] == {"customer": "brand", "result": "unchanged", "standing": "active"}


def test_apply_says_that_forwarding_needs_dns(desk: Desk) -> None:
    file = desk.folder / "forwards.toml"
    file.write_text(
        '[[customers]]\nid = "fwd"\nname = "Fwd"\ndomains = ["fwd.example"]\n'
        '[[customers.credentials]]\nnetworks = ["198.51.100.77/32"]\nforwarding = true\n'
    )
    result = desk.run("customers", "apply", str(file))
    assert result.exit_code == 0
    assert "customer 'fwd': forwarding needs DNS" in result.stderr


def test_what_was_applied_stands_in_the_audit_and_what_was_unchanged_does_not(desk: Desk) -> None:
    desk.done("customers", "apply", desk.customers)
    desk.done("customers", "apply", desk.customers)
    assert [(record["act"], record["customer"]) for record in desk.records()] == [
        ("customers apply", "acme"),
        ("customers apply", "brand"),
    ]
    assert desk.records()[0]["details"]["credentials"] == ["acme-app"]


def test_a_conflict_is_status_1_and_applies_nothing(applied: Desk) -> None:
    other = applied.folder / "other.toml"
    other.write_text('[[customers]]\nid = "thief"\nname = "Thief"\ndomains = ["acme.example", "thief.example"]\n')
    result = applied.run("customers", "apply", str(other))
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "postern: customer 'thief': domain 'acme.example' is held by customer 'acme'",
        "postern: nothing was applied",
    ]
    assert "thief" not in applied.done("customers", "list")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('name = "Brand"', 'nmae = "Brand"', "customers[1].nmae: unknown key; did you mean 'name'?"),
        ('name = "Brand"', 'name = "Brand"\nactions = { HDR-FORM = "off" }', "unknown rule code; did you mean 'HDR-FR"),
        ('name = "Brand"', 'name = "Brand"\nnext_hop = "defualt"', "no next hop 'defualt'; did you mean 'default'?"),
        ("networks =", 'next_hop = "bulk"\nnetworks =', "credential '198.51.100.0/28': next_hop"),
        ("[[customers]]", "[[customers", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_status_2(desk: Desk, before: str, after: str, message: str) -> None:
    path = Path(desk.customers)
    path.write_text(path.read_text().replace(before, after))
    result = desk.run("customers", "apply", desk.customers)
    assert result.exit_code == 2
    assert message in result.stderr
    assert all(line.startswith("postern: ") for line in result.stderr.splitlines())


def test_a_file_that_is_not_there_is_status_2(desk: Desk) -> None:
    result = desk.run("customers", "apply", "nowhere.toml")
    assert result.exit_code == 2
    assert "nowhere.toml: cannot be read: No such file or directory" in result.stderr


def test_what_is_switched_off_is_said_to_be(desk: Desk) -> None:
    path = Path(desk.customers)
    path.write_text(path.read_text().replace('name = "Brand"', 'name = "Brand"\nbulk = { slow_start = 0 }'))
    result = desk.run("customers", "apply", desk.customers)
    assert result.exit_code == 0
    assert result.stderr == "postern: customer 'brand': 0 switches off: bulk.slow_start\n"


def test_links_that_cannot_be_made_are_said_to_be_missing(desk: Desk) -> None:
    path = Path(desk.customers)
    written = path.read_text()
    path.write_text(written.replace('name = "Brand"', 'name = "Brand"\nunsubscribe = "insert"'))
    assert desk.run("customers", "apply", desk.customers).stderr == (
        "postern: customer 'brand': unsubscribe = 'insert' needs a URL: its bulk mail gets 451 until [http] public_url "
        "is set\n"
    )
    more = 'unsubscribe = "insert"\nunsubscribe_alias = "Leave.Brand.example"'
    path.write_text(written.replace('name = "Brand"', f'name = "Brand"\n{more}'))
    assert desk.run("customers", "apply", desk.customers).stderr == ""
    assert '"leave.brand.example"' in desk.done("customers", "show", "brand", "--json")


def test_list_and_show_never_show_a_password(applied: Desk) -> None:
    for arguments in (("list",), ("list", "--json"), ("show", "acme"), ("show", "acme", "--json")):
        shown = applied.done("customers", *arguments)
        assert "acme-app" in shown
        assert "argon2" not in shown
        assert "correct horse" not in shown
    listed = json.loads(applied.done("customers", "list", "--json"))
    assert [(each["id"], each["standing"]["status"]) for each in listed] == [("acme", "active"), ("brand", "active")]
    assert listed[0]["credentials"][0]["password"] is True
    assert "credentials[0].password" in applied.done("customers", "show", "acme")


def test_an_empty_list_says_how_to_fill_it(desk: Desk) -> None:
    result = desk.run("customers", "list")
    assert result.exit_code == 0
    assert "postern customers apply FILE.toml" in result.stderr
    assert desk.done("customers", "list", "--json") == "[]\n"


def test_suspend_and_resume_act_once_and_are_recorded(applied: Desk) -> None:
    assert "is suspended; running nodes follow" in applied.done("customers", "suspend", "acme", "--reason", "phishing")
    assert "is suspended already since" in applied.done("customers", "suspend", "acme", "--reason", "again")
    assert "phishing" in applied.done("customers", "show", "acme")
    assert "suspended" in applied.done("customers", "apply", applied.customers)
    assert "is active; running" in applied.done("customers", "resume", "acme", "--reason", "cleaned")
    assert "is active already" in applied.done("customers", "resume", "acme", "--reason", "again")
    records = [(record["act"], record["customer"], record["reason"]) for record in applied.records()]
    assert records[2:] == [("suspend", "acme", "phishing"), ("resume", "acme", "cleaned")]


@pytest.mark.parametrize("act", [("show",), ("suspend", "--reason", "x"), ("resume", "--reason", "x")])
def test_an_unknown_customer_is_status_1_with_the_nearest_name(applied: Desk, act: tuple[str, ...]) -> None:
    result = applied.run("customers", act[0], "acne", *act[1:])
    assert result.exit_code == 1
    assert result.stderr == "postern: no customer 'acne'; did you mean 'acme'?\n"


def test_a_reason_is_required(applied: Desk) -> None:
    for arguments in ((), ("--reason", "  ")):
        result = applied.run("customers", "suspend", "acme", *arguments)
        assert result.exit_code == 2
        assert "reason" in result.stderr
    assert len(applied.records()) == 2


def test_wrong_settings_are_status_2(desk: Desk) -> None:
    (desk.folder / "postern.toml").write_text("hostnam = 1\n")
    result = desk.run("customers", "list")
    assert result.exit_code == 2
    assert "hostnam" in result.stderr


def test_secrets_of_another_installation_are_status_2(applied: Desk) -> None:
    (applied.folder / "var" / "secrets.toml").unlink()
    result = applied.run("customers", "list")
    assert result.exit_code == 2
    assert "secrets.toml is missing: bring it back" in result.stderr
    assert not (applied.folder / "var" / "secrets.toml").exists()


@pytest.mark.parametrize("name", ["apply", "list", "show", "suspend", "resume"])
def test_help_teaches_with_an_example(desk: Desk, name: str) -> None:
    shown = desk.done("customers", name, "--help")
    assert f"Example: postern customers {name}" in shown
    assert "--config" in shown


def test_the_installed_command_does_the_same(desk: Desk) -> None:
    command = [sys.executable, "-c", "from gateway.cli import main; main()", "customers", "apply", "customers.toml"]
    done = subprocess.run(command, cwd=desk.folder, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "brand       added     active" in done.stdout
    assert (desk.folder / "var" / "postern.db").is_file()
