"""Lists: there from the first naming, bound to one party, raised to E3 by a complaint until the operator lowers them."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from config.customers import Credential, Customer
from consent import lists
from consent.database import Database
from consent.documents import DocumentError
from consent.lists import ListStore, MailingList, UnknownList, new_list
from consent.model import ALL, micros
from tests.rig import registry
from tests.rig.registry import NOW

ACME = Customer(
    id="acme",
    name="Acme Ltd",
    domains=("acme.example", "tents.example"),
    credentials=(Credential(networks=("192.0.2.1/32",), list="newsletter"),),
)
BRAND = Customer(id="brand", name="Brand", domains=("brand.example",))
T = micros(NOW)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with registry.sqlite(tmp_path) as made:
        yield made


@pytest.fixture
def store(database: Database) -> ListStore:
    return ListStore(database)


def test_a_list_that_a_credential_names_exists(store: ListStore) -> None:
    found = store.get(ACME, "newsletter")
    assert (found.party, found.list_id) == ("acme", "newsletter.acme.example")
    assert [each.id for each in store.all(ACME)] == ["newsletter"]
    assert store.all(BRAND) == ()


def test_a_list_is_made_at_its_first_naming_and_stays(store: ListStore) -> None:
    with pytest.raises(UnknownList, match="customer 'acme' has no list 'spring'; `postern lists list` shows them"):
        store.get(ACME, "spring")
    made = store.ensure(ACME, "spring", T)
    assert (made.list_id, made.created) == ("spring.acme.example", T)
    assert store.ensure(ACME, "spring", T + 1) == made == store.get(ACME, "spring")
    assert store.ensure(ACME, "spring", T + 1, "acme") == made
    with pytest.raises(DocumentError, match="list 'spring' is of party 'acme', not 'tents'"):
        store.ensure(ACME, "spring", T, "tents")
    with pytest.raises(DocumentError, match="id must be lower-case"):
        store.ensure(ACME, "Spring sale", T)
    with pytest.raises(UnknownList):
        store.get(BRAND, "spring")


def test_many_who_name_a_new_list_at_once_get_one(store: ListStore) -> None:
    found: list[MailingList] = []
    threads = [threading.Thread(target=lambda n=n: found.append(store.ensure(ACME, "spring", T + n))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_more_is_said_of_a_list_without_touching_when_it_was_made(store: ListStore) -> None:
    made = store.ensure(ACME, "spring", T)
    more = replace(made, name="Spring offers", language="en", withdrawal=("web", "one_click"), created=0)
    assert store.put(ACME, more)
    assert not store.put(ACME, more)
    assert store.get(ACME, "spring") == replace(more, created=T)


def test_a_list_keeps_its_party_and_has_a_list_id_of_its_own(store: ListStore) -> None:
    store.ensure(ACME, "spring", T, "tents")
    with pytest.raises(DocumentError, match="list 'spring' is of party 'tents', and consents are bound to that"):
        store.put(ACME, new_list(ACME, "spring"))
    with pytest.raises(DocumentError, match=r"list_id 'spring\.acme\.example' is that of list 'spring'"):
        store.put(ACME, replace(new_list(ACME, "autumn"), list_id="spring.acme.example"))


def test_a_complaint_raises_its_list_until_the_operator_lowers_it(store: ListStore) -> None:
    store.ensure(ACME, "spring", T)
    assert store.complained(ACME, "spring", T + 5) == ("spring",)
    assert store.complained(ACME, "spring", T + 3) == ()
    assert store.get(ACME, "spring").complaint == T + 5
    assert store.get(ACME, "newsletter").complaint is None
    store.put(ACME, replace(store.get(ACME, "spring"), name="Spring", complaint=None))
    assert store.get(ACME, "spring").complaint == T + 5
    assert store.lower(ACME, "spring") == T + 5
    assert store.lower(ACME, "spring") is None
    assert store.get(ACME, "spring").complaint is None


def test_a_complaint_about_a_list_that_only_a_credential_names_is_kept(store: ListStore) -> None:
    assert store.complained(ACME, "newsletter", T) == ("newsletter",)
    assert store.get(ACME, "newsletter").complaint == T


def test_a_complaint_about_everything_raises_every_list_of_that_customer(store: ListStore) -> None:
    store.ensure(ACME, "spring", T)
    store.ensure(BRAND, "spring", T)
    assert store.complained(ACME, ALL, T) == ("newsletter", "spring")
    assert store.get(BRAND, "spring").complaint is None
    assert store.complained(ACME, "unheard-of", T) == ()


def test_a_customer_cannot_make_lists_without_end(store: ListStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MOST_LISTS", 2)
    store.ensure(ACME, "one", T)
    store.ensure(ACME, "two", T)
    for make in (lambda: store.ensure(ACME, "three", T), lambda: store.put(ACME, new_list(ACME, "three"))):
        with pytest.raises(DocumentError, match="customer 'acme' has 2 lists"):
            make()
    assert store.ensure(ACME, "one", T).id == "one"
    assert store.ensure(BRAND, "one", T).id == "one"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": ALL}, "id must be lower-case"),
        ({"list_id": "no-dot"}, "list_id must be a List-Id such as"),
        ({"list_id": "a.b\r\nBcc: x"}, "list_id must be a List-Id"),
        ({"name": "a\nb"}, "list 'spring': name must be printable"),
        ({"language": "english"}, ""),
        ({"language": "en GB"}, "language must be a BCP 47 tag"),
        ({"withdrawal": ("mailto",)}, "withdrawal must hold 'web'"),
        ({"withdrawal": ("web", "fax")}, "withdrawal must hold 'web', and else any of one_click, "),
        ({"source": "bought"}, "source must be one of own, purchased"),
    ],
)
def test_a_list_cannot_be_made_wrong(changes: dict[str, Any], message: str) -> None:
    if not message:
        replace(new_list(ACME, "spring"), **changes)
        return
    with pytest.raises(DocumentError, match=message):
        replace(new_list(ACME, "spring"), **changes)


def test_reverse_paths_are_one_lists_and_bounded(store: ListStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(ACME, replace(new_list(ACME, "spring"), reverse_paths=("spring-*@acme.example", "s@acme.example")))
    assert store.get(ACME, "spring").reverse_paths == ("spring-*@acme.example", "s@acme.example")
    with pytest.raises(DocumentError, match=r"'s@acme\.example' is that of list 'spring'"):
        store.put(ACME, replace(new_list(ACME, "autumn"), reverse_paths=("s@acme.example",)))
    monkeypatch.setattr(lists, "MOST_OF_CUSTOMER", 2)
    with pytest.raises(DocumentError, match="more than 2 in all lists of 'acme'"):
        store.put(ACME, replace(new_list(ACME, "autumn"), reverse_paths=("a@acme.example",)))


@pytest.mark.parametrize(
    "pattern", ["", "*", "A@acme.example", "a*b*@acme.example", "a@*.example", "a b@acme.example", "a@b@acme.example"]
)
def test_a_pattern_has_one_star_at_most_before_the_at(pattern: str) -> None:
    with pytest.raises(DocumentError, match=r"must be a lower-case mailbox with one '\*' at most"):
        replace(new_list(ACME, "spring"), reverse_paths=(pattern,))
