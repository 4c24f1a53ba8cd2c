"""`postern consent import`: exit statuses, what is printed, what the audit has; a bar for those who watch."""

import io
import json
import sys
import zipfile
from pathlib import Path

import pytest

from consent.import_jobs import Job, Order
from consent.importer import Importer
from gateway.cli.bar import bar
from gateway.cli.consent_import import bar_of, quality_lines
from tests.rig.cli import Desk
from tests.rig.registry_desk import ANN, BOB, EVE, LISTED, ROWS, prepared, table


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return prepared(tmp_path)


def bring(desk: Desk, file: str, *options: str) -> str:
    return desk.done("consent", "import", file, *LISTED, *options)


def records(desk: Desk, process: str) -> list[dict[str, object]]:
    return [
        json.loads(line)
        for segment in sorted((desk.folder / "var/audit" / process).glob("*.jsonl"))
        for line in segment.read_text().splitlines()
    ]


def test_rows_are_taken_and_those_that_cannot_be_are_listed_with_their_line(desk: Desk) -> None:
    file = table(desk, *ROWS, "nobody,given,2026-01-06T11:00:00Z,x,,", f"{EVE},given,03/04/2024,x,,")
    printed = bring(desk, file, "--attest", "all signed up on our site")
    assert "generic: 4 rows, 2 accepted, 2 refused" in printed
    assert "they state 2 consents; 2 new, 0 known before" in printed
    assert "\nline 4  " in printed
    assert "\nline 5  " in printed
    assert "nobody" not in printed
    shown = json.loads(desk.done("lists", "list", "--customer", "acme", "--json"))
    assert [row["id"] for row in shown] == ["spring"]


def test_what_was_brought_by_whom_stands_in_the_audit_and_each_batch_is_anchored(desk: Desk) -> None:
    bring(desk, table(desk, *ROWS, f"{EVE},withdrawn,2026-01-07T00:00:00Z,,,"), "--attest", "all signed up on our site")
    found = records(desk, "import-1")
    acts = {str(record["act"]): record for record in found if record["kind"] == "action"}
    details = acts["consent import"]["details"]
    assert isinstance(details, dict)
    assert (details["rows"], details["attestation"]) == (3, "all signed up on our site")
    assert [record["kind"] for record in found] == ["start", "withdrawal", "anchor", "anchor", "action"]
    everything = b"".join(path.read_bytes() for path in (desk.folder / "var/audit").rglob("*.jsonl"))
    assert b"recipient.example" not in everything
    assert "intact" in desk.done("audit", "verify")
    assert "intact" in desk.done("consent", "verify")


def test_the_same_file_again_changes_nothing(desk: Desk) -> None:
    file = table(desk, *ROWS)
    first = json.loads(bring(desk, file, "--json"))
    assert "imported before, as " + first["id"] in bring(desk, file)
    again = json.loads(bring(desk, file, "--json"))
    assert (again["already_imported"], again["facts"]["new"], again["facts"]["known"]) == (True, 0, 2)


def test_a_dry_run_says_what_would_change_and_changes_nothing(desk: Desk) -> None:
    file = table(desk, *ROWS, f"{EVE},withdrawn,2026-01-07T00:00:00Z,,,")
    printed = bring(desk, file, "--dry-run")
    assert "2  new consents" in printed
    assert "1  new withdrawals" in printed
    assert "nothing was changed: this was a dry run" in printed
    assert desk.done("lists", "list", "--customer", "acme", "--json") == "[]\n"
    assert not (desk.folder / "var/audit/import-1").exists()


def test_what_stops_mail_can_be_for_everything_the_customer_sends(desk: Desk) -> None:
    bring(desk, table(desk, f"{BOB},withdrawn,2026-01-07T00:00:00Z,,,"), "--scope", "all")
    shown = json.loads(desk.done("consent", "show", BOB, "--customer", "acme", "--json"))
    assert [each["processing"]["purposes"][0]["purpose_id"] for each in shown["records"]] == ["*"]


def test_the_platform_s_name_of_a_file_can_be_told_apart_from_its_path(desk: Desk) -> None:
    file = desk.folder / "renamed.csv"
    file.write_text("email,created\nbob@recipient.example,1767600000\n")
    refused = desk.run("consent", "import", str(file), *LISTED)
    assert refused.exit_code == 2
    assert "--filename" in refused.stderr
    printed = bring(desk, str(file), "--filename", "suppression_global_unsubscribes.csv")
    assert printed.startswith("sendgrid-global-unsubscribes: 1 rows, 1 accepted")


def test_a_zip_of_exports_is_taken_whole(desk: Desk) -> None:
    path = desk.folder / "audience.zip"
    with zipfile.ZipFile(path, "w") as archive:
        columns = "Email Address,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LEID,EUID"
        archive.writestr("subscribed_members.csv", f"{columns}\n{BOB},2,,,2026-01-05 10:00:00,192.0.2.7,1,a\n")
        archive.writestr(
            "unsubscribed_members.csv",
            f"{columns},UNSUB_TIME\n{ANN},2,,,2026-01-05 10:00:00,192.0.2.8,2,b,2026-02-01 10:00:00\n",
        )
    printed = bring(desk, str(path), "--tz", "UTC")
    assert "2 rows, 2 accepted" in printed
    assert "1 withdrawals" in printed


@pytest.mark.parametrize(
    ("content", "options", "status", "message"),
    [
        ("a,b,c\n1,2,3\n", (), 2, "--format"),
        ("", (), 2, "postern: "),
        ("email\nbob@recipient.example\n", (), 2, "does not say what it means"),
        ("email,event_state\n", ("--format", "mailchump"), 2, "mailchimp"),
        ("email,event_state\n", ("--scope", "world"), 2, "'world' is not one of 'list', 'all'"),
        ("email,event_state\n", ("--tz", "Atlantis/Poseidonis"), 2, "Atlantis"),
        ("email,event_state\n", ("--list", "Spring Sale"), 2, "list: id must be lower-case"),
        ("email,event_state\n", ("--customer", "acne"), 1, "no customer 'acne'; did you mean 'acme'?"),
    ],
)
def test_a_file_or_use_that_is_wrong_is_refused_whole(
    desk: Desk, content: str, options: tuple[str, ...], status: int, message: str
) -> None:
    file = desk.folder / "x.csv"
    file.write_text(content)
    result = desk.run("consent", "import", str(file), *LISTED, *options)
    assert result.exit_code == status, result.output
    assert message in result.stderr
    assert desk.done("lists", "list", "--customer", "acme", "--json") == "[]\n"


def test_a_file_that_is_not_there_is_status_2(desk: Desk) -> None:
    result = desk.run("consent", "import", str(desk.folder / "nowhere.csv"), *LISTED)
    assert result.exit_code == 2
    assert "nowhere.csv" in result.stderr


def test_addresses_that_were_bought_are_refused_whole(desk: Desk) -> None:
    desk.done("lists", "add", "spring", "--customer", "acme", "--source", "purchased")
    result = desk.run("consent", "import", table(desk, *ROWS), *LISTED)
    assert result.exit_code == 2
    assert "purchased" in result.stderr


def test_a_notice_without_text_is_recorded_as_declared_and_said_to_be(desk: Desk) -> None:
    for notice, said in (("signup-9", True), ("signup-3", False)):
        file = table(desk, *ROWS, name=f"{notice}.csv")
        result = desk.run("consent", "import", file, *LISTED, "--notice", notice)
        assert result.exit_code == 0
        assert ("no text of notice 'signup-9' is on file" in result.stderr) is said


def test_an_interrupted_import_says_how_to_go_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Importer, "start", interrupted)
    result = desk.run("consent", "import", table(desk, *ROWS), *LISTED)
    assert result.exit_code == 1
    assert "give the same command again" in result.stderr


def test_many_errors_are_counted_and_the_first_ones_shown(desk: Desk) -> None:
    printed = bring(desk, table(desk, *(f"nobody{n},given,2026-01-06T11:00:00Z,x,," for n in range(25))))
    assert printed.count("\nline ") == 20
    assert "and 5 errors more; --json shows the first 25" in printed


def test_a_watcher_is_shown_a_bar(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    job = Job(id="1", order=Order(customer="acme", list="spring"), status="running", phase="consents", done=5, total=10)
    with bar("reading") as step:
        shown = bar_of(step)
        assert shown is not None
        shown(job)
    assert "75%" in terminal.getvalue()
    assert bar_of(None) is None


def test_the_quality_of_a_file_is_told_in_words() -> None:
    lines = list(
        quality_lines(
            {
                "grades": {"E1": 3, "E2": 1},
                "shared_times": [{"time": "2026-01-01T00:00:00+00:00", "rows": 3, "share": 0.75}],
                "shared_addresses": [{"address": "192.0.2.7", "rows": 2, "share": 0.5}],
                "role_accounts": {"rows": 1, "share": 0.25},
                "future_times": {"rows": 0, "share": 0.0},
            }
        )
    )
    assert lines == [
        "grades by evidence: 3 E1, 1 E2",
        "3 consents (75%) bear one time, 2026-01-01T00:00:00+00:00",
        "2 consents (50%) bear one network address, 192.0.2.7",
        "1 consents (25%) are of addresses of a function, such as info@",
    ]
    assert list(quality_lines({})) == []


def test_help_teaches(desk: Desk) -> None:
    shown = desk.done("consent", "import", "--help")
    for words in ("Example: postern consent import", "Exit status:", "--dry-run", "--attest"):
        assert words in shown
