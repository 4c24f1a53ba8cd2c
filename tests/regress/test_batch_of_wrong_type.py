"""A batch, or the end of a history, that holds a value of a wrong type made the check of the registry fall over."""

from pathlib import Path

import pytest
from sqlalchemy import text

from consent.store import ConsentStore
from tests.rig.consents import ANN, entry, withdrawn
from tests.rig.registry import secrets, sqlite


@pytest.mark.parametrize(
    "change",
    [
        "batches SET hash = 'none' WHERE number = 1",
        "batches SET hash = 7 WHERE number = 2",
        "batches SET first = 'none' WHERE number = 2",
        "batches SET count = x'00' WHERE number = 1",
        "events SET previous = 'none' WHERE number = 2",
        "standings SET last = 'none'",
    ],
)
def test_a_value_of_a_wrong_type_is_a_fault_that_is_told(tmp_path: Path, change: str) -> None:
    with sqlite(tmp_path) as database:
        store = ConsentStore(database, secrets(tmp_path))
        store.append("acme", [entry(ANN)])
        store.append("acme", [entry(ANN, withdrawn(1))])
        assert store.verify().faults == []
        with database.writing() as connection:
            connection.execute(text(f"UPDATE {change}"))
        assert store.verify().faults != []
        store.close()
