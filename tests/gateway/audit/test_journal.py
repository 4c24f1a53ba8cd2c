"""Journal: durable when told, grouped, never two writers, whole after any death."""

import asyncio
import inspect
import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consent.address import Address
from gateway.audit.head import Head
from gateway.audit.journal import Journal, JournalClosed, JournalDamaged, JournalError, JournalFull, JournalLocked
from gateway.audit.record import Sealed
from gateway.audit.segments import Line, segment_numbers
from gateway.audit.verify import verify
from tests.rig.audit import MAC_KEY, NOON, Clock, Vault, act, decision, journal, lines, outcome, reference
from tests.rig.disk import fill, small_disk

ROOT = Path(__file__).parents[3]


def records(directory: Path) -> list[Line]:
    found = [Line.parse(raw) for raw in lines(directory)]
    assert None not in found
    return [line for line in found if line is not None]


def kinds(directory: Path) -> list[str]:
    return [line.kind for line in records(directory)]


def whole(directory: Path, published: dict[str, Head] | None = None) -> None:
    report = verify(directory.parent, MAC_KEY, published or {})
    assert report.ok, report.faults


def is_full(audit: Journal) -> bool:
    """Asked anew each time."""
    return audit.full


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "audit" / "main"


async def test_an_append_returns_when_the_record_is_synced(place: Path) -> None:
    synced: list[bytes] = []

    def sync(descriptor: int) -> None:
        os.fdatasync(descriptor)
        synced.append(b"".join(lines(place)))

    audit = journal(place, sync=sync)
    audit.open(version="0.1.0")
    assert await audit.append(decision()) == 2
    assert b'"kind":"decision"' in synced[-1]
    await audit.close()
    whole(place)


async def test_the_head_covers_what_was_appended(place: Path) -> None:
    audit = journal(place)
    audit.open()
    number = await audit.append(decision())
    assert audit.head is not None
    assert (audit.head.n, audit.head.segment) == (number, 1)
    await audit.close()


async def test_those_who_wait_together_share_one_sync(place: Path) -> None:
    syncs = [0]

    def sync(descriptor: int) -> None:
        syncs[0] += 1
        os.fdatasync(descriptor)

    audit = journal(place, sync=sync, segment_bytes=1 << 20)
    audit.open()
    before = syncs[0]
    numbers = await asyncio.gather(*(audit.append(decision(reference(number))) for number in range(200)))
    assert sorted(numbers) == list(range(2, 202))
    # The first may go alone, and the thread may come by while the others are being put.
    assert syncs[0] - before < 20
    assert audit.groups == syncs[0]
    await audit.close()
    whole(place)


async def test_a_group_is_sealed_in_one_call(place: Path) -> None:
    vault, calls = Vault(), list[int]()

    def seal(addresses: Sequence[Address]) -> Sequence[Sealed]:
        calls.append(len(addresses))
        return vault.seal(addresses)

    audit = journal(place, seal=seal)
    audit.open()
    await asyncio.gather(*(audit.append(decision(reference(number))) for number in range(50)))
    assert len(calls) < 10
    assert all(count == 3 for count in calls)
    await audit.close()


async def test_a_noted_record_stands_after_close(place: Path) -> None:
    audit = journal(place)
    audit.open()
    for number in range(3000):
        audit.note(outcome(reference(number)))
    await audit.close()
    assert kinds(place).count("outcome") == 3000
    whole(place)


async def test_a_noted_record_goes_with_the_next_group(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.audit.journal.LINGER", 3600)
    audit = journal(place)
    audit.open()
    before = audit.groups
    for number in range(20):
        audit.note(outcome(reference(number)))
        await audit.append(decision(reference(100 + number)))
    assert audit.groups - before == 20
    assert kinds(place) == ["start", *["outcome", "decision"] * 20]
    audit.note(outcome(reference(20)))
    await audit.close()  # waits for no group
    assert kinds(place)[-1] == "outcome"
    whole(place)


async def test_a_noted_record_for_which_no_group_comes_is_written_by_itself(place: Path) -> None:
    audit = journal(place)
    audit.open()
    audit.note(outcome())
    async with asyncio.timeout(60):
        while "outcome" not in kinds(place):  # noqa: ASYNC110 - until it stands
            await asyncio.sleep(0.01)
    assert kinds(place) == ["start", "outcome"]
    await audit.close()
    whole(place)


async def test_a_cancelled_append_harms_nobody(place: Path) -> None:
    audit = journal(place)
    audit.open()
    task = asyncio.create_task(audit.append(decision(reference(1))))
    await asyncio.sleep(0)
    task.cancel()
    assert await audit.append(decision(reference(2))) == 3
    await audit.close()
    assert kinds(place) == ["start", "decision", "decision"]


def test_a_command_appends_without_an_event_loop(place: Path) -> None:
    audit = journal(place)
    audit.open(version="0.1.0")
    assert audit.append_blocking(act()) == 2
    audit.close_blocking()
    audit.close_blocking()
    assert kinds(place) == ["start", "action"]
    assert b'"version":"0.1.0"' in lines(place)[0]


def test_a_second_writer_is_refused_in_plain_words(place: Path) -> None:
    first, second = journal(place), journal(place)
    first.open()
    with pytest.raises(JournalLocked, match="another process writes the audit journal"):
        second.open()
    first.close_blocking()
    second.open()
    second.close_blocking()
    assert kinds(place) == ["start", "start"]


async def test_a_command_waits_for_the_one_before_it(place: Path) -> None:
    first, second = journal(place), journal(place)
    first.open()
    opening = asyncio.create_task(asyncio.to_thread(second.open, wait_seconds=10))
    await asyncio.sleep(0.05)
    assert not opening.done()
    await first.close()
    await opening
    await second.close()


def test_a_closed_journal_takes_nothing(place: Path) -> None:
    audit = journal(place)
    with pytest.raises(JournalClosed):
        audit.note(outcome())
    audit.open()
    audit.close_blocking()
    with pytest.raises(JournalClosed):
        audit.append_blocking(outcome())


def test_a_process_name_that_is_no_directory_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a process name"):
        journal(tmp_path / "Main Process")


def test_a_directory_that_cannot_be_made_is_an_error_of_the_journal(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("a file")
    with pytest.raises(JournalError, match="cannot be opened"):
        journal(tmp_path / "audit" / "main").open()


async def test_a_record_that_is_no_json_fails_alone(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    audit = journal(place)
    audit.open()
    odd, good = await asyncio.gather(
        audit.append(act(details={"odd": object()})), audit.append(decision()), return_exceptions=True
    )
    assert isinstance(odd, JournalError)
    assert good == 2
    assert "could not be encoded" in caplog.text
    await audit.close()
    whole(place)


async def test_when_addresses_cannot_be_sealed_outcomes_still_stand(place: Path) -> None:
    away = True

    def seal(addresses: Sequence[Address]) -> Sequence[Sealed]:
        if away:
            raise ConnectionError("the registry is away")
        return Vault().seal(addresses)

    audit = journal(place, seal=seal)
    audit.open()
    audit.note(act(target=Address.parse("ann@other.example")))
    failed, number = await asyncio.gather(audit.append(decision()), audit.append(outcome()), return_exceptions=True)
    assert isinstance(failed, JournalError)
    assert number == 2
    away = False
    await audit.append(decision())
    await audit.close()
    assert sorted(kinds(place)) == ["action", "decision", "outcome", "start"]


async def test_a_head_is_published_at_close(place: Path) -> None:
    heads: list[Head] = []
    audit = journal(place, publish_head=heads.append)
    audit.open()
    await audit.append(decision())
    await audit.close()
    assert heads[-1] == audit.head
    whole(place, {"main": heads[-1]})


def test_messages_without_an_outcome_are_closed_as_unknown_at_the_next_start(place: Path) -> None:
    clock = Clock()
    audit = journal(place, clock=clock)
    audit.open()
    for number in range(4):
        audit.append_blocking(decision(reference(number), verdict="reject" if number == 3 else "accept"))
    audit.append_blocking(outcome(reference(1)))
    clock.now += timedelta(days=1)
    audit.append_blocking(decision(reference(9)))
    audit.close_blocking()
    assert segment_numbers(place) == [1, 2]

    audit = journal(place, clock=clock)
    audit.open()
    audit.close_blocking()
    closed = [line.json() for line in records(place) if line.kind == "outcome"][1:]
    assert [(record["reference"], record["outcome"], record["told"]) for record in closed] == [
        (reference(number), "unknown", False) for number in (0, 2, 9)
    ]
    audit = journal(place, clock=clock)
    audit.open()
    audit.close_blocking()
    assert kinds(place)[-1] == "start"
    assert kinds(place).count("outcome") == 4
    whole(place)


def test_a_group_over_midnight_is_parted(place: Path) -> None:
    clock = Clock(now=NOON.replace(hour=23, minute=59, second=59), step=timedelta(milliseconds=40))
    audit = journal(place, clock=clock)
    audit.open()
    for number in range(100):
        audit.note(outcome(reference(number)))
    audit.close_blocking()
    days = {number: {line.time[:10] for line in records(place) if line.n} for number in segment_numbers(place)}
    assert list(days) == [1, 2]
    assert b'"time":"2026-03-15T' not in (place / "000001.jsonl").read_bytes()
    assert b'"time":"2026-03-14T' not in (place / "000002.jsonl").read_bytes()
    whole(place)


async def test_on_a_full_disk_decisions_fail_and_outcomes_stand(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        place = disk / "audit" / "main"
        audit = journal(place, reserve_bytes=256 * 1024, segment_bytes=1 << 20)
        audit.open()
        await audit.append(decision(reference(0)))
        filler = fill(disk)
        accepted = 1
        with pytest.raises(JournalFull):
            # The page the segment ends in has a little room left.
            for number in range(1, 20):
                await audit.append(decision(reference(number)))
                accepted += 1
        assert is_full(audit)
        assert (place / "reserve").stat().st_size == 256 * 1024
        whole(place)

        for number in range(accepted):
            audit.note(outcome(reference(number)))
        for number in range(100):
            await audit.append(act(details={"number": number}))
        assert (place / "reserve").stat().st_size < 256 * 1024
        with pytest.raises(JournalFull):
            await audit.append(decision(reference(50)))

        filler.unlink()
        await audit.append(decision(reference(51)))
        assert (place / "reserve").stat().st_size == 256 * 1024
        assert not is_full(audit)
        await audit.close()
        assert kinds(place).count("decision") == accepted + 1
        assert kinds(place).count("outcome") == accepted
        whole(place)


def test_with_the_reserve_used_up_outcomes_wait_and_are_told_of(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        place = disk / "audit" / "main"
        audit = journal(place, reserve_bytes=64 * 1024, segment_bytes=1 << 20)
        audit.open()
        filler = fill(disk)
        with pytest.raises(JournalFull):
            for number in range(1000):
                audit.append_blocking(outcome(reference(number)))
        audit.note(outcome(reference(5000)))
        with pytest.raises(JournalFull):
            audit.append_blocking(decision())
        assert audit.owed == 1
        filler.unlink()
        audit.close_blocking()
        assert audit.owed == 0
        assert reference(5000).encode() in lines(place)[-1]
        whole(place)


def test_a_journal_opens_on_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        place = disk / "audit" / "main"
        audit = journal(place, reserve_bytes=256 * 1024)
        audit.open()
        audit.append_blocking(decision())
        audit.close_blocking()
        with (place / "000001.jsonl").open("ab") as file:
            file.write(b'{"hash":"torn')
        fill(disk)
        audit = journal(place, reserve_bytes=256 * 1024)
        audit.open()
        audit.close_blocking()
        assert kinds(place) == ["start", "decision", "recovered", "outcome", "start"]
        whole(place)


def test_a_disk_without_room_for_the_first_record_says_so(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        fill(disk)
        with pytest.raises(JournalFull):
            journal(disk / "main").open()


def test_retention_removes_whole_days_and_the_chain_verifies_from_there(place: Path) -> None:
    clock, heads = Clock(), list[Head]()
    audit = journal(place, clock=clock, publish_head=heads.append)
    audit.open()
    for day in range(5):
        audit.append_blocking(decision(reference(day)))
        audit.append_blocking(outcome(reference(day)))
        clock.now = NOON + timedelta(days=day + 1)
    assert segment_numbers(place) == [1, 2, 3, 4, 5]
    assert audit.retire(NOON + timedelta(days=2)) == 2
    assert segment_numbers(place)[0] == 3
    assert audit.retire(NOON + timedelta(days=2)) == 0
    audit.close_blocking()
    assert kinds(place).count("retired") == 1
    whole(place, {"main": heads[-1]})
    audit = journal(place, clock=clock)
    audit.open(published=heads[-1])
    audit.close_blocking()
    whole(place)


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_any_point_nothing_that_was_durable_is_lost(tmp_path: Path, seed: int) -> None:
    place, told, luck = tmp_path / "audit" / "main", list[str](), random.Random(seed)
    for turn in range(3):
        with subprocess.Popen(
            [sys.executable, "-m", "tests.rig.audit_writer", str(place), str(turn * 100_000)],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            for _ in range(luck.randrange(1, 400)):
                told.append(process.stdout.readline().strip())
            process.send_signal(signal.SIGKILL)
            told += [line.strip() for line in process.stdout if line.endswith("\n")]
        report = verify(place.parent, MAC_KEY, {})
        assert report.ok, report.faults
        if luck.random() < 0.5:
            # What a kill in the middle of a write leaves behind.
            last = place / f"{segment_numbers(place)[-1]:06}.jsonl"
            with last.open("ab") as file:
                file.write(lines(place)[-1][: luck.randrange(1, 300)])
            assert verify(place.parent, MAC_KEY, {}).notes
            expected = 1
        else:
            expected = 0
        before = kinds(place) if not expected else []
        audit = journal(place, clock=lambda: datetime.now(UTC))
        audit.open()
        audit.close_blocking()
        after = kinds(place)
        assert after[-1] == "start"
        if expected:
            assert "recovered" in after
            assert list(place.glob("*.torn-*"))
        else:
            assert after[: len(before)] == before
        whole(place)
    found = records(place)
    decided = {line.reference or "" for line in found if line.kind == "decision"}
    closed = [line.reference or "" for line in found if line.kind == "outcome"]
    assert set(told) <= decided
    assert sorted(closed) == sorted(decided)


def test_a_damaged_journal_is_not_continued(place: Path) -> None:
    audit = journal(place)
    audit.open()
    audit.append_blocking(decision())
    audit.close_blocking()
    (place / "000001.jsonl").write_bytes(lines(place)[0])
    for _ in range(2):
        with pytest.raises(JournalDamaged, match="record 2: it is missing"):
            journal(place).open()
    place.rename(place.parent.parent / "evidence")
    audit = journal(place)
    audit.open()
    audit.close_blocking()


def test_the_default_sync_is_a_real_one(place: Path) -> None:
    assert inspect.signature(Journal).parameters["sync"].default is os.fdatasync
    audit = Journal(
        place, "main", mac_key=MAC_KEY, seal=Vault().seal, clock=Clock(), segment_bytes=1 << 16, reserve_bytes=1 << 16
    )
    audit.open()
    audit.append_blocking(decision())
    audit.close_blocking()
    whole(place)
