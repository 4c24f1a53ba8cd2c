"""Several processes that record at once, and processes that die: on SQLite and on a real PostgreSQL."""

import random
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from consent.database import Database
from consent.keys import Secrets
from consent.store import ConsentStore
from tests.rig.consent_writing import hammering, started
from tests.rig.consents import ANN, entry, withdrawn

pytest_plugins = ("tests.rig.contracts",)


@pytest.fixture
def registry(database: Database) -> Iterator[Database]:
    made = database.consent()
    made.upgrade()
    yield made
    made.close()


@pytest.fixture
def store(registry: Database, secrets: Secrets) -> Iterator[ConsentStore]:
    made = ConsentStore(registry, secrets)
    yield made
    made.close()


def batches_reach(store: ConsentStore, number: int) -> None:
    deadline = time.monotonic() + 60
    while ((last := store.last_batch()) is None or last.number < number) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert last is not None
    assert last.number >= number


def test_two_processes_record_at_once(url: str, registry: Database, secrets: Secrets, store: ConsentStore) -> None:
    # They share half of their addresses.
    processes = [started(url, secrets.path, first, 20, 50) for first in (0, 500)]
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    found = store.verify()
    # 1,500 addresses, and a withdrawal per batch.
    assert (found.events, found.batches, found.faults) == (1540, 40, [])
    with registry.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM standings")).scalar() == 1500


def test_a_process_that_is_killed_leaves_whole_batches(
    url: str, registry: Database, secrets: Secrets, store: ConsentStore
) -> None:
    chance = random.Random(6)
    for round_ in range(5):
        before = store.last_batch()
        number = before.number if before else 0
        process = started(url, secrets.path, round_ * 1_000_000, None, 400)
        batches_reach(store, number + chance.randint(1, 4))
        process.kill()
        process.join(30)
        # Whoever comes next is not held up by the dead.
        done = store.append("rival", [entry(ANN, withdrawn(round_))])
        assert done.batch is not None
        with registry.reading() as connection:
            counts = connection.execute(text("SELECT DISTINCT count FROM batches WHERE customer = 'acme'")).scalars()
            assert set(counts) == {401}
    found = store.verify()
    assert found.faults == []
    assert found.events == 401 * (found.batches - 5) + 5


def test_one_event_does_not_wait_behind_all_of_an_import(url: str, secrets: Secrets, store: ConsentStore) -> None:
    process = hammering(url, secrets.path, 3000)
    try:
        batches_reach(store, 2)
        waits = []
        for number in range(20):
            start = time.monotonic()
            store.append("rival", [entry(ANN, withdrawn(number))])
            waits.append(time.monotonic() - start)
        assert process.is_alive()
    finally:
        process.kill()
        process.join(30)
    # One batch takes some 50 ms here; whoever came in only by chance would wait for many.
    assert sorted(waits)[-3] < 2, waits
