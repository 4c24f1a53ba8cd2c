"""Import jobs as they are stored, on SQLite and PostgreSQL."""

import json

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from consent.database import Database, RegistryError
from consent.import_jobs import Counts, Error, ImportStore, Job, UnknownImport, new_id
from tests.rig.imports import order

pytest_plugins = ("tests.rig.contracts",)

FULL = {
    "status": "running",
    "phase": "consents",
    "done": 40,
    "total": 100,
    "counts": Counts(rows=100, refused=2, errors=3, consents=98, new=30, known=10),
    "errors": (Error(3, "no e-mail address"),),
    "sha256": "ab" * 32,
    "fingerprint": "cd" * 32,
    "format": "generic",
    "zone": "Europe/Paris",
    "mapping": {"email": "address"},
    "quality": {"consents": 98},
}


def like(store: ImportStore, job: Job) -> str | None:
    found = store.like(job)
    return found.id if found else None


def test_a_job_is_stored_whole_and_comes_back_so(database: Database) -> None:
    store = ImportStore(database.consent())
    store_database = database.consent()
    store_database.upgrade()
    job = store.create(order(attestation="all of them asked for it", zone="Europe/Paris"), 17)
    assert (job.status, job.created, store.get(job.id)) == ("waiting", 17, job)
    full = replace(job, **FULL)
    store.save(full)
    assert store.get(job.id) == full


def test_an_id_may_be_made_beforehand(database: Database) -> None:
    store = ImportStore(database)
    number = new_id()
    assert store.create(order(), 1, number).id == number
    assert store.get(number).id == number


def test_a_job_that_is_not_there_is_unknown(database: Database) -> None:
    store = ImportStore(database)
    for ask in (lambda: store.get("none"), lambda: store.save(Job(id="none", order=order(), status="done"))):
        with pytest.raises(UnknownImport):
            ask()


def test_a_job_asked_for_as_another_customers_is_unknown(database: Database) -> None:
    store = ImportStore(database)
    job = store.create(order(), 1)
    assert store.get(job.id, "acme") == job
    with pytest.raises(UnknownImport):
        store.get(job.id, "brand")


def test_a_customer_sees_its_own_jobs_the_newest_first_and_no_errors(database: Database) -> None:
    store = ImportStore(database)
    first, second = store.create(order(), 1), store.create(order(), 2)
    store.save(replace(first, **FULL))
    store.create(order(customer="brand"), 3)
    listed = store.list("acme")
    assert [job.id for job in listed] == [second.id, first.id]
    assert listed[1].errors == ()
    assert len(store.list("acme", most=1)) == 1


def test_the_same_import_is_one_that_is_done_else_one_that_is_not_ended(database: Database) -> None:
    store = ImportStore(database)
    asked = replace(store.create(order(), 9), sha256="ab" * 32, fingerprint="f")
    assert store.like(asked) is None
    begun = replace(store.create(order(), 1), sha256="ab" * 32, fingerprint="f", status="interrupted")
    store.save(begun)
    assert like(store, asked) == begun.id
    done = replace(store.create(order(), 0), sha256="ab" * 32, fingerprint="f", status="done")
    store.save(done)
    assert like(store, asked) == done.id


@pytest.mark.parametrize(
    "changes",
    [
        {"fingerprint": "g"},
        {"sha256": "00" * 32},
        {"status": "refused"},
        {"status": "failed"},
        {"repeats": "another"},
        {"order": order(dry_run=True)},
    ],
    ids=str,
)
def test_what_shapes_the_reading_otherwise_is_not_the_same_import(
    database: Database, changes: dict[str, object]
) -> None:
    store = ImportStore(database)
    asked = replace(store.create(order(), 9), sha256="ab" * 32, fingerprint="f")
    other = replace(store.create(order(), 1), sha256="ab" * 32, fingerprint="f", status="done")
    store.save(replace(other, **changes))
    assert store.like(asked) is None


def test_another_customers_import_of_the_same_file_is_not_the_same(database: Database) -> None:
    store = ImportStore(database)
    asked = replace(store.create(order(), 9), sha256="ab" * 32, fingerprint="f")
    store.save(replace(store.create(order(customer="brand"), 1), sha256="ab" * 32, fingerprint="f", status="done"))
    assert store.like(asked) is None


def test_a_row_of_another_version_is_an_error_with_its_id(database: Database) -> None:
    store = ImportStore(database)
    job = store.create(order(), 1)
    with database.writing() as connection:
        connection.execute(text("UPDATE imports SET document = '{}'"))
    with pytest.raises(RegistryError, match=job.id):
        store.get(job.id)


def test_the_result_says_what_was_asked_what_came_of_it_and_why_rows_were_refused() -> None:
    job = Job(id="i", order=order(attestation="they asked", notice="join-1"), created=5, **FULL)  # type: ignore[arg-type]
    result = json.loads(json.dumps(job.result()))
    assert (result["rows"], result["accepted"], result["refused"], result["more_errors"]) == (100, 98, 2, 2)
    assert result["errors"] == [{"line": 3, "reason": "no e-mail address"}]
    assert (result["sha256"], result["format"], result["parser"], result["list"]) == (
        "ab" * 32,
        "generic",
        "1",
        "newsletter",
    )
    assert (result["uploader"], result["attestation"], result["zone"]) == ("ann@desk", "they asked", "Europe/Paris")
    assert result["facts"]["new"] == 30
    assert "diff" not in result
    assert result["already_imported"] is False


def test_progress_counts_all_up_to_here_without_what_the_store_finds_out() -> None:
    job = Job(id="i", order=order(), **FULL)  # type: ignore[arg-type]
    progress = job.progress()
    assert (progress.phase, progress.done) == ("consents", 40)
    assert dict(progress.counts)["rows"] == 100
    assert dict(progress.counts)["new"] == 30
    assert json.loads(progress.errors) == [{"line": 3, "reason": "no e-mail address"}]
