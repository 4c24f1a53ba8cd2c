"""Importing: jobs in the process that runs them, joined to the audit."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from consent.database import RegistryDown
from consent.import_jobs import Counts, Job
from consent.importer import Importer
from gateway.audit.search import Query
from gateway.evidence import Evidence
from gateway.importing import ENDED, FILE, FOLDER, LATER, STOPPED, Worker, act, task
from tests.rig import gateway as rig
from tests.rig.gateway import Clock, settings_for
from tests.rig.imports import ACME, given, order, write


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = settings_for(tmp_path, "127.0.0.1:1")
    rig._prepare(made, rig.CUSTOMERS, Clock()())
    return made


@pytest.fixture
def worker(settings: Settings) -> Iterator[Worker]:
    made = Worker(settings, Clock())
    yield made
    made.close()


def asked(settings: Settings, importer: Importer, rows: list[str], **changes: object) -> Job:
    """A job with its file where the gateway would have put it."""
    job = importer.ask(ACME, order(**changes))
    folder = settings.data_dir / FOLDER / job.id
    folder.mkdir(parents=True)
    write(folder, rows, FILE)
    return job


def records(settings: Settings, worker: Worker, kind: str) -> list[dict[str, Any]]:
    """Records of a kind in the audit, oldest first."""
    evidence = Evidence(settings, worker.stores, Clock())
    return list(evidence.search(Query(kind=kind, limit=None)))[::-1]


def test_a_job_is_run_and_stands_in_the_audit_with_its_withdrawals_and_batches(
    settings: Settings, worker: Worker
) -> None:
    rows = [given(1), given(2, state="withdrawn"), "no address,given,,,,,,,"]
    job = asked(settings, worker.importer, rows, attestation="they asked", notice="join-1")
    assert worker.run(job.id) == ENDED
    done = worker.importer.jobs.get(job.id)
    assert (done.status, done.counts.new) == ("done", 2)
    (withdrawal,) = records(settings, worker, "withdrawal")
    assert len(withdrawal["items"]) == 1
    batches = records(settings, worker, "anchor")
    assert [each["batch"] for each in batches] == [1, 2]
    (imported,) = records(settings, worker, "action")
    assert (imported["customer"], imported["target"], imported["actor"]) == ("acme", "newsletter", "ann@desk")
    details = imported["details"]
    assert (details["import"], details["sha256"], details["attestation"]) == (job.id, done.sha256, "they asked")
    assert (details["rows"], details["refused"], details["new"]) == (3, 1, 2)
    assert withdrawal["n"] < batches[0]["n"] < imported["n"]


def test_a_refused_file_ends_its_job_and_the_audit_says_why(settings: Settings, worker: Worker) -> None:
    job = asked(settings, worker.importer, [])
    (settings.data_dir / FOLDER / job.id / FILE).write_text("colour,shoe size\n")
    assert worker.run(job.id) == ENDED
    assert worker.importer.jobs.get(job.id).status == "refused"
    (imported,) = [each for each in records(settings, worker, "action") if each["act"] == "consent import"]
    assert imported["details"]["status"] == "refused"
    assert "columns" in imported["details"]["reason"]


def test_a_dry_run_leaves_nothing_in_the_audit(settings: Settings, worker: Worker) -> None:
    job = asked(settings, worker.importer, [given(1)], dry_run=True)
    assert worker.run(job.id) == ENDED
    assert worker.importer.jobs.get(job.id).diff["new_consents"] == 1
    assert records(settings, worker, "action") == []


def test_what_may_pass_is_for_later_and_what_is_not_known_stops(
    settings: Settings, worker: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    job = asked(settings, worker.importer, [given(1)])

    def down(*_: object, **__: object) -> Job:
        raise RegistryDown("not reached")

    monkeypatch.setattr(worker.importer, "run", down)
    assert worker.run(job.id) == LATER
    monkeypatch.undo()
    (settings.data_dir / FOLDER / job.id / FILE).unlink()
    assert worker.run(job.id) == STOPPED
    assert worker.importer.jobs.get(job.id).status == "interrupted"
    assert "No such file" in caplog.text


def test_a_job_that_is_not_there_or_has_ended_is_nothing_to_do(settings: Settings, worker: Worker) -> None:
    assert worker.run("none") == ENDED
    job = asked(settings, worker.importer, [given(1)])
    worker.importer.give_up(job, "told so")
    assert worker.run(job.id) == ENDED
    assert worker.importer.jobs.get(job.id).status == "failed"


def test_a_customer_that_is_not_there_any_more_is_nothing_to_do(settings: Settings, worker: Worker) -> None:
    job = worker.importer.jobs.create(order(customer="gone"), 1)
    assert worker.run(job.id) == ENDED


def test_the_record_leaves_out_what_is_empty() -> None:
    job = Job(id="i", order=order(), status="done", counts=Counts(rows=1))
    assert act(job).details == {
        "import": "i",
        "status": "done",
        "parser": "1",
        "rows": 1,
        "refused": 0,
        "new": 0,
        "known": 0,
    }


def test_the_process_answers_each_id_has_the_lowest_priority_and_ends_with_its_input(settings: Settings) -> None:
    stores = Worker(settings, Clock())
    job = asked(settings, stores.importer, [given(1)])
    stores.close()
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", "from gateway.importing import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(task(settings) + f"{job.id}\nnone\n".encode())
    process.stdin.flush()
    assert process.stdout.readline() == f"{job.id} {ENDED}\n".encode()
    assert process.stdout.readline() == f"none {ENDED}\n".encode()
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == 19
    assert len(os.sched_getaffinity(process.pid)) == 1
    process.stdin.close()
    assert process.wait(60) == 0
    process.stdout.close()
