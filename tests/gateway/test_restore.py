"""A registry that was restored from an older copy is told again what was withdrawn: real files, real servers."""

import asyncio
import threading
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from config.policy import Policy
from consent.address import Address
from consent.database import Database, RegistryDown, RegistryError
from consent.model import Event, State, micros
from consent.store import ConsentStore
from gateway import restore as module
from gateway.app import PROCESS, Gateway
from gateway.audit.anchors import anchors, newest
from gateway.audit.errors import JournalError
from gateway.audit.journal import Journal
from gateway.audit.segments import segment_path
from gateway.audit.withdrawals import Withdrawals
from gateway.restore import ANCHOR_EVERY, OVERLAP, TROUBLE, Restore
from tests.rig import postgres, registry
from tests.rig.audit import Clock as AuditClock
from tests.rig.audit import journal as journal_at
from tests.rig.gateway import CUSTOMERS, Clock, running, settings_for
from tests.rig.restoring import (
    ANN,
    BOB,
    CHAIN,
    EVE,
    Desk,
    alarms,
    bring_back,
    copied,
    desk,
    keep,
    put_back,
    readyz,
    replays,
)
from tests.rig.smtpd import Smtpd


async def test_a_registry_file_restored_from_a_copy_refuses_the_withdrawn_again_before_mail_is_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    async with Smtpd() as hop:
        async with running(tmp_path, hop=hop, clock=clock) as (gateway, _, _):
            desk(gateway).consent(ANN, BOB, EVE)
            desk(gateway).withdraw(EVE)
        copied(tmp_path, "copy")
        clock.now += timedelta(days=3)
        async with running(tmp_path, hop=hop, clock=clock) as (gateway, _, _):
            desk(gateway).withdraw(ANN)
            clock.now += timedelta(days=2)
            desk(gateway).withdraw(BOB, state=State.ERASED)
            assert [desk(gateway).reason(each) for each in (ANN, BOB, EVE)] == ["WITHDRAWN"] * 3
        put_back(tmp_path, "copy")

        # The replay is held where it begins, to look at the gateway meanwhile.
        begun, go_on, real = threading.Event(), threading.Event(), ConsentStore.restore

        def held(self: ConsentStore, customer: str, items: Iterable[tuple[bytes, Event]]) -> int:
            assert Desk(self, gateway.journal, clock).reason(ANN) is None, "the copy had not been told"
            begun.set()
            assert go_on.wait(10)
            return real(self, customer, items)

        monkeypatch.setattr(ConsentStore, "restore", held)
        seen: list[Any] = []

        async def look(gateway: Gateway) -> None:
            await asyncio.to_thread(begun.wait, 10)
            seen.extend((gateway.smtp_addresses, *await asyncio.to_thread(readyz, gateway)))
            go_on.set()

        gateway = Gateway(settings_for(tmp_path, hop.address), Policy(), clock)
        looking = asyncio.create_task(look(gateway))
        await gateway.start()
        await looking
        try:
            assert seen[:2] == [[], 503]
            assert TROUBLE in seen[2]
            assert gateway.trouble() == []
            assert [desk(gateway).reason(each) for each in (ANN, BOB, EVE)] == ["WITHDRAWN"] * 3
            assert gateway.stores.consents.verify().faults == []
            history = gateway.stores.consents.history("acme", ANN)
            assert [(each.event.state, each.personal is None or dict(each.personal)) for each in history][-1] == (
                State.WITHDRAWN,
                {},
            )
            (told,) = replays(gateway)
            assert (told["restored"], told["from_batch"], told["to_batch"]) == (2, 2, 3)
            assert told["reason"].startswith("registry: batch 4 is not in its chain any more, its last is 2")
            assert alarms(gateway) == 2
        finally:
            await gateway.stop()
        assert gateway.evidence.verify().ok

        # The next start finds all in order.
        monkeypatch.undo()
        async with running(tmp_path, hop=hop, clock=clock) as (gateway, _, _):
            assert len(replays(gateway)) == 1
            assert alarms(gateway) == 0


async def test_a_lost_registry_is_told_everything_the_audit_has(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, clock=clock) as (gateway, hop, _):
        desk(gateway).consent(ANN, BOB)
        desk(gateway).withdraw(ANN)
        clock.now += timedelta(days=400)
        desk(gateway).withdraw(BOB)
    for path in (tmp_path / "var").glob("postern-consent.db*"):
        path.unlink()
    async with running(tmp_path, clock=clock) as (gateway, _, _):
        assert [desk(gateway).reason(each) for each in (ANN, BOB)] == ["WITHDRAWN"] * 2
        assert replays(gateway)[0]["restored"] == 2


async def test_what_the_process_died_over_between_audit_and_commit_is_in_force_at_the_next_start(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as (gateway, _, _):
        desk(gateway).consent(ANN)

        now = micros(gateway.clock())
        event = Event(state=State.WITHDRAWN, party="acme", list="news", at=now, recorded=now)
        key = gateway.stores.secrets.subject_octets(ANN)
        gateway.journal.append_blocking(Withdrawals("acme", [(key, event)]))
        assert desk(gateway).reason(ANN) is None
    async with running(tmp_path) as (gateway, _, _):
        assert desk(gateway).reason(ANN) == "WITHDRAWN"
        (told,) = replays(gateway)
        assert (told["restored"], told["reason"]) == (1, None)
        assert alarms(gateway) == 1


async def test_rows_restored_under_a_running_gateway_are_noticed_and_the_withdrawn_refused_again(
    tmp_path: Path,
) -> None:
    with postgres.running() as server, server.database() as url:
        shared = {"registry": {"url": url}}
        async with running(tmp_path, settings=shared, customers=CUSTOMERS) as (gateway, hop, _):
            here = desk(gateway)
            here.consent(ANN, BOB, EVE)
            here.withdraw(EVE)
            keep(gateway.stores.consent_database)
            here.withdraw(ANN)
            here.withdraw(BOB)
            assert gateway.trouble() == []
            await hop.until(lambda: gateway.restore._end == gateway.stores.consents.last_batch())
            bring_back(gateway.stores.consent_database, *CHAIN)
            assert here.reason(ANN) is None
            await hop.until(lambda: here.reason(ANN) == "WITHDRAWN" and not gateway.restore.running)
            assert [here.reason(each) for each in (ANN, BOB, EVE)] == ["WITHDRAWN"] * 3
            assert gateway.stores.consents.verify().faults == []
            assert gateway.trouble() == []
            (told,) = replays(gateway)
            assert told["restored"] == 2
            assert "batch 4 is not in its chain any more, its last is 2" in told["reason"]

            # Restored again, and written on at once: the number is there, and it is not the same batch.
            bring_back(gateway.stores.consent_database, *CHAIN)
            here.consent(Address.parse("new@recipient.example"))
            await hop.until(lambda: here.reason(ANN) == "WITHDRAWN" and not gateway.restore.running)
            assert len(replays(gateway)) == 2

            # The change counter alone goes back.
            gateway.stores.customers.suspend("acme", "x", gateway.clock())
            await gateway.changes.refresh()
            bring_back(gateway.stores.database, "changes")
            await hop.until(lambda: len(replays(gateway)) == 3 and not gateway.restore.running)
            told = replays(gateway)[0]
            assert (told["restored"], told["reason"]) == (0, "registry: its change counter has gone back")


class Place:
    """A registry of consents and one journal, without a gateway."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, AuditClock()
        self.secrets = registry.secrets(folder)
        self.database = Database(registry.sqlite_url(folder)).consent()
        self.database.upgrade()
        self.store = ConsentStore(self.database, self.secrets)
        self.audit = folder / "audit"
        self.journal = self.open(PROCESS)
        self.alarms: list[str] = []
        self.desk = Desk(self.store, self.journal, self.clock)

    def open(self, process: str) -> Journal:
        made = journal_at(self.audit / process, clock=self.clock)
        made.open(version="0.1.0")
        return made

    def restore(self) -> Restore:
        return Restore(
            self.store,
            self.audit,
            self.journal,
            lambda part, what: self.alarms.append(f"{part}: {what}"),
            self.clock,
            lambda customer, event: None,
        )

    def lose(self) -> None:
        """All that is on record is gone."""
        self.store.close()
        with self.database.writing() as connection:
            for name in CHAIN:
                connection.execute(text(f"DELETE FROM {name}"))

    def close(self) -> None:
        self.journal.close_blocking()
        self.store.close()
        self.database.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


def test_it_is_not_done_before_it_was_done(place: Place) -> None:
    restore = place.restore()
    before = restore.running
    done = restore.start()
    assert (before, restore.running) == (True, False)
    assert (done.restored, done.read, place.alarms) == (0, 0, [])


def test_only_what_stands_since_the_last_complete_anchor_is_read(place: Place) -> None:
    place.desk.withdraw(ANN)
    place.clock.now += OVERLAP + timedelta(minutes=10)
    place.desk.withdraw(BOB)
    place.clock.now += OVERLAP - timedelta(minutes=10)
    assert place.restore().start().read == 2
    place.desk.withdraw(EVE)
    done = place.restore().start()
    assert (done.read, done.restored) == (2, 0), "the last two"


def test_what_a_command_adds_to_a_restored_copy_hides_nothing(place: Place) -> None:
    """The copy is put back while no gateway runs, a command records something in it, and only then is one started."""
    restore = place.restore()
    restore.start()
    place.desk.consent(ANN, BOB)
    place.desk.withdraw(ANN)
    place.clock.now += timedelta(days=2)
    place.lose()
    command = place.open("cli")
    Desk(place.store, command, place.clock).withdraw(EVE)
    command.close_blocking()
    assert newest(place.audit).process == "cli"  # type: ignore[union-attr]
    done = place.restore().start()
    assert done.restored == 1
    assert [place.desk.reason(each) for each in (ANN, EVE)] == ["WITHDRAWN"] * 2
    assert "batch 2 is not in its chain any more, its last is 1" in place.alarms[0]
    assert place.restore().start().restored == 0
    assert len(place.alarms) == 2


def test_what_others_add_to_a_restored_copy_before_it_is_noticed_hides_nothing(place: Place) -> None:
    restore = place.restore()
    restore.start()
    place.desk.withdraw(ANN)
    place.clock.now += timedelta(days=2)
    restore.look()
    place.lose()
    place.desk.withdraw(BOB)
    place.desk.withdraw(EVE)
    done = restore.look()
    assert done is not None
    assert done.restored == 1
    assert [place.desk.reason(each) for each in (ANN, BOB, EVE)] == ["WITHDRAWN"] * 3
    assert place.store.verify().faults == []


def test_all_journals_of_the_node_are_read(place: Place) -> None:
    other = place.open("cli")
    Desk(place.store, other, place.clock).withdraw(ANN, anchored=False)
    other.close_blocking()
    place.desk.withdraw(BOB)
    place.lose()
    assert place.restore().start().restored == 2
    assert [place.desk.reason(each) for each in (ANN, BOB)] == ["WITHDRAWN"] * 2


def test_an_anchor_is_noted_at_start_and_every_hour(place: Place) -> None:
    place.desk.consent(ANN)
    restore = place.restore()
    restore.start()
    first = newest(place.audit)
    assert first is not None
    assert first.number == 1
    place.clock.now += ANCHOR_EVERY / 2
    assert restore.look() is None
    assert newest(place.audit) == first
    place.clock.now += ANCHOR_EVERY / 2
    restore.look()
    second = newest(place.audit)
    assert second is not None
    assert (second.number, second.complete, second.n) == (1, True, first.n + 1)


def test_an_anchor_is_noted_after_many_batches(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANCHOR_BATCHES", 3)
    restore = place.restore()
    restore.start()
    for _ in range(3):
        place.desk.withdraw(ANN)
        restore.look()
    last, before = islice(anchors(place.audit), 2)
    assert [(each.number, each.complete) for each in (last, before)] == [(3, True), (3, False)]


def test_a_chain_that_goes_on_is_not_replayed_and_its_new_end_is_known(place: Place) -> None:
    restore = place.restore()
    restore.start()
    for _ in range(3):
        place.desk.withdraw(ANN)
        place.clock.now += timedelta(seconds=1)
        assert restore.look() is None
    assert place.alarms == []
    place.lose()
    done = restore.look()
    assert done is not None
    assert done.restored == 3
    assert "batch 3 is not in its chain any more, there is none" in place.alarms[0]
    assert "3 withdrawals that it lacked were replayed" in place.alarms[1]


def test_a_registry_that_goes_down_in_a_replay_leaves_it_to_be_done(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.desk.withdraw(ANN)
    restore = place.restore()
    restore.start()
    place.lose()

    def down(customer: str, items: object) -> int:
        raise RegistryDown("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(place.store, "restore", down)
        for _ in range(3):
            with pytest.raises(RegistryError):
                restore.look()
            assert restore.running
    assert len(place.alarms) == 1, "told once"
    done = restore.look()
    assert done is not None
    assert done.restored == 1
    assert not restore.running
    assert place.desk.reason(ANN) == "WITHDRAWN"
    assert "consents recorded since are gone" in place.alarms[-1]


def test_records_that_were_changed_are_told_and_the_others_replayed(place: Place) -> None:
    place.desk.withdraw(ANN)
    place.desk.withdraw(BOB)
    place.lose()
    path = segment_path(place.audit / PROCESS, 1)
    path.write_bytes(path.read_bytes().replace(b'"state":"withdrawn"', b'"state":"suppressed"', 1))
    done = place.restore().start()
    assert (done.restored, done.unreadable) == (1, 1)
    assert [place.desk.reason(each) for each in (ANN, BOB)] == ["NO-CONSENT", "WITHDRAWN"]
    assert "1 records of the audit are not as they were written: run postern audit verify" in place.alarms[-1]


def test_an_audit_that_cannot_be_read_is_an_error_and_nothing_is_done(place: Place) -> None:
    place.desk.withdraw(ANN)
    place.lose()
    segment_path(place.audit / PROCESS, 1).rename(place.folder / "away")
    segment_path(place.audit / PROCESS, 1).mkdir()
    restore = place.restore()
    with pytest.raises(JournalError, match="the audit cannot be read"):
        restore.start()
    assert restore.running
    segment_path(place.audit / PROCESS, 1).rmdir()
    (place.folder / "away").rename(segment_path(place.audit / PROCESS, 1))
    assert restore.start().restored == 1


def test_a_replay_can_be_stopped_and_is_not_done_then(place: Place) -> None:
    place.desk.withdraw(ANN)
    place.lose()
    restore = place.restore()
    restore.stop()
    with pytest.raises(JournalError, match="stopped before its end"):
        restore.start()
    assert restore.running


def test_an_erasure_that_the_copy_has_not_seen_is_done_again(place: Place) -> None:
    place.desk.consent(ANN)
    restore = place.restore()
    restore.start()
    keep(place.database)
    assert place.store.erase("acme", ANN, actor="x", now=micros(place.clock()), before_commit=place.desk.ahead)
    restore.look()
    bring_back(place.database, *CHAIN)
    (before,) = place.store.history("acme", ANN)
    assert before.personal
    restore.look()
    assert not any(each.personal for each in place.store.history("acme", ANN))
    assert place.desk.reason(ANN) == "WITHDRAWN"
    assert place.store.verify().faults == []


def test_acts_of_a_replay_stand_in_the_audit(place: Place) -> None:
    place.desk.withdraw(ANN)
    place.lose()
    place.restore().start()
    line = segment_path(place.audit / PROCESS, 1).read_bytes().splitlines()[-2]
    assert b'"actor":"gateway","act":"consent replay"' in line
