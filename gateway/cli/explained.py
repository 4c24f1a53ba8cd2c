"""Explained: a finding as `postern check` shows it to somebody who has the message and has not read the policy."""

from collections.abc import Sequence
from dataclasses import dataclass

import click

from filters import RULES
from filters.clauses import CLAUSES
from filters.model import Action, Finding
from gateway.cli.context import printable
from gateway.cli.where import Place

_RULES = {rule.code: rule.doc for rule in RULES}


@dataclass(frozen=True, slots=True)
class Explained:
    """A finding with the places it is about."""

    finding: Finding
    places: Sequence[Place]

    def members(self) -> dict[str, object]:
        """As JSON has it. `rule` is what the rule asks for; None for what the edge refuses."""
        finding = self.finding
        return {
            "code": finding.code,
            "clause": finding.clause,
            "clause_text": CLAUSES.get(finding.clause),
            "action": finding.action.value,
            "reason": finding.reply.text,
            "evidence": finding.evidence,
            "places": [{"line": place.line, "bytes": place.text} for place in self.places],
            "rule": _RULES.get(finding.code),
            "reply": str(finding.reply),
            "fix": finding.fix,
        }

    def show(self) -> None:
        """Print it."""
        finding = self.finding
        action = "observe: recorded, not refused" if finding.action is Action.OBSERVE else finding.action.value
        click.echo(f"\n{finding.code}  ({action})")
        lines = [("reason", finding.reply.text), ("found", printable(finding.evidence))]
        for place in self.places:
            lines.append(("where", place.text if place.line is None else f"line {place.line}: {place.text}"))
        lines.append(("clause", f"{finding.clause}: {CLAUSES[finding.clause]}"))
        for name, text in [*lines, ("fix", finding.fix)]:
            click.echo(f"  {name:<7} {text}")
