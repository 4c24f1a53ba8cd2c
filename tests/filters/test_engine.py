"""The engine: which rules are asked, what policy makes of a finding, and that a broken rule never passes mail."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from config.customers import Credential, Customer
from config.policy import Action, Policy
from config.switch import Exemption
from filters import RULES
from filters.engine import BROKEN, UnknownRule, bind, check_codes, deferring, evaluate, rejecting
from filters.message import Message
from filters.model import Facts, Outcome, Phase, Reply, Rule, rule

MESSAGE = Message(b"From: ann@acme.example\r\n\r\nbody\r\n")
CUSTOMER = Customer(
    id="acme", name="Acme", domains=("acme.example",), credentials=(Credential(networks=("192.0.2.1/32",)),)
)
FACTS = Facts(datetime(2026, 11, 20, tzinfo=UTC), CUSTOMER, CUSTOMER.credentials[0], None)


def made(code: str, answer: str | Exception | None, default: Action = Action.REJECT, phase: Phase = Phase.DATA) -> Rule:
    """A rule that always says the same."""

    def check(message: Message, facts: Facts, policy: Policy) -> str | None:
        """Says what it is told to."""
        if isinstance(answer, Exception):
            raise answer
        return answer

    return rule(code, clause="MOD-9", default=default, reply=Reply(550, "5.7.1", code), fix="Fix it.", phase=phase)(
        check
    )


def outcome(rules: tuple[Rule, ...], policy: Policy | None = None, **kwargs: object) -> Outcome:
    policy = policy or Policy()
    return evaluate(bind(policy, rules=rules), MESSAGE, FACTS, policy).outcome


def test_no_finding_accepts() -> None:
    verdict = evaluate(bind(Policy(), rules=(made("A-B", None),)), MESSAGE, FACTS, Policy())
    assert (verdict.outcome, verdict.findings, verdict.decisive) == (Outcome.ACCEPT, (), None)


@pytest.mark.parametrize(
    ("action", "expected"),
    [(Action.OBSERVE, Outcome.ACCEPT), (Action.DEFER, Outcome.DEFER), (Action.REJECT, Outcome.REJECT)],
)
def test_the_action_makes_the_outcome(action: Action, expected: Outcome) -> None:
    policy = Policy(actions={"A-B": action})
    verdict = evaluate(bind(policy, rules=(made("A-B", "found"),)), MESSAGE, FACTS, policy)
    assert verdict.outcome is expected
    assert [(f.code, f.action, f.evidence, f.failed) for f in verdict.findings] == [("A-B", action, "found", False)]
    assert (verdict.decisive is verdict.findings[0]) == (expected is not Outcome.ACCEPT)


def test_a_rule_that_is_off_is_not_run() -> None:
    policy = Policy(actions={"A-B": Action.OFF})
    assert bind(policy, rules=(made("A-B", RuntimeError()),)) == ()


def test_rules_keep_their_order_and_the_first_of_equals_decides() -> None:
    rules = (made("A-A", None), made("A-B", "b"), made("A-C", "c"))
    verdict = evaluate(bind(Policy(), rules=rules), MESSAGE, FACTS, Policy())
    assert [f.code for f in verdict.findings] == ["A-B", "A-C"]
    assert verdict.decisive is verdict.findings[0]


def test_the_worst_wins_whatever_the_order() -> None:
    defer, reject = made("A-A", "a", Action.DEFER), made("A-B", "b", Action.REJECT)
    for rules in ((defer, reject), (reject, defer)):
        verdict = evaluate(bind(Policy(), rules=rules), MESSAGE, FACTS, Policy())
        assert verdict.outcome is Outcome.REJECT
        assert verdict.decisive is not None
        assert verdict.decisive.code == "A-B"


def test_customer_over_policy_over_default() -> None:
    rules = (made("A-B", "found", Action.REJECT),)
    assert bind(Policy(), rules=rules)[0].action is Action.REJECT
    policy = Policy(actions={"A-B": Action.DEFER})
    assert bind(policy, rules=rules)[0].action is Action.DEFER
    assert bind(policy, {"A-B": Action.OBSERVE}, rules)[0].action is Action.OBSERVE


@pytest.mark.parametrize("action", [Action.DEFER, Action.REJECT])
@pytest.mark.parametrize("error", [RuntimeError("secret"), KeyError("x"), RecursionError(), MemoryError()])
def test_a_broken_rule_defers_and_says_nothing(action: Action, error: Exception) -> None:
    verdict = evaluate(bind(Policy(), rules=(made("A-B", error, action),)), MESSAGE, FACTS, Policy())
    assert verdict.outcome is Outcome.DEFER
    assert verdict.decisive is not None
    assert verdict.decisive.reply == BROKEN
    assert verdict.decisive.reply.code == 451
    assert verdict.decisive.action is Action.DEFER
    assert verdict.decisive.failed
    assert verdict.decisive.evidence == f"rule failed: {type(error).__name__}"
    assert (verdict.decisive.code, verdict.decisive.clause, verdict.decisive.fix) == ("A-B", "MOD-9", "Fix it.")


def test_a_broken_rule_never_bounces_and_a_finding_still_does() -> None:
    assert outcome((made("A-A", RuntimeError()), made("A-B", "found"))) is Outcome.REJECT
    assert outcome((made("A-A", RuntimeError()), made("A-B", None))) is Outcome.DEFER


def test_a_broken_rule_that_is_only_observed_decides_nothing() -> None:
    verdict = evaluate(bind(Policy(), rules=(made("A-B", RuntimeError(), Action.OBSERVE),)), MESSAGE, FACTS, Policy())
    assert verdict.outcome is Outcome.ACCEPT
    assert verdict.findings[0].failed
    assert verdict.findings[0].action is Action.OBSERVE


def test_a_deferred_finding_answers_450_with_the_same_detail() -> None:
    verdict = evaluate(bind(Policy(), rules=(made("A-B", "found", Action.DEFER),)), MESSAGE, FACTS, Policy())
    assert verdict.decisive is not None
    assert str(verdict.decisive.reply) == "450 4.7.1 A-B"
    assert deferring(Reply(554, "5.6.0", "x")) == Reply(450, "4.6.0", "x")
    assert deferring(Reply(451, "4.7.5", "x")) == Reply(451, "4.7.5", "x")


def test_what_rejects_is_5xx_whatever_the_rule_would_say() -> None:
    assert rejecting(Reply(451, "4.7.5", "x")) == Reply(550, "5.7.5", "x")
    assert rejecting(Reply(554, "5.6.0", "x")) == Reply(554, "5.6.0", "x")


def test_a_rejected_finding_answers_its_own_reply() -> None:
    verdict = evaluate(bind(Policy(), rules=(made("A-B", "found"),)), MESSAGE, FACTS, Policy())
    assert verdict.decisive is not None
    assert str(verdict.decisive.reply) == "550 5.7.1 A-B"
    assert (verdict.decisive.clause, verdict.decisive.fix) == ("MOD-9", "Fix it.")


@pytest.mark.parametrize("who", ["policy", "customer"])
def test_observe_mode_records_everything_and_refuses_nothing(who: str) -> None:
    policy = Policy(mode="observe" if who == "policy" else "enforce")
    facts = replace(FACTS, customer=CUSTOMER.model_copy(update={"mode": "observe" if who == "customer" else "enforce"}))
    rules = (made("A-A", RuntimeError()), made("A-B", "found"))
    verdict = evaluate(bind(policy, rules=rules), MESSAGE, facts, policy)
    assert (verdict.outcome, verdict.decisive) == (Outcome.ACCEPT, None)
    assert [f.action for f in verdict.findings] == [Action.DEFER, Action.REJECT]


def test_at_mail_only_mail_rules_are_asked_and_at_data_all() -> None:
    rules = (made("A-A", "a"), made("A-B", "b", phase=Phase.MAIL), made("A-C", "c"), made("A-D", "d", phase=Phase.MAIL))
    bound = bind(Policy(), rules=rules)
    at_mail = evaluate(bound, MESSAGE, FACTS, Policy(), Phase.MAIL)
    assert [f.code for f in at_mail.findings] == ["A-B", "A-D"]
    assert [f.code for f in evaluate(bound, MESSAGE, FACTS, Policy()).findings] == ["A-A", "A-B", "A-C", "A-D"]


def test_a_rule_gets_the_message_the_facts_and_the_policy() -> None:
    policy, seen = Policy(actions={"A-B": Action.REJECT}), []

    def check(message: Message, facts: Facts, policy: Policy) -> str | None:
        """Sees what it is given."""
        seen.append((message, facts, policy))
        return None

    found = rule("A-B", clause="MOD-9", default=Action.OBSERVE, reply=Reply(550, "5.7.1", "x"), fix="x.")(check)
    evaluate(bind(policy, rules=(found,)), MESSAGE, FACTS, policy)
    assert seen == [(MESSAGE, FACTS, policy)]


def test_unknown_codes_are_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownRule, match=r"actions\.HDR-FORM: unknown rule code; did you mean 'HDR-FROM'\?"):
        check_codes({"HDR-FORM": Action.REJECT})
    with pytest.raises(UnknownRule, match="HDR-FORM"):
        bind(Policy(actions={"HDR-FORM": Action.OFF}))
    with pytest.raises(UnknownRule, match="HDR-FORM"):
        bind(Policy(), {"HDR-FORM": Action.OFF})


def test_known_codes_pass() -> None:
    check_codes(dict.fromkeys((each.code for each in RULES), Action.OFF))


def test_two_rules_with_one_code_stop_the_start() -> None:
    with pytest.raises(ValueError, match="two rules have the code A-B"):
        bind(Policy(), rules=(made("A-B", None), made("A-B", "x")))


ACTIONS = st.sampled_from([Action.OFF, Action.OBSERVE, Action.DEFER, Action.REJECT])
ANSWERS: st.SearchStrategy[str | Exception | None] = st.sampled_from([None, "found", RuntimeError()])


@given(st.lists(st.tuples(ACTIONS, ANSWERS), max_size=6))
def test_a_message_passes_only_when_no_rule_in_force_found_something_or_failed(
    rules: list[tuple[Action, str | Exception | None]],
) -> None:
    built: Callable[[int], str] = lambda number: f"A-B{number}"  # noqa: E731
    tuple_of = tuple(made(built(n), answer, action) for n, (action, answer) in enumerate(rules))
    expected = Outcome.ACCEPT
    for action, answer in rules:
        if answer is not None and action in (Action.DEFER, Action.REJECT):
            hard = action is Action.REJECT and not isinstance(answer, Exception)
            expected = max(expected, Outcome.REJECT if hard else Outcome.DEFER)
    assert outcome(tuple_of) is expected


EXEMPTION = Exemption("ab12", "acme", "A-B", FACTS.now + timedelta(days=1), "migration", FACTS.now)
EXEMPT = replace(FACTS, exemptions={"A-B": EXEMPTION})


@pytest.mark.parametrize("action", [Action.DEFER, Action.REJECT])
def test_an_exemption_makes_a_rule_observe_and_stands_with_the_finding(action: Action) -> None:
    policy = Policy(actions={"A-B": action, "C-D": action})
    rules = (made("A-B", "found"), made("C-D", "found"))
    verdict = evaluate(bind(policy, rules=rules), MESSAGE, EXEMPT, policy)
    assert [(each.code, each.action, each.exemption) for each in verdict.findings] == [
        ("A-B", Action.OBSERVE, "ab12"),
        ("C-D", action, ""),
    ]
    assert verdict.decisive is verdict.findings[1]
    alone = bind(Policy(actions={"A-B": action}), rules=rules[:1])
    assert evaluate(alone, MESSAGE, EXEMPT, policy).outcome is Outcome.ACCEPT


def test_an_exemption_ends_by_itself() -> None:
    bound = bind(Policy(), rules=(made("A-B", "found"),))
    for moment, expected in ((-1, Outcome.ACCEPT), (0, Outcome.REJECT)):
        facts = replace(EXEMPT, now=EXEMPTION.until + timedelta(microseconds=moment))
        assert evaluate(bound, MESSAGE, facts, Policy()).outcome is expected


def test_an_exempted_rule_that_raises_decides_nothing_and_one_that_observes_is_not_called_exempted() -> None:
    verdict = evaluate(bind(Policy(), rules=(made("A-B", ValueError("x")),)), MESSAGE, EXEMPT, Policy())
    assert (verdict.outcome, verdict.findings[0].failed, verdict.findings[0].exemption) == (
        Outcome.ACCEPT, True, "ab12",
    )  # fmt: skip
    observing = bind(Policy(), rules=(made("A-B", "found", Action.OBSERVE),))
    assert evaluate(observing, MESSAGE, EXEMPT, Policy()).findings[0].exemption == ""
