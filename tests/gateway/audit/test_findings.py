"""Findings counted by customer and rule: what would have been refused, on records of a journal and of a gateway."""

import asyncio
import json
import smtplib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from config.policy import Policy
from gateway.audit import findings as module
from gateway.audit.findings import Findings, TooManyRows, findings
from gateway.audit.segments import segment_path
from tests.rig.audit import NOON, Clock, decision, journal, outcome, reference
from tests.rig.gateway import PASSWORD, running

DAY = timedelta(days=1)


def finding(code: str, action: str = "reject", failed: bool = False) -> dict[str, Any]:
    return {"code": code, "clause": "MOD-2.5b", "action": action, "evidence": "2 From fields", "failed": failed}


WATCHED = finding("TRACE-ORDER", "observe")
REFUSING = finding("HDR-FROM")


def written(root: Path, *records: Any, process: str = "main") -> None:
    """A journal of decisions, a day apart; each record is what differs from one that passed."""
    clock = Clock()
    audit = journal(root / process, clock=clock)
    audit.open()
    for number, changes in enumerate(records, 1):
        clock.now = NOON + (number - 1) * DAY
        audit.append_blocking(decision(**{"reference": reference(number), **changes}))
    audit.close_blocking()


def counts(report: Findings) -> dict[tuple[str, str], tuple[int, ...]]:
    return {
        (row.customer, row.rule): (row.found, row.refused, row.if_enforced, row.if_rejecting, row.failed)
        for row in report.rows
    }


def totals(report: Findings) -> dict[str, tuple[int, int, int]]:
    return {each.customer: (each.messages, each.refused, each.if_enforced) for each in report.totals}


def test_what_passed_is_told_apart_by_what_let_it_pass(tmp_path: Path) -> None:
    refused = {"verdict": "reject"}
    watched = {"mode": "observe"}
    written(
        tmp_path,
        {},
        {"findings": (WATCHED,)},
        {"findings": (WATCHED, REFUSING), **refused},
        {"findings": (WATCHED, REFUSING, finding("HDR-DATE", "defer")), **watched},
        {"findings": (REFUSING,), "phase": "mail", **refused},
        {"findings": (REFUSING,), "customer": "other", "verdict": "defer"},
        {"customer": "quiet"},
    )
    report = findings(tmp_path)
    assert counts(report) == {
        ("acme", "TRACE-ORDER"): (3, 1, 0, 2, 0),
        ("acme", "HDR-FROM"): (3, 2, 1, 0, 0),
        ("acme", "HDR-DATE"): (1, 0, 1, 0, 0),
        ("other", "HDR-FROM"): (1, 1, 0, 0, 0),
    }
    assert totals(report) == {"acme": (5, 2, 1), "other": (1, 1, 0), "quiet": (1, 0, 0)}
    assert [row.rule for row in report.rows] == ["TRACE-ORDER", "HDR-FROM", "HDR-DATE", "HDR-FROM"]
    assert (report.rows[0].messages, report.rows[0].share) == (5, 0.4)


def test_the_newest_that_passed_are_the_examples(tmp_path: Path) -> None:
    written(tmp_path, *[{"findings": (WATCHED,)}] * 5, {"findings": (WATCHED, REFUSING), "verdict": "reject"})
    (watched, refusing) = findings(tmp_path).rows
    assert watched.examples == [reference(number) for number in (5, 4, 3)]
    assert refusing.examples == [reference(6)]


def test_time_customer_and_rule_narrow_it(tmp_path: Path) -> None:
    written(tmp_path, {"findings": (WATCHED,)}, {"customer": "other"}, {"findings": (WATCHED, REFUSING)}, {})
    written(tmp_path, {}, {"findings": (WATCHED,)}, process="worker-1")
    assert totals(findings(tmp_path)) == {"acme": (5, 0, 1), "other": (1, 0, 0)}
    assert totals(findings(tmp_path, since=NOON + DAY, until=NOON + 2 * DAY)) == {"acme": (1, 0, 0), "other": (1, 0, 0)}
    assert totals(findings(tmp_path, customer="other")) == {"other": (1, 0, 0)}
    assert totals(findings(tmp_path, customer="acm")) == {}
    narrowed = findings(tmp_path, rule="HDR-FROM")
    assert list(counts(narrowed)) == [("acme", "HDR-FROM")]
    assert totals(narrowed)["acme"] == (5, 0, 1)


def test_what_is_no_message_of_a_customer_is_not_counted(tmp_path: Path) -> None:
    written(
        tmp_path,
        {"customer": None, "credential": None},
        {"customer": None, "findings": (REFUSING,), "verdict": "reject"},
        {"phase": "rcpt", "findings": (finding("NEXT-HOP"),), "verdict": "reject"},
        {"message_id": '<"findings":[]@x>', "ehlo": '"phase":"data"', "findings": (WATCHED,)},
    )
    assert totals(findings(tmp_path)) == {"acme": (1, 0, 0)}
    assert counts(findings(tmp_path)) == {("acme", "TRACE-ORDER"): (1, 0, 0, 1, 0)}


def test_a_message_that_goes_on_without_some_recipients_is_one(tmp_path: Path) -> None:
    one = {"reference": reference(1)}
    written(
        tmp_path,
        {**one, "findings": (REFUSING,), "verdict": "reject"},
        {**one, "findings": (finding("HDR-DATE"),), "verdict": "defer"},
        {**one, "findings": (WATCHED,)},
        {**one, "reference": reference(2), "findings": (REFUSING,), "verdict": "reject"},
    )
    assert totals(findings(tmp_path)) == {"acme": (2, 1, 0)}


def test_a_rule_that_failed_has_found_nothing(tmp_path: Path) -> None:
    broke = finding("HDR-FROM", "defer", failed=True)
    written(tmp_path, {"findings": (broke,), "mode": "observe"}, {"findings": (broke,), "verdict": "defer"})
    assert counts(findings(tmp_path)) == {("acme", "HDR-FROM"): (0, 0, 0, 0, 2)}
    assert totals(findings(tmp_path)) == {"acme": (2, 1, 0)}


def test_a_record_that_somebody_changed_is_passed_over(tmp_path: Path) -> None:
    written(tmp_path, {"findings": (WATCHED,)}, {"findings": (WATCHED,)}, {"findings": (WATCHED,)})
    path = segment_path(tmp_path / "main", 1)
    text = path.read_bytes()
    whole = json.dumps([WATCHED], separators=(",", ":")).encode()
    assert whole in text
    for wrong in (b'["\xff"]', b"7", b"[7]", b'[{"code":["x"]}]', b'[{"code":"X"}]', b"[{"):
        path.write_bytes(text.replace(whole, wrong, 1))
        report = findings(tmp_path)
        assert {row.rule: row.found for row in report.rows if row.found} == {"TRACE-ORDER": 2}
        assert report.totals[0].messages in (2, 3)


def test_more_rows_than_are_held_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, *[{"customer": f"c{number}", "findings": (WATCHED,)} for number in range(4)])
    monkeypatch.setattr(module, "MOST_ROWS", 8)
    assert len(findings(tmp_path).rows) == 4
    monkeypatch.setattr(module, "MOST_ROWS", 7)
    with pytest.raises(TooManyRows, match="ask for one customer"):
        findings(tmp_path)
    assert findings(tmp_path, customer="c3").rows[0].customer == "c3"


def test_nothing_written_is_an_empty_report(tmp_path: Path) -> None:
    assert findings(tmp_path / "none") == Findings([], [])
    audit = journal(tmp_path / "main")
    audit.open()
    audit.append_blocking(outcome())
    audit.close_blocking()
    assert findings(tmp_path) == Findings([], [])


HONEST = "From: ann@{domain}\r\nTo: bob@recipient.example\r\nSubject: Lunch\r\n\r\nAt noon.\r\n"


async def test_records_of_a_gateway_say_what_enforcing_would_refuse(tmp_path: Path) -> None:
    policy = Policy.model_validate({"actions": {"HDR-DATE": "observe"}})
    async with running(tmp_path, policy=policy) as (gateway, _, _):

        def send(customer: str, *texts: str, path: str = "") -> None:
            host, _, port = gateway.smtp_addresses[0].rpartition(":")
            with smtplib.SMTP(host, int(port), "client.example", 10) as client:
                client.login(f"{customer}-app", PASSWORD)
                for text in texts:
                    client.docmd(f"MAIL FROM:<{path or f'ann@{customer}.example'}>")
                    client.docmd("RCPT TO:<bob@recipient.example>")
                    client.data(text.encode())

        forged = "Date: x\r\n" + HONEST.format(domain="bank.example")
        for customer in ("acme", "watched"):
            honest = HONEST.format(domain=f"{customer}.example")
            await asyncio.to_thread(send, customer, honest, "Date: x\r\n" + honest, forged)
        honest = HONEST.format(domain="watched.example")
        await asyncio.to_thread(send, "watched", honest, path="eve@evil.example")
        report = gateway.evidence.findings(None, None, None, None)
        assert totals(report) == {"acme": (3, 1, 0), "watched": (4, 0, 2)}
        assert counts(report) == {
            ("acme", "HDR-DATE"): (2, 1, 0, 1, 0),
            ("acme", "ID-FROM"): (1, 1, 0, 0, 0),
            ("watched", "HDR-DATE"): (2, 0, 0, 2, 0),
            ("watched", "ID-FROM"): (1, 0, 1, 0, 0),
            ("watched", "ID-REVERSE-PATH"): (1, 0, 1, 0, 0),
        }
