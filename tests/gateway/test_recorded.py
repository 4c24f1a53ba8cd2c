"""How what was found stands in a decision's record."""

from filters.model import Action, Finding, Reply, Verified
from gateway import recorded


def test_a_finding_names_its_exemption_only_where_there_is_one() -> None:
    found = Finding("HDR-DATE", "MOD-2.5b", Action.OBSERVE, "2 Date fields", Reply(554, "5.6.0", "x"), "fix")
    record = {
        "code": "HDR-DATE", "clause": "MOD-2.5b", "action": "observe", "evidence": "2 Date fields", "failed": False,
    }  # fmt: skip
    assert recorded.finding(found) == record
    exempted = Finding(*("HDR-DATE", "MOD-2.5b", Action.OBSERVE, "2 Date fields", found.reply, "fix"), exemption="E1")
    assert recorded.finding(exempted) == record | {"exemption": "E1"}


def test_a_signature_is_named_by_number_and_domain() -> None:
    found = Verified(2, "list.example", "no key", "there is no key at its name", names=frozenset(("from",)))
    assert recorded.signature(found) == {
        "number": 2, "domain": "list.example", "result": "no key", "why": "there is no key at its name",
    }  # fmt: skip
