"""The store on its own; what it does with a database is in tests/test_contracts_consent.py, on both of them."""

import threading
from pathlib import Path

import pytest

import consent.store
from consent.database import RegistryDown
from consent.records import Recorded
from consent.store import ConsentStore
from tests.rig.consents import ANN, AT, entry
from tests.rig.registry import secrets, sqlite


def test_names_of_the_records_can_be_imported_from_it() -> None:
    assert consent.store.Recorded is Recorded
    assert set(consent.store.__all__) <= set(vars(consent.store))


def test_threads_do_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent.store, "BUSY_SECONDS", 0.05)
    entered, leave = threading.Event(), threading.Event()

    def hold(items: object) -> None:
        entered.set()
        leave.wait(30)

    with sqlite(tmp_path) as database:
        store = ConsentStore(database, secrets(tmp_path))
        erasing = threading.Thread(
            target=store.erase, args=("acme", ANN), kwargs={"actor": "x", "now": AT, "before_commit": hold}
        )
        erasing.start()
        assert entered.wait(30)
        with pytest.raises(RegistryDown, match="others have been writing"):
            store.append("acme", [entry(ANN)])
        leave.set()
        erasing.join(30)
        assert store.append("acme", [entry(ANN)]).new == 1
        store.close()
