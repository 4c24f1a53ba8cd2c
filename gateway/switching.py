"""The operator's switch, what command and API share: which rules have exemptions, and what the audit hears of locks."""

from collections.abc import Mapping
from typing import Any

from consent.credentials import Switching
from filters.engine import UnknownRule, check_code
from gateway.audit.record import Act
from gateway.smtp.replies import REFUSALS


def checked_rule(text: str) -> str:
    """The rule's code; raises UnknownRule, naming the nearest, for one that there is not, and for the edge's own
    refusals, which policy cannot switch off either."""
    code = text.strip().upper()[:64]
    if any(refusal.code == code for refusal in REFUSALS):
        raise UnknownRule(f"rule: {code} refuses always: neither policy nor an exemption lifts it")
    check_code(code, f"rule: {code}")
    return code


def acts(who: str, act: str, done: Switching, reason: str) -> list[Act]:
    """What stands in the audit of locks that were made or lifted: one record for each customer."""
    found = []
    for customer, names in done.by_customer().items():
        before = {each.name: each.lock.source for each in done.changed if each.customer == customer and each.lock}
        details: Mapping[str, Any] = {"credentials": names} | ({"locked_by": before} if before else {})
        target = names[0] if len(names) == 1 else None
        found.append(Act(who, f"credentials {act}", customer, target, reason, details))
    return found
