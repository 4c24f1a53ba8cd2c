"""Search: by each thing somebody may know, newest first, each decision with its outcome."""

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from consent.address import Address
from consent.model import ALL, Event, State
from gateway.audit import search as module
from gateway.audit.journal import Journal
from gateway.audit.search import ERASED, Query, search
from gateway.audit.segments import read_lines, segment_numbers, segment_path
from gateway.audit.withdrawals import Withdrawals
from tests.rig import registry
from tests.rig.audit import NOON, Clock, Vault, act, decision, journal, outcome, reference

DAY = timedelta(days=1)
BOB = Address.parse("Bob@else.example")
EVE = Address.parse("eve@evil.example")
FINDING = {"code": "HDR-FROM", "clause": "MOD-2.5b", "action": "reject", "evidence": "2 From fields", "failed": False}
DATE = {"code": "HDR-DATE", "clause": "MOD-2.6", "action": "observe", "evidence": 'says "HDR-FROM"', "failed": False}


class Place:
    """Two processes' journals over three days, made of one message each."""

    def __init__(self, root: Path) -> None:
        self.root, self.vault, self.clock = root, Vault(), Clock()
        self.main, self.other = self.journal("main"), self.journal("worker-1")
        for audit in (self.main, self.other):
            audit.open(version="0.1.0")
        send = self.main.append_blocking
        send(decision(reference(1), recipients=(BOB,)))
        send(decision(reference(2), verdict="reject", findings=(FINDING,), customer="other", header_from=(EVE,)))
        send(outcome(reference(1), reply="250 first"))
        self.clock.now = NOON + DAY
        send(decision(reference(3), message_id="<odd \"'\\ é@x>", credential="acme-bulk", findings=(DATE,)))
        self.other.append_blocking(decision(reference(4), reverse_path=None, recipients=(BOB, EVE), message_class="C2"))
        send(act(target=BOB))
        self.clock.now = NOON + 2 * DAY
        send(outcome(reference(3), reply="250 third", told=False))
        mailing = {"list": "spring", "class": "C4"}
        self.other.append_blocking(decision(reference(5), verdict="defer", reverse_path=EVE, mailing=mailing))
        for audit in (self.main, self.other):
            audit.close_blocking()

    def journal(self, process: str) -> Journal:
        return journal(self.root / process, seal=self.vault.seal, clock=self.clock)

    def find(self, **query: Any) -> list[dict[str, Any]]:
        return list(search(self.root, Query(**query), self.vault.keys, self.vault.unseal))

    def numbers(self, **query: Any) -> list[int]:
        return [int(record["reference"][3:]) for record in self.find(**query)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("search") / "audit")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"limit": 2}, [5, 4]),
        ({"limit": 0}, []),
        ({"limit": None}, [5, 4, 3, 2, 1]),
        ({"customer": "other"}, [2]),
        ({"customer": "acm"}, []),
        ({"credential": "acme-bulk"}, [3]),
        ({"message_class": "C4"}, [5]),
        ({"message_class": "C2"}, [4]),
        ({"message_class": "C1"}, []),
        ({"list": "spring"}, [5]),
        ({"list": "spring", "message_class": "C2"}, []),
        ({"list": "acme"}, []),
        ({"sender": EVE}, [5, 2]),
        ({"sender": Address.parse("BOUNCE@acme.example")}, [3, 2, 1]),
        ({"recipient": BOB}, [4, 1]),
        ({"recipient": Address.parse("bob@else.example")}, [4, 1]),
        ({"recipient": EVE}, [4]),
        ({"message_id": "<odd \"'\\ é@x>"}, [3]),
        ({"reference": reference(2)}, [2]),
        ({"reference": f"{reference(2)}-mfrggzdfmztwq2lk"}, [2]),  # as in Received
        ({"verdict": "defer"}, [5]),
        ({"verdict": "accept"}, [4, 3, 1]),
        ({"rule": "HDR-FROM"}, [2]),
        ({"rule": "HDR-DATE"}, [3]),
        ({"customer": "acme", "recipient": BOB, "sender": Address.parse("news@acme.example")}, [4, 1]),
        ({"since": NOON + DAY}, [5, 4, 3]),
        ({"until": NOON + DAY}, [2, 1]),
        ({"since": NOON + DAY, "until": NOON + 2 * DAY}, [4, 3]),
        ({"since": NOON + 3 * DAY}, []),
    ],
)
def test_records_are_found_by(place: Place, query: dict[str, Any], expected: list[int]) -> None:
    assert place.numbers(**query) == expected


def test_a_decision_comes_with_its_outcome_from_the_same_segment_or_a_later_one(place: Place) -> None:
    replies = {record["reference"]: (record["outcome"] or {}).get("reply") for record in place.find()}
    assert replies == {
        reference(1): "250 first",
        reference(2): None,
        reference(3): "250 third",
        reference(4): None,
        reference(5): None,
    }


def test_an_outcome_after_the_time_asked_for_is_still_joined(place: Place) -> None:
    (record,) = place.find(reference=reference(3), until=NOON + 2 * DAY)
    assert record["outcome"]["reply"] == "250 third"


def test_a_refused_recipient_does_not_take_the_outcome_of_the_rest(tmp_path: Path) -> None:
    vault = Vault()
    audit = journal(tmp_path / "main", seal=vault.seal)
    audit.open()
    audit.append_blocking(decision(reference(1), phase="rcpt", verdict="reject"))
    audit.append_blocking(decision(reference(1)))
    audit.append_blocking(outcome(reference(1)))
    audit.close_blocking()
    found = list(search(tmp_path, Query(), vault.keys))
    assert [(record["phase"], record["outcome"] is None) for record in found] == [("data", False), ("rcpt", True)]


def test_other_kinds_are_found_by_kind(place: Place) -> None:
    assert [record["kind"] for record in place.find(kind="start")] == ["start", "start"]
    assert [record["reply"] for record in place.find(kind="outcome")] == ["250 third", "250 first"]
    (suspension,) = place.find(kind="action", customer="acme")
    assert suspension["target"] == "Bob@else.example"
    assert {record["kind"] for record in place.find(kind=None)} == {
        "start", "decision", "outcome", "action", "segment",
    }  # fmt: skip


def test_withdrawals_are_found_by_whom_they_are_about_and_show_nobody(tmp_path: Path) -> None:
    secrets = registry.secrets(tmp_path)
    vault = Vault()
    event = Event(state=State.WITHDRAWN, party=ALL, list="news", at=1, recorded=2)
    audit = journal(tmp_path / "audit" / "main", seal=vault.seal)
    audit.open()
    audit.append_blocking(act(target=BOB))
    for address in (BOB, EVE):
        audit.append_blocking(Withdrawals("acme", ((secrets.subject_octets(address), event),)))
    audit.append_blocking(Withdrawals("other", ((secrets.subject_octets(BOB), event),)))
    audit.close_blocking()

    def find(**query: Any) -> list[dict[str, Any]]:
        keys = lambda address: [secrets.address_key(address)]  # noqa: E731
        return list(search(tmp_path / "audit", Query(kind="withdrawal", **query), keys, vault.unseal))

    assert [record["customer"] for record in find()] == ["other", "acme", "acme"]
    (record,) = find(recipient=BOB, customer="acme")
    assert record["items"] == [
        {
            "key": secrets.address_key(BOB),
            "event": {"state": "withdrawn", "party": "*", "list": "news", "at": 1, "recorded": 2},
        }
    ]
    assert find(sender=BOB) == []


def test_addresses_are_shown_as_written_and_as_keys_without_a_key(place: Place) -> None:
    (record,) = place.find(reference=reference(1))
    assert record["recipients"] == ["Bob@else.example"]
    assert record["reverse_path"] == "bounce@acme.example"
    (record,) = search(place.root, Query(reference=reference(1)), place.vault.keys)
    assert record["recipients"][0].keys() == {"key", "sealed"}
    (record,) = place.find(reference=reference(4))
    assert record["reverse_path"] is None


def test_an_erased_subject_is_found_and_not_shown(tmp_path: Path) -> None:
    place = Place(tmp_path / "audit")
    place.vault.erase(BOB)
    (newer, _) = place.find(recipient=BOB)
    assert newer["recipients"] == [ERASED, "eve@evil.example"]


def test_each_version_of_the_key_is_looked_for(place: Place) -> None:
    found = search(place.root, Query(recipient=BOB), lambda address: ("0:retired", *place.vault.keys(address)))
    assert len(list(found)) == 2


def test_segments_outside_the_time_are_not_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def reading(path: Path) -> Any:
        read.append(path.name)
        return read_lines(path)

    monkeypatch.setattr(module, "read_lines", reading)
    assert segment_numbers(place.root / "main") == [1, 2, 3]
    assert place.numbers(until=NOON + timedelta(hours=1), verdict="reject") == [2]
    assert "000002.jsonl" not in read


def test_a_line_being_written_or_changed_is_passed_over(tmp_path: Path) -> None:
    place = Place(tmp_path / "audit")
    first = segment_path(place.root / "main", 1)
    rows = first.read_bytes().splitlines(keepends=True)
    rows[1] = rows[1].replace(b'"credential"', b'"credential', 1)
    first.write_bytes(b"".join(rows))
    with segment_path(place.root / "main", 3).open("ab") as file:
        file.write(rows[2][:300])
    assert place.numbers() == [5, 4, 3, 2]


def test_no_journal_holds_nothing(tmp_path: Path) -> None:
    assert list(search(tmp_path / "none", Query(), Vault().keys)) == []


def test_retention_during_a_search_ends_it_quietly(tmp_path: Path) -> None:
    place = Place(tmp_path / "audit")
    found = search(place.root, Query(), place.vault.keys)
    assert int(next(found)["reference"][3:]) == 5
    segment_path(place.root / "main", 1).unlink()
    assert [int(record["reference"][3:]) for record in found] == [4, 3]


def test_a_running_writer_can_be_searched(tmp_path: Path) -> None:
    vault, stop = Vault(), threading.Event()
    audit = journal(tmp_path / "main", seal=vault.seal)
    audit.open()

    def write() -> None:
        number = 0
        while not stop.is_set():
            audit.append_blocking(decision(reference(number)))
            audit.append_blocking(outcome(reference(number)))
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(20):
            found = list(search(tmp_path, Query(limit=50), vault.keys))
            assert all(record["outcome"] for record in found[1:])
    finally:
        stop.set()
        thread.join()
        audit.close_blocking()


@pytest.mark.parametrize(
    "change",
    [{"kind": "mail"}, {"verdict": "maybe"}, {"limit": -1}, {"since": NOON.replace(tzinfo=None)}],
)
def test_a_query_that_nothing_could_match_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no such|negative|aware"):
        replace(Query(), **change)
