"""The audit joined to the registry: addresses, published heads, other processes' journals."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from consent.address import Address
from gateway.audit.errors import JournalDamaged
from gateway.audit.record import Act
from gateway.audit.search import Query
from gateway.evidence import Evidence
from gateway.stores import Stores
from tests.rig.audit import decision
from tests.rig.gateway import Clock, settings_for

ANN = Address.parse("ann@acme.example")


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[tuple[Evidence, Stores, Clock]]:
    """Evidence with real stores and a clock that is moved by hand."""
    settings, clock = settings_for(tmp_path, "127.0.0.1:1"), Clock()
    stores = Stores.open(settings)
    yield Evidence(settings, stores, clock), stores, clock
    stores.close()


Parts = tuple[Evidence, Stores, Clock]


def write(evidence: Evidence, process: str, target: Address | str = "x") -> None:
    journal = evidence.open(process, version="1", wait_seconds=0)
    journal.append_blocking(Act("me", "did", "acme", target, "because"))
    journal.close_blocking()


def test_addresses_are_shown_until_their_subject_is_erased(parts: Parts) -> None:
    evidence, stores, _ = parts
    write(evidence, "cli", ANN)
    assert [record["target"] for record in evidence.search(Query(kind="action"))] == ["ann@acme.example"]
    stores.subjects.destroy(stores.secrets.address_key(ANN))
    assert [record["target"] for record in evidence.search(Query(kind="action"))] == ["(erased)"]
    assert evidence.verify().ok


def test_a_journal_that_vanished_is_found_by_the_registrys_head(parts: Parts, tmp_path: Path) -> None:
    evidence, _, _ = parts
    write(evidence, "cli")
    (tmp_path / "var" / "audit" / "cli").rename(tmp_path / "away")
    report = evidence.verify()
    assert [fault.process for fault in report.faults] == ["cli"]


def test_a_registry_head_that_is_none_is_a_fault_and_stops_the_journal(parts: Parts, tmp_path: Path) -> None:
    evidence, stores, clock = parts
    write(evidence, "cli")
    stores.heads.put(f"{(tmp_path / 'var' / 'node').read_text().strip()}/cli", "garbled", clock())
    assert [fault.what for fault in evidence.verify().faults] == [
        "the registry's head of this journal cannot be read: it was changed"
    ]
    with pytest.raises(JournalDamaged, match="cannot be read"):
        evidence.open("cli", version="1", wait_seconds=0)


def test_old_segments_of_other_processes_are_retired_and_living_ones_left(parts: Parts) -> None:
    evidence, _, clock = parts
    write(evidence, "cli")
    write(evidence, "w1")
    clock.now += timedelta(days=2)
    write(evidence, "cli")
    write(evidence, "w1")
    living = evidence.open("w1", version="1", wait_seconds=0)
    assert evidence.retire_others("gateway", clock() - timedelta(days=1)) == 1
    living.close_blocking()
    assert evidence.retire_others("w1", clock() - timedelta(days=1)) == 0
    assert evidence.verify().ok


def test_what_a_worker_left_open_is_concluded_once_when_there_is_no_such_worker_any_more(parts: Parts) -> None:
    evidence, _, _ = parts
    for process in ("worker-1", "worker-2", "worker-3"):
        journal = evidence.open(process, version="1", wait_seconds=0)
        journal.append_blocking(decision(f"ref-of-{process}"))
        journal.close_blocking()
    living = evidence.open("worker-3", version="1", wait_seconds=0)
    for _ in range(2):
        evidence.conclude_workers(["worker-1"])
    living.close_blocking()
    records = list(evidence.search(Query(kind=None)))
    closed = {record["reference"] for record in records if record.get("outcome") == "unknown"}
    assert closed == {"ref-of-worker-2", "ref-of-worker-3"}
    assert sum((record["process"], record["kind"]) == ("worker-2", "start") for record in records) == 2
    assert evidence.verify().ok
