"""A credential whose username another customer had when its password was rotated was hashed anew with every apply,
which ended its open sessions each time."""

from datetime import timedelta

from consent.credentials import CredentialStore, Which
from consent.customers import CustomerStore
from consent.database import Database
from tests.rig import registry
from tests.rig.registry import NOW, customer

pytest_plugins = ("tests.rig.contracts",)


def test_an_unchanged_file_changes_nothing(database: Database, customers: CustomerStore) -> None:
    mine, other = customer("acme", password="correct horse"), customer("brand")
    customers.apply([mine, other], NOW)
    CredentialStore(database, registry.QUICK).rotate(Which("acme", "acme-app"), timedelta(0), NOW)
    bare = mine.model_copy(update={"credentials": ()})
    moved = mine.credentials[0].model_copy(update={"password": "another horse"})
    given = other.model_copy(update={"credentials": (*other.credentials, moved)})
    customers.apply([bare, given], NOW)
    assert [each.result for each in customers.apply([bare, given], NOW)] == ["unchanged", "unchanged"]
