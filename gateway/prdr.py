"""PRDR: what it means for a message that single recipients are refused. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from consent.address import Address
from filters.model import Finding, Verdict
from gateway.smtp import refusals


def also_refused(verdict: Verdict, refused: Mapping[Address, Finding]) -> Verdict:
    """With these refused, where the verdict does not refuse them itself."""
    return replace(verdict, refused={**refused, **verdict.refused}) if refused else verdict


def with_refused(verdict: Verdict, recipients: Sequence[Address], *, prdr: bool) -> Verdict:
    """With PRDR the rest get the message, else nobody does."""
    found = [verdict.refused[address] for address in recipients if address in verdict.refused]
    if not found:
        return replace(verdict, refused={}) if verdict.refused else verdict
    if prdr and len(found) < len(recipients):
        return verdict
    # All are refused. Then the last reply is the worst, but with PRDR a 4xx for one of them: a 5xx would overrule
    # the reply that client had for that one.
    decisive = (min if prdr else max)(found, key=lambda finding: finding.reply.code)
    findings = (*verdict.findings, *dict.fromkeys(found))
    return Verdict(refusals.verdict(decisive).outcome, findings, decisive, verdict.refused if prdr else {})


def by_finding(refused: Mapping[Address, Finding], recipients: Sequence[Address]) -> dict[Finding, list[Address]]:
    """The refused of the recipients, by what refuses them, in order."""
    found: dict[Finding, list[Address]] = {}
    for address in recipients:
        if address in refused:
            found.setdefault(refused[address], []).append(address)
    return found
