"""A recipient that the next hop put off stood in the record with action `reject`, though the verdict was `defer`."""

from config.policy import Action
from filters.model import Outcome, Reply
from gateway.smtp import refusals, replies


def test_the_action_on_record_is_that_of_the_reply() -> None:
    for code, action, outcome in ((450, Action.DEFER, Outcome.DEFER), (550, Action.REJECT, Outcome.REJECT)):
        found = replies.NEXT_HOP.finding("…", Reply(code, f"{code // 100}.2.1", "Mailbox is busy"))
        assert (found.action, refusals.verdict(found).outcome) == (action, outcome)
    assert replies.NEXT_HOP.finding("…").action is Action.REJECT
