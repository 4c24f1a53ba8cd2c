"""Every fixed reply is whole, and every refusal explains itself."""

import pytest

from filters import RULES
from filters.model import Reply
from gateway.smtp import replies
from gateway.smtp.replies import BODY_FAULTS, REFUSALS, Refusal

FIXED = {name: value for name, value in vars(replies).items() if isinstance(value, Reply)}


@pytest.mark.parametrize("name", FIXED)
def test_a_reply_has_an_enhanced_code_of_its_class(name: str) -> None:
    reply = FIXED[name]
    assert str(reply).startswith(f"{reply.code} {reply.code // 100}.")


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.code)
def test_a_refusal_has_clause_meaning_and_fix(refusal: Refusal) -> None:
    assert refusal.clause.startswith(("MOD-", "MP-"))
    assert refusal.doc.endswith(".")
    assert refusal.fix.endswith(".")
    finding = refusal.finding("why")
    assert (finding.code, finding.evidence, finding.reply) == (refusal.code, "why", refusal.reply)
    assert (finding.action.value == "reject") is (refusal.reply.code >= 500)


def test_codes_differ_from_each_other_and_from_the_rules() -> None:
    codes = [refusal.code for refusal in REFUSALS] + [rule.code for rule in RULES]
    assert len(set(codes)) == len(codes)


def test_every_fault_of_a_body_has_its_refusal() -> None:
    assert set(BODY_FAULTS) == {"bare CR", "bare LF", "NUL", "size"}


def test_syntax_errors_are_501() -> None:
    assert str(replies.syntax("wrong")) == "501 5.5.4 wrong"
