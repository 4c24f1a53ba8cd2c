"""A run writes what is read exactly once, sorted or row by row, wherever it was cut."""

import errno
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from consent.import_jobs import Job
from consent.import_run import Hooks
from consent.model import Grade
from consent.records import Prepared
from consent.sorting import Sorter
from tests.rig.imports import ACME, Desk, desk, given, order, person, related, write

PLAIN = [given(number, state="withdrawn" if number % 4 == 0 else "given") for number in range(12)]
PLAIN += [related(20), "no address,given,,,,,,,"]
SHARED = [given(number, ip="203.0.113.9" if number < 5 else None) for number in range(14)]
SHARED += [given(30, state="withdrawn"), related(31)]


class Cut(Exception):
    """What a test interrupts an import with."""


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path, block=3) as made:
        yield made


def cut(at: Desk, path: Path, after: int) -> list[Job]:
    """Begin an import, cut after so many steps; the jobs as they were told."""
    told: list[Job] = []

    def on_progress(job: Job) -> None:
        told.append(job)
        if len(told) > after:
            raise Cut

    with suppress(Cut):
        at.importer.start(ACME, order(), path, Hooks(on_progress))
    return told


@pytest.mark.parametrize("rows", [PLAIN, SHARED], ids=["sorted", "by rows"])
def test_an_import_cut_anywhere_ends_with_the_same_counts_and_the_same_facts(tmp_path: Path, rows: list[str]) -> None:
    path = write(tmp_path, rows)
    results = []
    for after in range(20):
        folder = tmp_path / str(after)
        folder.mkdir()
        with desk(folder, block=3) as at:
            cut(at, path, after)
            job = at.importer.start(ACME, order(), path)
            if job.repeats:
                break  # it was done before it could be cut
            checked = at.store.verify()
            assert checked.faults == []
            assert job.counts.new + job.counts.known == checked.events
            grades = [grant.grade for number in range(14) for grant in at.store.standing("acme", person(number)).grants]
            results.append((job.status, job.counts, job.errors, job.by_rows, checked.events, grades))
    assert len(results) > 10
    assert all(result == results[0] for result in results)
    counts = results[0][1]
    assert counts.known == 0
    assert (counts.capped, results[0][3]) == ((5, True) if rows is SHARED else (0, False))


def test_an_import_cut_at_every_step_ends_like_one_that_was_not(tmp_path: Path, at: Desk) -> None:
    path = write(tmp_path, SHARED)
    for _ in range(40):
        told = cut(at, path, 3)
        if told[-1].phase == "consents" and told[-1].done == told[-1].total:
            break
    job = at.importer.start(ACME, order(), path)
    assert (job.counts.new, job.counts.rows, job.counts.capped, job.counts.consents) == (16, 16, 5, 14)
    assert at.store.verify().faults == []


def test_grades_that_were_put_aside_too_high_are_never_written(tmp_path: Path, at: Desk) -> None:
    job = at.importer.start(ACME, order(), write(tmp_path, SHARED))
    assert job.by_rows
    grades = [grant.grade for number in range(14) for grant in at.store.standing("acme", person(number)).grants]
    assert grades == [Grade.E1] * 5 + [Grade.E2] * 9
    assert job.counts.new == 16


def test_what_is_put_aside_is_written_in_the_order_of_its_keys(tmp_path: Path, at: Desk) -> None:
    parts: list[set[int]] = []
    write_ = at.importer._store.write

    def noted(prepared: Prepared, **told: object) -> object:
        parts.append({int.from_bytes(key[1:3], "big") * 14 >> 16 for key in prepared.keys})
        return write_(prepared, **told)  # type: ignore[arg-type]

    at.importer._store.write = noted  # type: ignore[method-assign, assignment]
    job = at.importer.start(ACME, order(), write(tmp_path, [given(number) for number in range(40)]))
    assert -(-job.lines // 3) == 14
    assert all(len(each) == 1 for each in parts)
    order_of_parts = [each.pop() for each in parts]
    assert order_of_parts == sorted(order_of_parts)


def test_without_room_to_put_things_aside_the_file_is_read_twice(
    tmp_path: Path, at: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    added = 0

    def full(self: Sorter, prepared: Prepared) -> None:
        nonlocal added
        added += 1
        if added > 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Sorter, "add", full)
    job = at.importer.start(ACME, order(), write(tmp_path, PLAIN))
    assert (job.by_rows, job.counts.new, job.counts.known, job.counts.consents) == (True, 13, 0, 9)
    assert "want of room" in caplog.text
    assert added == 3


def test_room_that_is_gone_when_the_import_goes_on_costs_time_and_nothing_else(
    tmp_path: Path, at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, PLAIN)
    for after in range(30):
        told = cut(at, path, after)
        if told[-1].phase == "consents" and told[-1].done:
            break

    def full(self: Sorter, prepared: Prepared) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Sorter, "add", full)
    job = at.importer.start(ACME, order(), path)
    assert (job.by_rows, job.counts.new, job.counts.known) == (True, 13, 0)
    assert (job.counts.consents, job.counts.relationships, job.counts.withdrawals) == (9, 1, 3)
    assert at.store.verify().events == 13


def test_a_file_of_nothing_but_what_stops_mail_has_nothing_put_aside(tmp_path: Path, at: Desk) -> None:
    path = tmp_path / "bounces.csv"
    path.write_text("".join(f"user{number}@list.example,BOUNCE\n" for number in range(10)))
    job = at.importer.start(ACME, order(filename="bounces.csv"), path)
    assert (job.counts.suppressions, job.counts.new, job.status, job.by_rows) == (10, 10, "done", False)
