"""A finding explained: each part is there, also for what the edge refuses."""

import pytest

from filters.model import Action
from gateway.cli.explained import Explained
from gateway.cli.where import Place
from gateway.smtp import replies


def test_what_the_edge_refuses_has_no_rule(capsys: pytest.CaptureFixture[str]) -> None:
    explained = Explained(replies.SIZE.finding("9 octets, limit 8"), ())
    assert explained.members()["rule"] is None
    assert explained.members()["clause_text"]
    explained.show()
    shown = capsys.readouterr().out
    assert shown.startswith("\nSIZE  (reject)\n  reason  ")
    assert "  found   9 octets, limit 8\n" in shown


def test_what_only_observes_says_so_and_evidence_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    finding = replies.SIZE.finding("a\x1b[2Jb")
    watched = type(finding)(finding.code, finding.clause, Action.OBSERVE, finding.evidence, finding.reply, finding.fix)
    Explained(watched, (Place(3, "To: x"), Place(None, "MAIL FROM:<>"))).show()
    shown = capsys.readouterr().out
    assert "SIZE  (observe: recorded, not refused)" in shown
    assert "\x1b" not in shown
    assert "  where   line 3: To: x\n  where   MAIL FROM:<>\n" in shown
