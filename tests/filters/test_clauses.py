"""Each clause that a rule or the edge names is there in words, and no other."""

from filters import RULES
from filters.clauses import CLAUSES
from gateway.smtp import replies


def test_the_clauses_of_all_rules_are_there_in_words() -> None:
    edge = [*vars(replies).values(), *replies.BODY_FAULTS.values()]
    named = {each.clause for each in edge if isinstance(each, replies.Refusal)}
    assert {rule.clause for rule in RULES} | named == set(CLAUSES)
