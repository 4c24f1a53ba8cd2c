"""One set of cases for domains that a command added, on SQLite and on a real PostgreSQL."""

from datetime import timedelta

import pytest

from consent.customers import Conflict, CustomerStore, UnknownCustomer
from consent.database import Database
from consent.domains import DomainStore, HeldDomain, StandsInFile
from tests.rig.registry import NOW, customer

pytest_plugins = ("tests.rig.contracts",)

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def domains(database: Database, customers: CustomerStore) -> DomainStore:
    customers.apply([customer("acme"), customer("brand")], NOW)
    return DomainStore(database)


def test_what_is_added_is_the_customers_and_nodes_notice(customers: CustomerStore, domains: DomainStore) -> None:
    seen, _ = customers.changed_since(0)
    assert domains.add("acme", "shop.example", "dns", LATER)
    assert not domains.add("acme", "shop.example", "assertion", LATER, "again")
    _, changed = customers.changed_since(seen)
    assert [stored.customer.domains for stored in changed] == [("acme.example", "shop.example")]
    assert changed[0].added == ("shop.example",)
    assert changed[0].written.domains == ("acme.example",)
    assert domains.all("acme")[1] == HeldDomain("shop.example", "acme", "dns", "", LATER)
    assert customers.holders() == {"acme.example": "acme", "brand.example": "brand", "shop.example": "acme"}


def test_no_two_customers_hold_one(customers: CustomerStore, domains: DomainStore) -> None:
    domains.add("acme", "shop.example", "assertion", LATER, "contract")
    for name, how in (("shop.example", "dns"), ("acme.example", "assertion")):
        with pytest.raises(Conflict, match=f"domain '{name}' is held by customer 'acme'"):
            domains.check("brand", name)
        with pytest.raises(Conflict, match=f"domain '{name}' is held by customer 'acme'"):
            domains.add("brand", name, "dns" if how == "dns" else "assertion", LATER, "mine")
    wanted = customer("brand").model_copy(update={"domains": ("brand.example", "shop.example")})
    for together in ([wanted], [customer("acme"), wanted]):
        with pytest.raises(Conflict, match=r"'shop\.example' is held by customer 'acme'"):
            customers.apply(together, LATER)


def test_it_stays_when_the_file_is_applied_again_and_when_the_file_names_it_for_a_while(
    customers: CustomerStore, domains: DomainStore
) -> None:
    domains.add("acme", "shop.example", "dns", LATER)
    assert [one.result for one in customers.apply([customer("acme")], LATER)] == ["unchanged"]
    named = customer("acme").model_copy(update={"domains": ("shop.example", "acme.example")})
    assert [one.result for one in customers.apply([named], LATER)] == ["replaced"]
    stored = customers.get("acme")
    assert (stored.customer.domains, stored.added) == (("shop.example", "acme.example"), ())
    assert [one.result for one in customers.apply([named], LATER)] == ["unchanged"]
    with pytest.raises(StandsInFile):
        domains.remove("acme", "shop.example", "over")
    customers.apply([customer("acme")], LATER)
    assert customers.get("acme").customer.domains == ("acme.example", "shop.example")
    assert [each.source for each in domains.all("acme")] == ["file", "dns"]


def test_what_is_removed_is_free_for_another(customers: CustomerStore, domains: DomainStore) -> None:
    domains.add("acme", "shop.example", "dns", LATER)
    seen, _ = customers.changed_since(0)
    assert not domains.remove("brand", "shop.example", "not theirs")
    assert domains.remove("acme", "shop.example", "over")
    assert not domains.remove("acme", "shop.example", "over")
    assert [stored.customer.domains for stored in customers.changed_since(seen)[1]] == [("acme.example",)]
    assert domains.add("brand", "shop.example", "assertion", LATER, "sold")


def test_what_the_file_names_is_not_added_and_not_removed(domains: DomainStore) -> None:
    assert domains.check("acme", "acme.example")
    assert not domains.add("acme", "acme.example", "dns", LATER)
    with pytest.raises(StandsInFile, match="take it out there"):
        domains.remove("acme", "acme.example", "over")


def test_an_unknown_customer_holds_none(domains: DomainStore) -> None:
    with pytest.raises(UnknownCustomer):
        domains.check("nobody", "shop.example")
    with pytest.raises(UnknownCustomer):
        domains.add("nobody", "shop.example", "dns", LATER)
    with pytest.raises(UnknownCustomer):
        domains.remove("nobody", "shop.example", "over")
