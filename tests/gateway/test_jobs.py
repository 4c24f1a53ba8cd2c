"""Jobs: files that the API was given, imported one by one in a process of their own, whatever dies meanwhile."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from config.settings import Settings
from consent.import_jobs import Job, UnknownImport
from consent.importer import Importer
from consent.imports.row import ImportRefused
from gateway.importing import FILE, FOLDER, LATER
from gateway.jobs import ATTEMPTS, MOST_OF_ONE, Jobs, JobsFull
from gateway.stores import Stores
from tests.rig import gateway as rig
from tests.rig.gateway import Clock, settings_for
from tests.rig.imports import ACME, given, order, write


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = settings_for(tmp_path, "127.0.0.1:1")
    rig._prepare(made, rig.CUSTOMERS, Clock()())
    return made


@contextlib.asynccontextmanager
async def running(settings: Settings, **told: float) -> AsyncIterator[tuple[Jobs, Importer, list[str]]]:
    stores = Stores.open(settings)
    importer = Importer(stores.consent_database, stores.secrets, Clock())
    alarms: list[str] = []
    jobs = Jobs(settings, importer, lambda _what, text: alarms.append(text), again_seconds=0.01, **told)  # type: ignore[arg-type]
    await jobs.open()
    try:
        yield jobs, importer, alarms
    finally:
        await jobs.close()
        importer.close()
        stores.close()


async def submitted(jobs: Jobs, rows: list[str], **changes: object) -> Job:
    upload = jobs.reserve("acme")
    write(upload.path.parent, rows, upload.path.name)
    return await jobs.submit(ACME, order(**changes), upload)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(240):
        while not done():  # noqa: ASYNC110 - what is waited for happens in other processes
            await asyncio.sleep(0.02)


def reached(importer: Importer, number: str, phase: str) -> bool:
    """Whether a job has committed something of a phase."""
    job = importer.jobs.get(number)
    return job.phase == phase and job.done > 0


def children() -> list[int]:
    """Processes that run imports for this one."""
    found = [int(each) for each in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    return [each for each in found if b"gateway.importing" in Path(f"/proc/{each}/cmdline").read_bytes()]


async def test_a_job_is_run_in_a_process_of_its_own_and_its_file_goes_with_it(settings: Settings) -> None:
    async with running(settings) as (jobs, importer, alarms):
        assert children() == [], "nothing is started before there is something to do"
        job = await submitted(jobs, [given(1), given(2, state="withdrawn")])
        assert job.status == "waiting"
        assert (settings.data_dir / FOLDER / job.id / FILE).exists()
        done = await jobs.wait(job.id)
        assert (done.status, done.counts.new) == ("done", 2)
        assert not (settings.data_dir / FOLDER / job.id).exists()
        (first,) = children()
        again = await jobs.wait((await submitted(jobs, [given(1), given(2, state="withdrawn")])).id)
        assert (again.repeats, again.status) == (job.id, "done")
        assert children() == [first], "one process serves one job after the other"
        assert alarms == []
    assert children() == []


async def test_a_process_with_nothing_to_do_is_not_kept(settings: Settings) -> None:
    async with running(settings, idle_seconds=0.05) as (jobs, _, _alarms):
        await jobs.wait((await submitted(jobs, [given(1)])).id)
        await until(lambda: children() == [])
        assert (await jobs.wait((await submitted(jobs, [given(2)])).id)).status == "done"


async def test_an_order_that_cannot_be_is_refused_at_once_and_a_file_that_cannot_be_by_its_job(
    settings: Settings,
) -> None:
    async with running(settings) as (jobs, _, _alarms):
        with pytest.raises(ImportRefused):
            await submitted(jobs, [given(1)], zone="Nowhere/Land")
        assert list((settings.data_dir / FOLDER).iterdir()) == []
        upload = jobs.reserve("acme")
        upload.path.write_text("colour,shoe size\n")
        refused = await jobs.wait((await jobs.submit(ACME, order(), upload)).id)
        assert refused.status == "refused"
        assert "columns" in refused.reason


async def test_uploads_that_are_dropped_leave_nothing(settings: Settings) -> None:
    async with running(settings) as (jobs, _, _alarms):
        upload = jobs.reserve("acme")
        upload.path.write_text("half a fi")
        await jobs.drop(upload)
        assert list((settings.data_dir / FOLDER).iterdir()) == []


async def test_no_more_wait_than_were_allowed(settings: Settings) -> None:
    async with running(settings, most_waiting=2) as (jobs, _, _alarms):
        uploads = [jobs.reserve("acme"), jobs.reserve("acme")]
        with pytest.raises(JobsFull):
            jobs.reserve("acme")
        await jobs.drop(uploads[0])
        jobs.reserve("acme")


async def test_one_customer_leaves_room_for_the_others(settings: Settings) -> None:
    async with running(settings) as (jobs, _, _alarms):
        uploads = [jobs.reserve("acme") for _ in range(MOST_OF_ONE)]
        with pytest.raises(JobsFull, match="of yours"):
            jobs.reserve("acme")
        await jobs.drop(jobs.reserve("nets"))
        await jobs.drop(uploads[0])
        await jobs.drop(jobs.reserve("acme"))
        # A job that has ended makes room, too.
        for _ in range(2):
            await jobs.wait((await submitted(jobs, [given(1)])).id)


async def test_what_was_accepted_is_run_after_a_restart_in_order_and_rubbish_is_removed(settings: Settings) -> None:
    stores = Stores.open(settings)
    importer = Importer(stores.consent_database, stores.secrets, Clock())
    left = []
    for number in range(2):
        job = importer.ask(ACME, order(list=f"list-{number}"))
        folder = settings.data_dir / FOLDER / job.id
        folder.mkdir(parents=True)
        write(folder, [given(number)], FILE)
        left.append(job)
    ended = importer.ask(ACME, order())
    importer.give_up(ended, "told so")
    for name in (ended.id, "half-received"):
        folder = settings.data_dir / FOLDER / name
        folder.mkdir()
        (folder / FILE).write_text("x")
    importer.close()
    stores.close()
    async with running(settings) as (jobs, importer, _):
        for job in left:
            assert (await jobs.wait(job.id)).status == "done"
        assert list((settings.data_dir / FOLDER).iterdir()) == []


async def test_a_job_whose_process_is_killed_is_run_on(settings: Settings) -> None:
    rows = [given(number, state="withdrawn" if number % 5 == 0 else "given") for number in range(30_000)]
    async with running(settings) as (jobs, importer, alarms):
        job = await submitted(jobs, rows)
        for wanted in ("withdrawals", "consents"):
            await until(partial(reached, importer, job.id, wanted))
            os.kill(children()[0], signal.SIGKILL)
        done = await jobs.wait(job.id)
        assert (done.status, done.counts.new, done.counts.known, done.counts.rows) == ("done", 30_000, 0, 30_000)
        assert alarms == []


async def test_a_job_that_dies_again_and_again_at_one_place_is_given_up_with_an_alarm(settings: Settings) -> None:
    async with running(settings) as (jobs, importer, alarms):
        upload = jobs.reserve("acme")
        write(upload.path.parent, [given(1)], FILE)
        # What is no file cannot be read, however often it is tried.
        job = await jobs.submit(ACME, order(), upload)
        upload.path.unlink()
        failed = await jobs.wait(job.id)
        while not failed.ended:
            failed = await jobs.wait(job.id)
        assert failed.status == "failed"
        assert f"{ATTEMPTS} times" in failed.reason
        assert len(alarms) == 1
        assert not upload.path.parent.exists()
        assert (await jobs.wait((await submitted(jobs, [given(1)])).id)).status == "done"


async def test_a_job_that_cannot_be_recorded_is_tried_again_and_alarmed_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings) as (jobs, importer, alarms):
        asked = 0

        async def full(self: Jobs, number: str) -> str:
            nonlocal asked
            asked += 1
            importer.jobs.save(replace(importer.jobs.get(number), status="interrupted", reason="JournalFull"))
            return LATER

        with monkeypatch.context() as patch:
            patch.setattr(Jobs, "_ask", full)
            job = await submitted(jobs, [given(1)])
            await until(lambda: asked > ATTEMPTS * 2)
        assert len(alarms) == 1
        assert "held up" in alarms[0]
        await until(lambda: importer.jobs.get(job.id).ended)
        assert importer.jobs.get(job.id).status == "done"


async def test_stopping_leaves_the_job_at_hand_to_be_run_on(settings: Settings) -> None:
    rows = [given(number, state="withdrawn") for number in range(30_000)]
    async with running(settings) as (jobs, importer, _):
        job = await submitted(jobs, rows)
        await until(lambda: importer.jobs.get(job.id).done > 0)
    async with running(settings) as (jobs, importer, _):
        assert importer.jobs.get(job.id).status in ("interrupted", "running")
        done = await jobs.wait(job.id)
        assert (done.status, done.counts.new) == ("done", 30_000)


async def test_a_job_that_nobody_knows_is_not_waited_for(settings: Settings) -> None:
    async with running(settings) as (jobs, _, _alarms):
        with pytest.raises(UnknownImport):
            await jobs.wait("none")
        assert jobs.waiting == 0
