"""Credentials as a command shows them. What is done to them, on both databases: test_contracts_switch.py."""

from datetime import UTC, datetime

from config.customers import Credential, Customer, Standing
from config.switch import Lock
from consent.credentials import HeldCredential, Switching, Which, of
from consent.customers import StoredCustomer

NOW = datetime(2026, 11, 20, tzinfo=UTC)
LOCK = Lock("x", "operator", NOW)


def test_locks_that_wait_for_a_name_are_shown_behind_the_credentials() -> None:
    credential = Credential(networks=("192.0.2.0/24",))
    customer = Customer(id="acme", name="Acme", domains=("acme.example",), credentials=(credential,))
    found = of(StoredCustomer(customer, Standing(), 1, NOW, idle={"acme-old": LOCK}))
    assert [(each.name, each.credential, each.lock) for each in found] == [
        ("192.0.2.0/24", credential, None),
        ("acme-old", None, LOCK),
    ]
    assert found[1].is_called("ACME-old") and not found[1].is_called("acme")


def test_what_is_meant_is_said() -> None:
    assert str(Which("acme", "app")) == "credential 'app' of customer 'acme'"
    assert str(Which(name="app")) == "credential 'app'"
    assert str(Which("acme")) == "any credential of customer 'acme'"


def test_what_was_changed_is_counted_by_customer() -> None:
    held = [HeldCredential(customer, name, None) for customer, name in (("a", "x"), ("b", "y"), ("a", "z"))]
    assert Switching(tuple(held), ()).by_customer() == {"a": ["x", "z"], "b": ["y"]}
