"""The customer store's own ways; what it does on both databases is in test_contracts.py."""

from pathlib import Path

import pytest
from argon2 import PasswordHasher

from consent.customers import Conflict, CustomerStore
from consent.database import Database, RegistryDown
from consent.shared_networks import SharedNetworks
from tests.rig import registry
from tests.rig.registry import NOW, customer


def test_passwords_get_argon2id_with_the_library_s_own_parameters(tmp_path: Path) -> None:
    with registry.sqlite(tmp_path) as database:
        store = CustomerStore(database)
        store.apply([customer("acme")], NOW)
        stored = store.get("acme").customer.credentials[0].password_hash or ""
        assert not PasswordHasher().check_needs_rehash(stored)


def test_the_list_of_shared_networks_can_be_another(tmp_path: Path) -> None:
    with registry.sqlite(tmp_path) as database:
        CustomerStore(database, SharedNetworks(()), registry.QUICK).apply([customer("acme", "40.92.1.1/32")], NOW)
        with pytest.raises(Conflict):
            registry.store(database).apply([customer("acme", "40.92.1.1/32")], NOW)


def test_a_registry_that_is_down_says_so(tmp_path: Path) -> None:
    store = CustomerStore(Database(registry.sqlite_url(tmp_path / "gone")))
    for ask in (store.list, lambda: store.changed_since(0), lambda: store.get("acme")):
        with pytest.raises(RegistryDown, match="unable to open database file"):
            ask()
