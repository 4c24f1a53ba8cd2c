"""`postern audit explain`: in words and as JSON, by its status the same verdict or not."""

import json
from typing import Any

import pytest

from config.settings import load_settings
from consent.address import Address
from consent.model import ALL, Event, Reason, State, micros
from consent.notices import Notice, NoticeStore
from consent.records import Entry
from gateway.audit.record import Decision, Outcome
from gateway.evidence import Evidence
from tests.gateway.cli.conftest import Installation, refused
from tests.gateway.cli.test_audit import FINDING, decision
from tests.rig.gateway import Clock

REFERENCE = decision(1).reference
BOB, EVE = (Address.parse(f"{name}@recipient.example") for name in ("bob", "eve"))
NOW = micros(Clock().now)
GIVEN = Event(state=State.GIVEN, party="acme", list="spring", at=NOW - 10**9, recorded=NOW - 10**9, grade=2,
              ground="express", method="web_form", notice="signup-3", actor="token:1", source="https://acme.example/")  # fmt: skip
LEFT = Event(state=State.WITHDRAWN, party=ALL, list=ALL, at=NOW - 10**8, recorded=NOW - 10**8, reason=Reason.COMPLAINT)
MAILING = {"list": "spring", "party": "acme", "required": "E2", "profiles": ["us"], "list_source": "",
           "list_complaint_at": None, "class": "C4", "at": NOW}  # fmt: skip
LEAVING = {"code": "WITHDRAWN", "clause": "MOD-2.1k", "action": "reject", "evidence": "list spring", "failed": False}


def ruled(recipient: Address, ground: dict[str, Any], **changes: Any) -> Decision:
    return decision(1, recipients=(recipient,), mailing=MAILING, grounds=(ground,), stream="bulk", **changes)


def record(installation: Installation, *records: Decision | Outcome) -> None:
    stores = installation.stores()
    journal = Evidence(load_settings(installation.file), stores, Clock()).open("gateway", version="1", wait_seconds=0)
    for each in records:
        journal.append_blocking(each)
    journal.close_blocking()
    stores.close()


@pytest.fixture
def audited(installation: Installation) -> Installation:
    """A message of which one recipient was refused and one had a ground."""
    stores = installation.stores()
    stores.consents.append("acme", [Entry(BOB, GIVEN), Entry(EVE, GIVEN), Entry(EVE, LEFT)])
    NoticeStore(stores.consent_database).put("acme", Notice(id="signup-3", text="Yes, send me the spring offers."))
    stores.close()
    record(
        installation,
        ruled(EVE, {"refused": "COMPLAINT", "reasons": ["COMPLAINT: complaint, event 3"]}, phase="rcpt",
              verdict="reject", reply="550 5.7.1 Recipient unsubscribed", findings=(LEAVING,)),
        ruled(BOB, {"ground": "express", "event": 1, "grade": "E2"}, message_class="C4", basis="stream bulk",
              sha256="0" * 64, size=700),
        Outcome(REFERENCE, "accepted", "default 127.0.0.1:2526", "250 2.0.0 Ok: queued as Q1", told=True),
    )  # fmt: skip
    return installation


def test_a_message_is_explained_in_words(audited: Installation) -> None:
    found = audited.run("audit", "explain", REFERENCE)
    assert found.exit_code == 0, found.output
    lines = {" ".join(line.split()) for line in found.output.splitlines()}
    assert {
        "finding WITHDRAWN (reject)",
        "clause MOD-2.1k: whoever leaves a mailing list must be removed from it",
        "recipient eve@recipient.example: refused, COMPLAINT",
        "because COMPLAINT: complaint, event 3",
        "event 3 withdrawn complaint, list *, party *",
        "class C4 (bulk): stream bulk",
        "list spring, party acme",
        "asked as C4 (bulk), consents from E2, profiles us",
        "recipient bob@recipient.example: ground express, grade E2",
        "event 1 given E2, list spring, party acme",
        "by token:1",
        "notice signup-3: Yes, send me the spring offers.",
        "next hop accepted by default 127.0.0.1:2526, the client was told: 250 2.0.0 Ok: queued as Q1",
        "replayed: same verdict",
    } <= lines
    assert f"policy {'0' * 64}, mode enforce; another is in force now" in lines


def test_the_same_as_json(audited: Installation) -> None:
    found = audited.run("audit", "explain", REFERENCE, "--json")
    assert found.exit_code == 0
    explained = json.loads(found.stdout)
    assert (explained["replay"], len(explained["decisions"])) == ("same", 2)
    assert explained["decisions"][1]["outcome"]["outcome"] == "accepted"


def test_what_differs_is_named_and_is_status_1(audited: Installation) -> None:
    record(audited, ruled(EVE, {"ground": "express", "event": 2, "grade": "E2"}, verdict="reject", findings=(FINDING,)))
    found = audited.run("audit", "explain", REFERENCE)
    assert found.exit_code == 1
    (line,) = (line for line in found.output.splitlines() if line.startswith("DIFFERS"))
    assert "on record allowed: express, event 2, E2; replayed refused COMPLAINT" in line
    assert found.output.endswith("replayed: it differs\n")


def test_a_reference_that_is_not_there_is_status_1(audited: Installation) -> None:
    refused(audited.run("audit", "explain", "01M7XYQZHPTJEZ59VDFWJZ0PG9"), "no decision", status=1)


def test_one_without_mailing_and_grounds_is_explained_too(installation: Installation) -> None:
    record(installation, decision(1, verdict="defer", findings=({**FINDING, "action": "defer"},), recipients=()))
    found = installation.run("audit", "explain", REFERENCE)
    assert found.exit_code == 0, found.output
    assert "ID-FROM (defer)" in found.output
