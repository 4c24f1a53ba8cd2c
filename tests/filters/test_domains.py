"""Rules about domain names; most of their cases are text, in tests/cases/domains.txt."""

import pytest

from filters.domains import sender_domains
from filters.message import Message
from filters.model import Action, DomainState
from tests.rig.cases import Case

SENDER = {
    DomainState.ABSENT: "DNS-SENDER",
    DomainState.NULL_MX: "DNS-SENDER-NULL-MX",
    DomainState.DEAF: "DNS-SENDER-DEAF",
}
FROM = b"From: ann@acme.example\r\n\r\n"


@pytest.mark.parametrize("state", DomainState)
@pytest.mark.parametrize("other", DomainState)
def test_each_state_has_its_own_finding_for_sender_and_for_recipient(state: DomainState, other: DomainState) -> None:
    dns = {"acme.example": state, "recipient.example": other}
    verdict = Case("", "", dns=dns, message=FROM).verdict()
    expected = [
        SENDER[each].replace("SENDER", whose)
        for whose, each in (("SENDER", state), ("RECIPIENT", other))
        if each in SENDER
    ]
    assert [finding.code for finding in verdict.findings] == expected
    assert all(finding.action is Action.OBSERVE for finding in verdict.findings)


def test_a_domain_that_nothing_is_known_about_is_no_finding_whatever_policy_says() -> None:
    actions = {
        code.replace("SENDER", whose): Action.REJECT for code in SENDER.values() for whose in ("SENDER", "RECIPIENT")
    }
    assert Case("", "", actions=actions, message=FROM).verdict().findings == ()


def test_sender_domains_stand_once_each_and_an_unreadable_from_has_none() -> None:
    message = Message(b"From: a@one.example, b@One.Example, c@two.example\r\n\r\n")
    assert sender_domains(message, None) == ["one.example", "two.example"]
    assert sender_domains(Message(b"From: a@b@c\r\n\r\n"), None) == []
