"""Metrics count decisions, show what is switched off, and can be scraped."""

from config.policy import Action, Policy
from filters import RULES
from filters.engine import bind
from filters.model import Finding, Outcome, Reply, Verdict
from gateway.metrics import Metrics


def test_decisions_findings_and_broken_rules_are_counted() -> None:
    metrics = Metrics()
    found = Finding("A-B", "MOD-9", Action.DEFER, "x", Reply(451, "4.3.0", "x"), "x.", failed=True)
    metrics.decided(Verdict(Outcome.DEFER, (found,), found))
    value = metrics.registry.get_sample_value
    assert value("postern_verdicts_total", {"verdict": "defer"}) == 1
    assert value("postern_findings_total", {"rule": "A-B", "action": "defer"}) == 1
    assert value("postern_rule_errors_total", {"rule": "A-B"}) == 1


def test_what_policy_switches_off_is_seen() -> None:
    metrics = Metrics()
    bound = bind(Policy(actions={"HDR-DATE": Action.OFF}))
    metrics.switched_off(RULES, frozenset(each.rule.code for each in bound))
    assert metrics.registry.get_sample_value("postern_rule_off", {"rule": "HDR-DATE"}) == 1
    assert metrics.registry.get_sample_value("postern_rule_off", {"rule": "HDR-FROM"}) == 0


def test_alarms_are_counted_and_the_text_can_be_scraped() -> None:
    metrics = Metrics()
    metrics.alarm("audit", "disk full")
    assert b'postern_alarms_total{part="audit"} 1.0' in metrics.text()


def test_a_part_that_is_no_more_is_not_shown() -> None:
    metrics = Metrics()
    metrics.healthy.labels("next-hop old").set(0)
    for _ in range(2):
        metrics.forget("next-hop old")
    assert b"next-hop old" not in metrics.text()
