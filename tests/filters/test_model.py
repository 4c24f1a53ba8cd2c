"""Values that cannot be built invalid."""

from datetime import datetime

import pytest

from config.customers import Credential, Customer
from config.policy import Action, Policy
from filters import RULES
from filters.message import Message
from filters.model import Facts, Reply, rule


@pytest.mark.parametrize(
    ("code", "enhanced", "text"),
    [
        (450, "5.7.1", "class differs"), (550, "4.7.1", "class differs"), (250, "5.0.0", "class differs"),
        (550, "5.7", "short"), (550, "5.7.1.1", "long"), (550, "5.x.1", "letters"), (354, "3.0.0", "not final"),
        (199, "1.0.0", "too low"), (600, "6.0.0", "too high"), (550, "5.7.1", ""), (550, "5.7.1", "a\r\nb"),
        (550, "5.7.1", "a\nb"), (550, "5.7.1", "\u00e4"), (550, "5.7.1", "a\0b"), (550, "5.7.1", "x" * 501),
        (550, "5.7.1\r\n", "x"), (550, "5.7.1", "x\n"),
    ],
)  # fmt: skip
def test_an_invalid_reply_cannot_be_built(code: int, enhanced: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"reply|enhanced"):
        Reply(code, enhanced, text)


def test_a_reply_is_its_line() -> None:
    assert str(Reply(550, "5.7.1", "No")) == "550 5.7.1 No"
    assert len(str(Reply(550, "5.7.1", "x" * 500))) == 510


@pytest.mark.parametrize(("code", "positive"), [(250, True), (299, True), (450, False), (550, False)])
def test_positive(code: int, positive: bool) -> None:
    assert Reply(code, f"{code // 100}.0.0", "x").positive is positive


def test_a_reference_always_fits() -> None:
    short, long = (
        Reply(550, "5.7.1", "No").with_reference("R" * 26),
        Reply(550, "5.7.1", "x" * 500).with_reference("R" * 26),
    )
    assert str(short) == "550 5.7.1 No; ref " + "R" * 26
    assert str(long).endswith("x; ref " + "R" * 26)
    assert len(str(long)) == 510


def test_facts_need_an_aware_time() -> None:
    customer = Customer(id="a", name="A", domains=("a.example",), credentials=(Credential(networks=("192.0.2.1/32",)),))
    with pytest.raises(ValueError, match="aware"):
        Facts(datetime(2026, 1, 1), customer, customer.credentials[0], None)  # noqa: DTZ001


def test_a_rule_without_a_docstring_is_refused() -> None:
    def check(message: Message, facts: Facts, policy: Policy) -> str | None:
        return None

    with pytest.raises(ValueError, match="docstring"):
        rule("A-B", clause="MOD-9", default=Action.OFF, reply=Reply(550, "5.7.1", "x"), fix="x")(check)


@pytest.mark.parametrize("each", RULES, ids=lambda each: each.code)
def test_every_rule_has_a_clause_a_refusing_reply_a_fix_and_a_meaning(each: object) -> None:
    assert hasattr(each, "clause")
    found = next(found for found in RULES if found is each)
    assert found.clause.startswith(("MOD-", "MP-"))
    assert found.reply.code >= 500
    assert found.fix.endswith(".")
    assert found.doc.endswith(".")
    assert found.default in (Action.REJECT, Action.OBSERVE)
