"""The engine: pairs rules with policy once, then asks them. Pure.

A rule that raises defers the message (451): it never passes mail and never bounces it. The exception is a rule that
policy only observes: it decides nothing, so its failure decides nothing either; it stands in the record and in the
metrics.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.files import nearest
from config.policy import Action, Policy
from filters import RULES
from filters.message import Message
from filters.model import Facts, Finding, Outcome, Phase, Reply, Rule, Verdict

BROKEN = Reply(451, "4.3.0", "Message could not be checked; it may pass later")
"""The reply when a rule itself failed: our fault, so 4xx."""

_OUTCOME = {
    Action.OFF: Outcome.ACCEPT,
    Action.OBSERVE: Outcome.ACCEPT,
    Action.DEFER: Outcome.DEFER,
    Action.REJECT: Outcome.REJECT,
}


class UnknownRule(ValueError):
    """A policy names a rule code that does not exist; the text names it and the nearest that does."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A rule and the action policy takes on its finding; never `off`."""

    rule: Rule
    action: Action


def check_code(code: str, place: str, rules: Sequence[Rule] = RULES) -> None:
    """Raise UnknownRule, beginning with `place`, for a code that is no rule's."""
    codes = [rule.code for rule in rules]
    if code not in codes:
        raise UnknownRule(f"{place}: unknown rule code{nearest(code, codes)}")


def check_codes(actions: Mapping[str, Action], rules: Sequence[Rule] = RULES) -> None:
    """Raise UnknownRule for the first code in `actions` that is no rule's."""
    for code in actions:
        check_code(code, f"actions.{code}", rules)


def bind(
    policy: Policy, overrides: Mapping[str, Action] | None = None, rules: Sequence[Rule] = RULES
) -> tuple[Bound, ...]:
    """The rules that are on, each with its action: a customer's overrides, then the policy, then its default.

    Raises UnknownRule for a code that is no rule's, and ValueError when two rules have one code.
    """
    codes = [rule.code for rule in rules]
    for code in codes:
        if codes.count(code) > 1:
            raise ValueError(f"two rules have the code {code}")
    actions = {**policy.actions, **(overrides or {})}
    check_codes(actions, rules)
    bound = (Bound(rule, actions.get(rule.code, rule.default)) for rule in rules)
    return tuple(each for each in bound if each.action is not Action.OFF)


def evaluate(
    bound: Sequence[Bound], message: Message, facts: Facts, policy: Policy, phase: Phase = Phase.DATA
) -> Verdict:
    """Ask every rule that can be asked in this phase; the worst action wins, the first of equals is decisive.

    In observe mode, of the policy or of the customer, findings are recorded with the action they would have had and
    the outcome is ACCEPT.
    """
    findings: list[Finding] = []
    worst, decisive = Outcome.ACCEPT, None
    for each in bound if phase is Phase.DATA else [each for each in bound if each.rule.phase is Phase.MAIL]:
        try:
            evidence = each.rule.check(message, facts, policy)
        except Exception as error:  # noqa: BLE001 - whatever a rule raises, the message must not pass or bounce for it
            finding = _broken(each, error, facts)
        else:
            if evidence is None:
                continue
            finding = _found(each, evidence, facts)
        findings.append(finding)
        if _OUTCOME[finding.action] > worst:
            worst, decisive = _OUTCOME[finding.action], finding
    if policy.mode == "observe" or facts.customer.mode == "observe":
        return Verdict(Outcome.ACCEPT, tuple(findings), None)
    return Verdict(worst, tuple(findings), decisive)


def _broken(bound: Bound, error: Exception, facts: Facts) -> Finding:
    """The finding for a rule that raised."""
    rule = bound.rule
    action, exemption = _exempted(bound, facts)
    action = Action.OBSERVE if action is Action.OBSERVE else Action.DEFER
    evidence = f"rule failed: {type(error).__name__}"
    return Finding(rule.code, rule.clause, action, evidence, BROKEN, rule.fix, True, exemption)


def _found(bound: Bound, evidence: str, facts: Facts) -> Finding:
    """The finding for a rule that found something."""
    rule = bound.rule
    action, exemption = _exempted(bound, facts)
    reply = rule.reply.telling(evidence) if rule.tells else rule.reply
    if action is Action.DEFER:
        reply = deferring(reply)
    elif action is Action.REJECT:
        reply = rejecting(reply)
    return Finding(rule.code, rule.clause, action, evidence, reply, rule.fix, exemption=exemption)


def _exempted(bound: Bound, facts: Facts) -> tuple[Action, str]:
    """The action, which is `observe` under an exemption that is in force, and then that one's id."""
    exemption = facts.exemptions.get(bound.rule.code)
    if exemption is None or bound.action is Action.OBSERVE or not exemption.holds(facts.now):
        return bound.action, ""
    return Action.OBSERVE, exemption.id


def deferring(reply: Reply) -> Reply:
    """The reply as a 450: the same detail, as something that may pass later. One that defers is as it should be."""
    return reply if reply.code < 500 else Reply(450, f"4{reply.enhanced[1:]}", reply.text)


def rejecting(reply: Reply) -> Reply:
    """The reply as a 550, where it is one that defers and policy rejects."""
    return reply if reply.code >= 500 else Reply(550, f"5{reply.enhanced[1:]}", reply.text)
