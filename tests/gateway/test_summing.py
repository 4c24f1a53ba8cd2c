"""Metrics of several processes add up, never fall when one of them ends, and show the worst of what is no number."""

from gateway.metrics import Metrics, exposition
from gateway.summing import Family, lasting, summed


def text(*processes: list[Family]) -> str:
    return exposition(summed(processes)).decode()


def test_counters_and_sessions_add_up_label_by_label() -> None:
    one, two = Metrics(), Metrics()
    one.outcomes.labels("accepted").inc(3)
    two.outcomes.labels("accepted").inc(4)
    two.outcomes.labels("unknown").inc()
    one.sessions.set(2)
    two.sessions.set(5)
    found = text(one.families(), two.families())
    assert 'postern_outcomes_total{outcome="accepted"} 7.0' in found
    assert 'postern_outcomes_total{outcome="unknown"} 1.0' in found
    assert "postern_sessions 7.0" in found
    assert found.count("# TYPE postern_outcomes_total counter") == 1


def test_a_part_is_healthy_only_where_every_process_says_so() -> None:
    one, two = Metrics(), Metrics()
    for metrics, healthy in ((one, 1), (two, 0)):
        metrics.healthy.labels("registry").set(healthy)
        metrics.rules_off.labels("HDR-DATE").set(1)
    found = text(one.families(), two.families())
    assert 'postern_healthy{part="registry"} 0.0' in found
    assert 'postern_rule_off{rule="HDR-DATE"} 1.0' in found


def test_what_a_process_counted_outlives_it_and_what_it_had_open_does_not() -> None:
    ended, begun = Metrics(), Metrics()
    ended.connections.inc(10)
    ended.sessions.set(4)
    begun.connections.inc(1)
    found = text(lasting(ended.families()), begun.families())
    assert "postern_connections_total 11.0" in found
    assert "postern_sessions 0.0" in found


def test_one_process_is_shown_as_it_shows_itself() -> None:
    metrics = Metrics()
    metrics.connections.inc(2)
    metrics.alarm("audit", "full")
    assert exposition(metrics.families()) == metrics.text()
