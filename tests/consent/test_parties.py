"""Parties: the customer's own needs no row, others hold domains of the customer's that no other holds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.customers import Customer
from consent.database import Database
from consent.documents import DocumentError
from consent.parties import Party, PartyStore, UnknownParty, own_party
from tests.rig import registry

ACME = Customer(
    id="acme",
    name="Acme Ltd",
    postal_address="1 High Street, Exampletown",
    contact="post@acme.example",
    domains=("acme.example", "tents.example", "boats.example"),
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with registry.sqlite(tmp_path) as made:
        yield made


@pytest.fixture
def store(database: Database) -> PartyStore:
    return PartyStore(database)


def tents(**changes: Any) -> Party:
    return Party(
        **{"id": "tents", "name": "Tents Inc", "email": "hello@tents.example", "domains": ("tents.example",), **changes}
    )


def test_each_customer_has_a_party_made_from_what_its_file_says(store: PartyStore) -> None:
    own = store.get(ACME, "acme")
    assert own == own_party(ACME)
    assert (own.name, own.postal_address, own.email) == ("Acme Ltd", "1 High Street, Exampletown", "post@acme.example")
    assert own.domains == ACME.domains
    assert store.all(ACME) == (own,)


@pytest.mark.parametrize(
    ("contact", "field"),
    [
        ("post@acme.example", "email"),
        ("https://www.acme.example/contact?to=post@acme.example", "url"),
        ("+44 20 7946 0018", "phone"),
        ("", ""),
    ],
)
def test_a_contact_stands_where_its_form_belongs(contact: str, field: str) -> None:
    own = own_party(ACME.model_copy(update={"contact": contact}))
    assert [name for name in ("email", "phone", "url") if getattr(own, name)] == ([field] if field else [])
    assert own.contact == contact


def test_an_address_with_line_ends_or_control_characters_makes_a_party_all_the_same() -> None:
    own = own_party(
        ACME.model_copy(update={"postal_address": "1 High Street\r\nExampletown\x1b[2J", "contact": "x" * 254})
    )
    assert own.postal_address == "1 High Street \nExampletown [2J"
    assert len(own.phone) == 64


def test_a_party_is_added_replaced_and_listed_after_the_customer_s_own(store: PartyStore) -> None:
    assert store.put(ACME, tents())
    assert not store.put(ACME, tents())
    assert store.put(ACME, tents(name="Tents and More"))
    assert store.put(ACME, Party(id="boats", name="Boats", phone="+1 555 0100", domains=("boats.example",)))
    assert [party.id for party in store.all(ACME)] == ["acme", "boats", "tents"]
    assert store.get(ACME, "tents").name == "Tents and More"


def test_another_customer_s_parties_are_not_seen(store: PartyStore) -> None:
    store.put(ACME, tents())
    brand = Customer(id="brand", name="Brand", domains=("brand.example",))
    assert [party.id for party in store.all(brand)] == ["brand"]
    with pytest.raises(UnknownParty, match="customer 'brand' has no party 'tents'"):
        store.get(brand, "tents")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "acme"}, "party 'acme' is the customer's own: change it in customers.toml"),
        ({"email": ""}, "give an email, a phone or a url"),
        ({"domains": ("other.example",)}, "domain 'other.example' is not among the customer's: acme.example, "),
        ({"domains": ("boats.example",)}, "domain 'boats.example' is held by party 'boats'"),
    ],
)
def test_what_a_party_may_not_have_is_refused(store: PartyStore, changes: dict[str, Any], message: str) -> None:
    store.put(ACME, Party(id="boats", name="Boats", phone="+1 555 0100", domains=("boats.example",)))
    with pytest.raises(DocumentError, match=message):
        store.put(ACME, tents(**changes))
    assert [party.id for party in store.all(ACME)] == ["acme", "boats"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "Tents"}, "party: id must be lower-case letters"),
        ({"id": "tents\n"}, "party: id must be"),
        ({"name": ""}, "party 'tents': name is required"),
        ({"name": "a\nb"}, "name must be printable"),
        ({"postal_address": "x" * 501}, "postal_address is longer than 500"),
        ({"url": "tents.example"}, "url must be a web address"),
    ],
)
def test_a_party_cannot_be_made_wrong(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        tents(**changes)
