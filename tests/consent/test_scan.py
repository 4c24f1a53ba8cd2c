"""Scans read everything once, in order, a piece at a time, and stop where a chain does not hold."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consent.database import Database, RegistryError
from consent.scan import Scan, scanning
from consent.store import ConsentStore
from tests.rig.consents import ANN, BOB, entry, given, many
from tests.rig.registry import secrets, sqlite


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with sqlite(tmp_path) as made:
        store = ConsentStore(made, secrets(tmp_path))
        store.append("acme", [entry(ANN), entry(BOB)])
        store.append("rival", many(range(20)))
        store.append("acme", [entry(ANN, given(number)) for number in range(1, 4)])
        store.close()
        yield made


@pytest.fixture
def scan(database: Database) -> Iterator[Scan]:
    with scanning(database) as made:
        yield made


def test_standings_come_in_order_each_once(scan: Scan) -> None:
    found, after = [], ("", b"")
    while piece := scan.standings(after, 7):
        found += piece
        after = (piece[-1].customer, piece[-1].key)
    assert len(found) == 22
    assert found == sorted(found)
    assert scan.standings(("acme", b""), 99, "acme") == found[:2]
    assert scan.standings_of("rival", [found[5].key, found[0].key]) == [found[5]]


def test_events_and_batches(scan: Scan) -> None:
    assert [event.number for event in scan.events_from(3, 6)] == [3, 4, 5, 6]
    assert sorted(scan.events([25, 1, 99])) == [1, 25]
    assert [(batch.number, batch.first, batch.count) for batch in scan.batches(1, 9)] == [(2, 3, 20), (3, 23, 3)]
    assert scan.batch(None) == scan.batch(3)
    assert scan.batch(4) is None
    assert scan.batches_of([1, 23, 2, 3, 22, 0, 26]) == {1: 1, 2: 1, 3: 2, 22: 2, 23: 3, 0: 0, 26: 0}


def test_a_scan_remembers_a_bounded_number_of_batches(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consent.scan._MET", 1)
    assert scan.batches_of([1, 3, 23, 1]) == {1: 1, 3: 2, 23: 3}


def test_chains_lead_from_the_last_event_to_the_first(scan: Scan) -> None:
    with scan.piece():
        standings = scan.standings(("acme", b""), 9, "acme")
        chains = scan.chains(standings)
    assert sorted([event.number for event in chain] for chain in chains) == [[2], [25, 24, 23, 1]]


def test_a_chain_ends_where_it_does_not_hold(scan: Scan) -> None:
    ann = next(each for each in scan.standings(("acme", b""), 9, "acme") if each.last == 25)
    assert scan.chains([ann._replace(last=99)]) == [[]]
    assert scan.chains([ann._replace(last=2)]) == [[]]
    assert scan.chains([ann._replace(customer="rival")]) == [[]]
    assert [len(chain) for chain in scan.chains([ann, ann])] == [0, 4]


def test_a_piece_is_of_one_moment(database: Database, scan: Scan, tmp_path: Path) -> None:
    store = ConsentStore(database, secrets(tmp_path))
    with scan.piece():
        before = scan.standings(("", b""), 99)
        store.append("acme", many(range(3)))
        assert scan.standings(("", b""), 99) == before
    assert len(scan.standings(("", b""), 99)) == len(before) + 3
    store.close()


def test_a_registry_without_tables_is_told(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="no such table"), scanning(Database(f"sqlite:///{tmp_path}/x.db")) as scan:
        scan.batch(None)
