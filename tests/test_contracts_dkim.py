"""One set of cases for the keys of DKIM, on SQLite and on a real PostgreSQL."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from consent.customers import CustomerStore, UnknownCustomer
from consent.database import Database
from consent.dkim_keys import MOST, DkimKeyError, DkimKeyStore
from consent.domains import DomainStore
from consent.keys import Secrets, Unsealable
from consent.schema import dkim_keys
from tests.rig.registry import NOW, customer

pytest_plugins = ("tests.rig.contracts",)

LATER = NOW + timedelta(days=1)
PRIVATE = b"a private key, as far as the registry knows"


@pytest.fixture
def keys(database: Database, customers: CustomerStore, secrets: Secrets) -> DkimKeyStore:
    customers.apply([customer("acme"), customer("brand")], NOW)
    return DkimKeyStore(database, secrets)


def test_a_key_is_pending_until_it_is_activated_and_nodes_notice(customers: CustomerStore, keys: DkimKeyStore) -> None:
    made = keys.add("acme", "acme.example", "p1", "rsa", "cHVi", PRIVATE, NOW)
    assert (made.state, made.created) == ("pending", NOW)
    assert keys.all() == (made,)
    assert keys.active(["acme", "brand"]) == {"acme": (), "brand": ()}
    seen, _ = customers.changed_since(0)
    assert keys.activate(made, LATER) is None
    assert [stored.customer.id for stored in customers.changed_since(seen)[1]] == ["acme"]
    (active,) = keys.active(["acme"])["acme"]
    assert (active.state, active.activated, active.selector) == ("active", LATER, "p1")


def test_the_private_part_is_sealed_for_its_place_alone(
    database: Database, keys: DkimKeyStore, secrets: Secrets
) -> None:
    made = keys.add("acme", "acme.example", "p1", "rsa", "cHVi", PRIVATE, NOW)
    with database.reading() as connection:
        row = connection.execute(select(dkim_keys)).one()
    assert PRIVATE not in b"".join(str(value).encode() for value in row) + row.sealed
    assert secrets.open_signing_key(made.owner, row.sealed) == PRIVATE
    other = keys.add("brand", "brand.example", "p1", "rsa", "cHVi", PRIVATE, NOW)
    assert other.sealed is not None
    with pytest.raises(Unsealable):
        secrets.open_signing_key(made.owner, other.sealed)


def test_the_next_key_retires_the_one_before_and_destroys_it(database: Database, keys: DkimKeyStore) -> None:
    first = keys.add("acme", "acme.example", "p1", "rsa", "cHVi", PRIVATE, NOW)
    keys.activate(first, NOW)
    ed25519 = keys.add("acme", "acme.example", "p1e", "ed25519", "cHVi", PRIVATE, NOW)
    keys.activate(ed25519, NOW)
    second = keys.add("acme", "acme.example", "p2", "rsa", "cHVi", PRIVATE, LATER, rotate=True)
    assert [key.selector for key in keys.active(["acme"])["acme"]] == ["p1", "p1e"]
    retired = keys.activate(second, LATER)
    assert retired is not None
    assert retired.selector == "p1"
    states = {key.selector: (key.state, key.needed_until) for key in keys.all("acme")}
    assert states == {
        "p1": ("retired", LATER + timedelta(days=7)),
        "p1e": ("active", None),
        "p2": ("active", None),
    }
    with database.reading() as connection:
        assert connection.execute(select(dkim_keys.c.sealed).where(dkim_keys.c.selector == "p1")).scalar() is None


def test_what_has_no_place_is_refused(keys: DkimKeyStore, customers: CustomerStore) -> None:
    made = keys.add("acme", "acme.example", "p1", "rsa", "cHVi", PRIVATE, NOW)
    for name, who, domain, selector, rotate in [
        ("a key at p1._domainkey.acme.example already", "acme", "acme.example", "p1", False),
        ("has a pending rsa key, selector 'p1'", "acme", "acme.example", "p2", False),
        ("has a pending rsa key, selector 'p1'", "acme", "acme.example", "p2", True),
        ("does not hold 'acme.example'", "brand", "acme.example", "p2", False),
        ("does not hold 'free.example'", "acme", "free.example", "p2", False),
        ("no active rsa key to rotate", "brand", "brand.example", "p2", True),
        ("selector", "brand", "brand.example", "P2", False),
        ("selector", "brand", "brand.example", "a..b", False),
        ("selector", "brand", "brand.example", "a" * 64, False),
    ]:
        with pytest.raises(DkimKeyError, match=name):
            keys.add(who, domain, selector, "rsa", "cHVi", PRIVATE, NOW, rotate=rotate)
    keys.activate(made, NOW)
    with pytest.raises(DkimKeyError, match="has an active rsa key, selector 'p1'"):
        keys.add("acme", "acme.example", "p2", "rsa", "cHVi", PRIVATE, NOW)
    with pytest.raises(DkimKeyError, match="not pending any more"):
        keys.activate(made, NOW)
    with pytest.raises(UnknownCustomer):
        keys.add("nobody", "acme.example", "p2", "rsa", "cHVi", PRIVATE, NOW)
    assert len(keys.all()) == 1


def test_a_domain_that_was_given_up_is_not_signed_for(
    database: Database, customers: CustomerStore, keys: DkimKeyStore
) -> None:
    domains = DomainStore(database)
    domains.add("acme", "shop.example", "assertion", NOW, "contract")
    made = keys.add("acme", "shop.example", "p1", "rsa", "cHVi", PRIVATE, NOW)
    domains.remove("acme", "shop.example", "over")
    with pytest.raises(DkimKeyError, match=r"does not hold 'shop\.example'"):
        keys.activate(made, NOW)
    domains.add("brand", "shop.example", "assertion", NOW, "sold")
    with pytest.raises(DkimKeyError, match="name another selector"):
        keys.add("brand", "shop.example", "p1", "rsa", "cHVi", PRIVATE, NOW)
    keys.add("brand", "shop.example", "p2", "rsa", "cHVi", PRIVATE, NOW)


def test_a_removed_key_is_gone_and_nodes_notice(customers: CustomerStore, keys: DkimKeyStore) -> None:
    made = keys.add("acme", "acme.example", "p1", "rsa", "cHVi", PRIVATE, NOW)
    keys.activate(made, NOW)
    seen, _ = customers.changed_since(0)
    with pytest.raises(DkimKeyError, match="has no key 'p1'"):
        keys.remove("brand", "acme.example", "p1")
    assert keys.remove("acme", "acme.example", "p1").state == "active"
    assert [stored.customer.id for stored in customers.changed_since(seen)[1]] == ["acme"]
    assert keys.active(["acme"]) == {"acme": ()}
    with pytest.raises(DkimKeyError, match="has no key 'p1'"):
        keys.remove("acme", "acme.example", "p1")


def test_many_customers_are_asked_for_at_once(keys: DkimKeyStore) -> None:
    keys.activate(keys.add("acme", "acme.example", "p1", "rsa", "cHVi", PRIVATE, NOW), NOW)
    keys.activate(keys.add("brand", "brand.example", "p1", "rsa", "cHVi", PRIVATE, NOW), NOW)
    many = keys.active(["acme", *(f"customer-{at}" for at in range(1000))])
    assert len(many) == 1001
    assert [customer for customer, found in many.items() if found] == ["acme"]


def test_a_name_that_dns_cannot_hold_is_refused(keys: DkimKeyStore, customers: CustomerStore) -> None:
    long = ".".join(["a" * 60] * 3) + ".example"
    customers.apply([customer("acme").model_copy(update={"domains": (long,)})], NOW)
    with pytest.raises(DkimKeyError, match="a name has 253 octets at most"):
        keys.add("acme", long, "s" * 63, "rsa", "cHVi", PRIVATE, NOW)


def test_keys_of_a_customer_are_bounded(database: Database, keys: DkimKeyStore) -> None:
    made = keys.add("acme", "acme.example", "p0", "rsa", "cHVi", PRIVATE, NOW)
    keys.activate(made, NOW)
    for at in range(1, MOST):
        keys.activate(keys.add("acme", "acme.example", f"p{at}", "rsa", "cHVi", PRIVATE, NOW, rotate=True), NOW)
    with pytest.raises(DkimKeyError, match="which is the most"):
        keys.add("acme", "acme.example", "more", "rsa", "cHVi", PRIVATE, NOW, rotate=True)
