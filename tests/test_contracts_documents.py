"""The contract of parties, lists and notices, on SQLite and on PostgreSQL."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from msgspec.structs import replace

from config.customers import Credential, Customer
from consent.database import Database
from consent.documents import DocumentError
from consent.lists import ListStore, new_list
from consent.model import ALL
from consent.notices import Notice, NoticeConflict, NoticeStore, UnknownNotice
from consent.parties import Party, PartyStore, UnknownParty

pytest_plugins = ("tests.rig.contracts",)

ACME = Customer(
    id="acme",
    name="Acme Ltd",
    domains=("acme.example", "tents.example"),
    credentials=(Credential(networks=("192.0.2.1/32",), list="newsletter"),),
)
TENTS = Party(id="tents", name="Tents Inc", phone="+1 555 0100", domains=("tents.example",))
T = 1_772_600_767_891_234

Value = TypeVar("Value")


def at_once(work: Callable[[int], Value], count: int = 8) -> list[Value]:
    """What `work` gives in so many threads that begin together."""
    start = threading.Barrier(count)

    def one(number: int) -> Value:
        start.wait(10)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_parties(database: Database) -> None:
    store = PartyStore(database)
    assert [store.put(ACME, TENTS), store.put(ACME, TENTS), store.put(ACME, replace(TENTS, name="Tents"))] == [
        True,
        False,
        True,
    ]
    assert [party.name for party in store.all(ACME)] == ["Acme Ltd", "Tents"]
    with pytest.raises(DocumentError, match="held by party 'tents'"):
        store.put(ACME, replace(TENTS, id="boats"))
    with pytest.raises(UnknownParty):
        store.get(ACME, "boats")


def test_of_parties_that_want_one_domain_at_once_one_gets_it(database: Database) -> None:
    store = PartyStore(database)

    def put(number: int) -> bool:
        try:
            return store.put(ACME, replace(TENTS, id=f"tents{number}"))
        except DocumentError:
            return False

    assert sum(at_once(put)) == 1
    assert len(store.all(ACME)) == 2


def test_lists(database: Database) -> None:
    store = ListStore(database)
    made = at_once(lambda number: store.ensure(ACME, "spring", T + number))
    assert len(set(made)) == 1
    assert store.put(ACME, replace(made[0], name="Spring"))
    assert store.complained(ACME, ALL, T) == ("newsletter", "spring")
    assert store.complained(ACME, "spring", T - 1) == ()
    assert [each.complaint for each in store.all(ACME)] == [T, T]
    assert store.lower(ACME, "spring") == T
    assert [each.complaint for each in store.all(ACME)] == [T, None]
    with pytest.raises(DocumentError, match="list_id"):
        store.put(ACME, replace(new_list(ACME, "autumn"), list_id="spring.acme.example"))


def test_notices(database: Database) -> None:
    store = NoticeStore(database)
    with pytest.raises(UnknownNotice):
        store.get("acme", "signup-3")
    notice = Notice(id="signup-3", text="Yes, please. ✓", recorded=T)
    assert sorted(at_once(lambda number: store.put("acme", replace(notice, recorded=T + number)))) == [False] * 7 + [
        True
    ]
    with pytest.raises(NoticeConflict):
        store.put("acme", replace(notice, text="No."))
    assert store.all("acme")[0].text == "Yes, please. ✓"
    assert store.all("brand") == ()
