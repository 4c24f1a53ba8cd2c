"""Metrics: what Prometheus scrapes. One registry per process, passed in; a supervisor shows the sum of several."""

import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from filters.model import Rule, Verdict
from gateway.summing import Family

log = logging.getLogger("postern.alarm")


class Metrics:
    """The counters and gauges of one process. Label values come from fixed sets: rules, verdicts, parts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.verdicts = Counter("postern_verdicts", "Decisions", ["verdict"], registry=self.registry)
        self.findings = Counter("postern_findings", "Findings of rules", ["rule", "action"], registry=self.registry)
        self.rule_errors = Counter("postern_rule_errors", "Rules that raised", ["rule"], registry=self.registry)
        self.outcomes = Counter(
            "postern_outcomes", "What became of forwarded mail", ["outcome"], registry=self.registry
        )
        self.unsubscribes = Counter(
            "postern_unsubscribes", "Withdrawals through a token", ["reason"], registry=self.registry
        )
        self.confirmations = Counter(
            "postern_confirmations", "Confirmation mails, and opt-ins confirmed", ["result"], registry=self.registry
        )
        self.strangers = Counter(
            "postern_strangers_refused", "Refusals of clients that are no customer", ["reason"], registry=self.registry
        )
        self.limits = Counter(
            "postern_limited", "Refusals by limits", ["scope", "measure", "window"], registry=self.registry
        )
        self.signal_locks = Counter(
            "postern_signal_locks", "Credentials locked by signals of theft", registry=self.registry
        )
        self.connections = Counter("postern_connections", "SMTP connections", registry=self.registry)
        self.auth = Counter("postern_auth", "Attempts to authenticate", ["result"], registry=self.registry)
        self.auth_waiting = Gauge(
            "postern_auth_waiting", "Attempts that wait for their back-off or a thread", registry=self.registry
        )
        self.shed = Counter(
            "postern_shed", "Connections and transactions turned away", ["at", "reason"], registry=self.registry
        )
        self.loop_delay = Histogram(
            "postern_loop_delay_seconds",
            "How late the event loop turns, seen ten times a second",
            buckets=(0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
            registry=self.registry,
        )
        self.overloaded = Gauge("postern_overloaded", "1 while mail is turned away for that", registry=self.registry)
        self.sessions = Gauge("postern_sessions", "Open SMTP sessions", registry=self.registry)
        self.rules_off = Gauge(
            "postern_rule_off", "1 for each rule that policy has switched off", ["rule"], registry=self.registry
        )
        self.locked = Gauge("postern_credentials_locked", "Credentials that are locked", registry=self.registry)
        self.exempted = Gauge("postern_exemptions", "Exemptions that are in force", registry=self.registry)
        self.healthy = Gauge("postern_healthy", "1 while a part works", ["part"], registry=self.registry)
        self.alarms = Counter("postern_alarms", "Alarms", ["part"], registry=self.registry)
        self.worker_ends = Counter(
            "postern_worker_ends", "Workers that ended unasked", ["worker"], registry=self.registry
        )
        self.dispatches = Counter(
            "postern_dispatches", "Attempts to tell customers something", ["via", "result"], registry=self.registry
        )
        self.dispatches_waiting = Gauge(
            "postern_dispatches_waiting", "What customers are yet to be told, of all nodes", registry=self.registry
        )
        self.dispatches_oldest = Gauge(
            "postern_dispatches_oldest_seconds", "Age of the oldest of these", registry=self.registry
        )
        self.dispatches_failed = Gauge(
            "postern_dispatches_failed", "What was given up in the last 30 days", registry=self.registry
        )
        self.reloads = Counter("postern_reloads", "SIGHUP", ["result"], registry=self.registry)
        # To look a label up costs more than to count.
        self._verdict = lru_cache(maxsize=16)(self.verdicts.labels)
        self._outcome = lru_cache(maxsize=16)(self.outcomes.labels)

    def decided(self, verdict: Verdict) -> None:
        """Count a decision and its findings."""
        self._verdict(verdict.outcome.name.lower()).inc()
        for finding in verdict.findings:
            self.findings.labels(finding.code, finding.action.value).inc()
            if finding.failed:
                self.rule_errors.labels(finding.code).inc()
                log.error("rule %s failed: %s", finding.code, finding.evidence)

    def ended(self, outcome: str) -> None:
        """Count what became of a message that was forwarded."""
        self._outcome(outcome).inc()

    def limited(self, scope: str, measure: str, window: str) -> None:
        """There was no room in a limit: one of `config.limits`, by its names."""
        self.limits.labels(scope, measure, window).inc()

    def alarm(self, part: str, text: str) -> None:
        """Something of ours is wrong."""
        self.alarms.labels(part).inc()
        log.error("%s: %s", part, text)

    def loop_late(self, seconds: float, too_late: bool) -> None:
        """How late the event loop was just now, and whether that is an overload."""
        self.loop_delay.observe(seconds)
        self.overloaded.set(too_late)

    def forget(self, part: str) -> None:
        """There is no such part any more, so it is neither well nor ill."""
        with contextlib.suppress(KeyError):
            self.healthy.remove(part)

    def switched_off(self, rules: Sequence[Rule], on: frozenset[str]) -> None:
        """Show which rules policy has switched off: an off switch is seen."""
        for rule in rules:
            self.rules_off.labels(rule.code).set(0 if rule.code in on else 1)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)

    def families(self) -> list[Family]:
        """All of it as values, for another process to add to its own (`gateway.summing.summed`)."""
        return [
            Family(found.name, found.type, found.documentation, [(each[0], each[1], each[2]) for each in found.samples])
            for found in self.registry.collect()
        ]


def exposition(families: Iterable[Family]) -> bytes:
    """The exposition format of metrics that may come from several processes."""
    return generate_latest(cast(CollectorRegistry, _Families(families)))


class _Families(Collector):
    """Metrics that are there already."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Each of them."""
        for family in self._families:
            metric = Metric(family.name, family.help, family.kind)
            for name, labels, value in family.samples:
                metric.add_sample(name, labels, value)
            yield metric
