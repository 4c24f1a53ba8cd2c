"""`postern audit`: search by each option, and verify."""

import json
from pathlib import Path
from typing import Any

import pytest

from config.settings import load_settings
from consent.address import Address
from consent.model import ALL, Event, State
from gateway.audit.anchors import anchor
from gateway.audit.encoding import Record
from gateway.audit.record import Act, Decision, Outcome
from gateway.audit.withdrawals import Withdrawals
from gateway.evidence import Evidence
from tests.gateway.cli.conftest import Installation, refused
from tests.rig.gateway import Clock


def decision(number: int, **changes: Any) -> Decision:
    values: dict[str, Any] = {
        "reference": f"01M7XYQZHPTJEZ59VDFWJZ0PG{number}",
        "customer": "acme",
        "credential": "acme-app",
        "stream": "auto",
        "client": {"address": "127.0.0.1", "port": 4711},
        "ehlo": "client.example",
        "tls": None,
        "listener": "127.0.0.1:2525",
        "phase": "data",
        "reverse_path": Address.parse("ann@acme.example"),
        "recipients": (Address.parse("bob@recipient.example"),),
        "verdict": "accept",
        "reply": "250 2.0.0 Accepted",
        "policy": "0" * 64,
        "version": "1",
        "profile": "us",
        "mode": "enforce",
    }
    return Decision(**{**values, **changes})


FINDING = {"code": "ID-FROM", "clause": "MOD-2.5b", "action": "reject", "evidence": "from domain x", "failed": False}
MANY = tuple(Address.parse(f"r{n}@recipient.example") for n in range(5))


@pytest.fixture
def audited(installation: Installation) -> Installation:
    """Three decisions, an outcome and an operator's act, a minute apart."""
    settings, stores, clock = load_settings(installation.file), installation.stores(), Clock()
    journal = Evidence(settings, stores, clock).open("gateway", version="1", wait_seconds=0)
    records: tuple[Record, ...] = (
        decision(1, message_id="<1@acme.example>"),
        Outcome(decision(1).reference, "accepted", "default 127.0.0.1:2526", "250 2.0.0 Ok: queued as Q1", told=True),
        decision(2, verdict="reject", findings=(FINDING,), reply="550 5.7.1 No", reverse_path=None, recipients=MANY),
        decision(3, customer="nets", credential="127.0.0.2/32", verdict="defer", reply="451 4.3.0 Later"),
        Act("cli:ann", "suspend", "acme", None, "phishing"),
    )
    for minute, record in enumerate(records):
        clock.now = clock.now.replace(minute=minute)
        journal.append_blocking(record)
    journal.close_blocking()
    stores.database.close()
    return installation


def search(installation: Installation, *arguments: str) -> list[int]:
    """The numbers of the decisions found, newest first."""
    result = installation.run("audit", "search", "--json", *arguments)
    found = json.loads(result.stdout)
    assert result.exit_code == (0 if found else 1)
    return [int(record["reference"][-1]) for record in found]


def test_each_option_narrows_the_search(audited: Installation) -> None:
    assert search(audited) == [3, 2, 1]
    assert search(audited, "--customer", "acme") == [2, 1]
    assert search(audited, "--credential", "127.0.0.2/32") == [3]
    assert search(audited, "--sender", "ANN@acme.example") == [3, 1]
    assert search(audited, "--recipient", "r4@recipient.example") == [2]
    assert search(audited, "--message-id", "<1@acme.example>") == [1]
    assert search(audited, "--reference", decision(2).reference) == [2]
    assert search(audited, "--verdict", "defer") == [3]
    assert search(audited, "--rule", "ID-FROM") == [2]
    assert search(audited, "--since", "2026-11-20T10:02:00Z") == [3, 2]
    assert search(audited, "--until", "2026-11-20T11:02:00+01:00") == [1]
    assert search(audited, "--limit", "1") == [3]
    assert search(audited, "--customer", "acme", "--verdict", "defer") == []
    assert search(audited, "--customer", "nobody") == []


def test_the_table_shows_a_decision_with_its_outcome_on_one_line(audited: Installation) -> None:
    lines = audited.run("audit", "search").stdout.splitlines()
    assert len(lines) == 5
    assert "accept, accepted" in lines[4]
    assert "queued as Q1" in lines[4]
    assert "ID-FROM  <>" in " ".join(lines[3].split(" ")).replace("   ", "  ")
    assert "r0@recipient.example, r1@recipient.example and 3 more" in lines[3]


@pytest.mark.parametrize(("kind", "lines"), [("decision", 3), ("outcome", 1), ("action", 1), ("all", 6)])
def test_every_kind_can_be_shown(audited: Installation, kind: str, lines: int) -> None:
    result = audited.run("audit", "search", "--kind", kind)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == lines + 2
    if kind == "action":
        assert "suspend" in result.stdout
        assert "phishing" in result.stdout


def test_withdrawals_are_counted_and_name_nobody(audited: Installation) -> None:
    settings, stores = load_settings(audited.file), audited.stores()
    journal = Evidence(settings, stores, Clock()).open("cli", version="1", wait_seconds=0)
    bob = Address.parse("bob@recipient.example")
    events = [
        Event(state=state, party=ALL, list=ALL, at=1, recorded=1) for state in (*[State.WITHDRAWN] * 2, State.ERASED)
    ]
    journal.append_blocking(Withdrawals("acme", [(stores.secrets.subject_octets(bob), event) for event in events]))
    journal.append_blocking(anchor(None, "cli:ann"))
    journal.close_blocking()
    stores.close()
    result = audited.run("audit", "search", "--kind", "withdrawal", "--recipient", "bob@recipient.example")
    assert result.exit_code == 0
    assert "2 withdrawn, 1 erased" in result.stdout
    assert "batch 0" in audited.run("audit", "search", "--kind", "anchor").stdout
    assert "bob" not in audited.run("audit", "search", "--kind", "withdrawal", "--json").stdout
    assert audited.run("audit", "verify").exit_code == 0


def test_nothing_found_is_1(audited: Installation) -> None:
    refused(audited.run("audit", "search", "--kind", "refused"), "nothing found", status=1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--since", "yesterday"),
        ("--since", "2026-11-20T10:00:00"),
        ("--until", "0001-01-01T00:00:00+14:00"),
        ("--sender", "nobody"),
        ("--recipient", ""),
        ("--verdict", "maybe"),
        ("--kind", "segment"),
        ("--limit", "0"),
        ("--colour", "red"),
    ],
)
def test_wrong_use_is_2_and_names_the_option(installation: Installation, arguments: tuple[str, str]) -> None:
    result = installation.run("audit", "search", *arguments)
    assert result.exit_code == 2
    assert arguments[0] in result.stderr


def segment(installation: Installation) -> Path:
    (found,) = (installation.folder / "var/audit/gateway").glob("*.jsonl")
    return found


def test_an_audit_that_is_whole_is_0(audited: Installation) -> None:
    result = audited.run("audit", "verify")
    assert (result.exit_code, result.stdout) == (0, "6 records of 1 process(es): intact\n")


def test_a_changed_record_is_1_and_named(audited: Installation) -> None:
    path = segment(audited)
    path.write_bytes(path.read_bytes().replace(b"phishing", b"fishing!"))
    result = audited.run("audit", "verify")
    assert result.exit_code == 1
    assert "DAMAGED" in result.stdout
    assert "gateway segment 000001 record 6: it was changed" in result.stdout
    shown = json.loads(audited.run("audit", "verify", "--json").stdout)
    assert (shown["ok"], shown["faults"][0]["record"]) == (False, 6)


def test_a_torn_tail_is_a_note_and_0(audited: Installation) -> None:
    with segment(audited).open("ab") as file:
        file.write(b'{"hash":"')
    result = audited.run("audit", "verify")
    assert result.exit_code == 0
    assert "torn tail" in result.stdout


def test_an_audit_that_cannot_be_read_is_2(audited: Installation) -> None:
    path = segment(audited)
    path.rename(path.with_suffix(".moved"))
    path.mkdir()
    refused(audited.run("audit", "verify"), "000001.jsonl", "Is a directory")


def test_an_audit_nobody_has_written_to_is_whole(installation: Installation) -> None:
    result = installation.run("audit", "verify", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["records"] == 0
    refused(installation.run("audit", "search"), "nothing found", status=1)


def counted(installation: Installation, *arguments: str) -> dict[str, Any]:
    """What `audit findings --json` says."""
    result = installation.run("audit", "findings", "--json", *arguments)
    found: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (0 if found["customers"] else 1)
    return found


def test_findings_are_counted_by_customer_and_rule(audited: Installation) -> None:
    found = counted(audited)
    assert found["customers"] == [
        {"customer": "acme", "messages": 2, "refused": 1, "if_enforced": 0},
        {"customer": "nets", "messages": 1, "refused": 1, "if_enforced": 0},
    ]
    assert found["findings"] == [
        {"customer": "acme", "rule": "ID-FROM", "found": 1, "refused": 1, "if_enforced": 0, "if_rejecting": 0,
         "failed": 0, "messages": 2, "share": 0.0, "examples": [decision(2).reference]},
    ]  # fmt: skip
    assert counted(audited, "--customer", "nets")["findings"] == []
    assert counted(audited, "--rule", "HDR-FROM")["findings"] == []
    assert len(counted(audited, "--since", "2026-11-20T10:03:00Z")["customers"]) == 1
    assert counted(audited, "--until", "2026-11-20T10:00:00Z") == {"customers": [], "findings": []}


def test_the_table_of_findings_shows_customers_and_rules(audited: Installation) -> None:
    result = audited.run("audit", "findings")
    customers, rules = result.stdout.split("\n\n")
    assert "if enforced" in customers
    assert rules.splitlines()[2].split() == ["acme", "ID-FROM", "1", "1", "0", "0", "0", "0.00%", decision(2).reference]
    assert "ID-FROM" not in audited.run("audit", "findings", "--customer", "nets").stdout


def test_findings_of_an_unknown_rule_are_no_answer(audited: Installation) -> None:
    result = audited.run("audit", "findings", "--rule", "ID-FORM")
    assert result.exit_code == 2
    assert "unknown rule code" in result.stderr
    assert "ID-FROM" in result.stderr


def test_no_message_in_the_time_asked_for_is_1(audited: Installation) -> None:
    refused(audited.run("audit", "findings", "--customer", "nobody"), "nothing found", status=1)
