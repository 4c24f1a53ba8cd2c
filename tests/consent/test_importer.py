"""The importer: what a file does to the registry, once, again, in pieces and not at all."""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from consent.address import Address
from consent.database import RegistryDown
from consent.import_jobs import Job
from consent.importer import Hooks
from consent.imports.row import ImportRefused
from consent.lists import ListStore, MailingList
from consent.model import Event, Grade, State
from consent.records import Batch
from tests.rig import registry
from tests.rig.imports import ACME, Desk, desk, given, order, person, related, write

pytest_plugins = ("tests.rig.contracts",)

MIXED = [
    given(1),
    given(2, state="withdrawn"),
    "no address,given,,,,,,,",
    given(2),
    related(3),
    given(4),
]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


def events(at: Desk) -> int:
    with at.database.reading() as connection:
        return int(connection.execute(text("SELECT count(*) FROM events")).scalar_one())


def whole(at: Desk) -> dict[str, list[object]]:
    """All rows of the registry's tables."""
    tables = ("standings", "events", "batches", "lists", "imports")
    with at.database.reading() as connection:
        return {name: list(connection.execute(text(f"SELECT * FROM {name}"))) for name in tables}


def sound(at: Desk) -> None:
    assert at.store.verify().faults == []


# -- once


def test_a_file_is_imported_and_the_job_tells_what_came_of_it(tmp_path: Path, url: str) -> None:
    with desk(tmp_path, url) as at:
        job = at.importer.start(ACME, order(attestation="they asked"), write(tmp_path, MIXED))
        assert (job.status, job.phase, job.format, job.done, job.total) == ("done", "done", "generic", 6, 6)
        counts = job.counts
        assert (counts.rows, counts.accepted, counts.refused) == (6, 5, 1)
        assert (counts.consents, counts.withdrawals, counts.relationships, counts.new) == (3, 1, 1, 5)
        assert [error.line for error in job.errors] == [4]
        assert job.quality["consents"] == 3
        assert job.mapping["email"] == "address"
        assert job.sha256 != ""
        assert at.importer.jobs.get(job.id) == job
        standing = at.store.standing("acme", person(1))
        assert [(grant.list, grant.grade, grant.imported) for grant in standing.grants] == [
            ("newsletter", Grade.E2, True)
        ]
        assert at.store.standing("acme", person(2)).withdrawals[0].list == "newsletter"
        assert at.store.standing("acme", person(3)).relationships[0].related.kind == "purchase"
        sound(at)


def test_each_event_says_its_import_its_line_and_who_brought_it(at: Desk, tmp_path: Path) -> None:
    job = at.importer.start(ACME, order(), write(tmp_path, MIXED))
    (recorded,) = at.store.history("acme", person(1))
    event = recorded.event
    assert (event.import_id, event.line, event.actor, event.recorded) == (job.id, 2, "ann@desk", job.created)
    assert recorded.personal is not None
    assert recorded.personal["ip"] == "198.51.0.2"


def test_the_list_of_an_import_exists_from_then_on(at: Desk, tmp_path: Path) -> None:
    at.importer.start(ACME, order(list="spring"), write(tmp_path, [given(1)]))
    assert ListStore(at.database).get(ACME, "spring").list_id == "spring.acme.example"


def test_what_stops_mail_is_told_before_it_is_committed_and_each_batch_after_it(at: Desk, tmp_path: Path) -> None:
    said: list[object] = []

    def before_commit(items: Sequence[tuple[bytes, int, Event]]) -> None:
        said.append([(key, event.state, events(at)) for key, _, event in items])

    def on_batch(batch: Batch) -> None:
        said.append((batch.number, batch.count, events(at)))

    at.importer.start(ACME, order(), write(tmp_path, MIXED), Hooks(None, before_commit, on_batch))
    key = at.secrets.subject_octets(person(2))
    assert said == [[(key, State.WITHDRAWN, 0)], (1, 1, 1), (2, 4, 5)]


def test_progress_is_told_after_each_step(at: Desk, tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []

    def on_progress(job: Job) -> None:
        told.append((job.phase, job.done))

    at.importer.start(ACME, order(), write(tmp_path, MIXED), Hooks(on_progress))
    assert told[0] == ("reading", 0)
    assert told[-1] == ("consents", 4)
    assert ("withdrawals", 6) in told


def test_two_processes_do_what_one_does(tmp_path: Path) -> None:
    rows = [given(number, state="withdrawn" if number % 10 == 0 else "given") for number in range(500)]
    standings = []
    for small in (1 << 30, 0):
        folder = tmp_path / str(small)
        folder.mkdir()
        with desk(folder, small_file=small) as at:
            job = at.importer.start(ACME, order(), write(folder, rows))
            assert (job.counts.new, job.counts.withdrawals, job.status) == (500, 50, "done")
            standings.append([at.store.standing("acme", person(number)) for number in range(500)])
            sound(at)
    one, two = ([(each.grants, each.withdrawals) for each in told] for told in standings)
    assert one == two


# -- again


def test_the_same_file_again_changes_nothing_and_says_when_it_was_imported(at: Desk, tmp_path: Path) -> None:
    path = write(tmp_path, MIXED)
    first = at.importer.start(ACME, order(), path)
    before = whole(at)
    again = at.importer.start(ACME, order(uploader="bob@desk", attestation="again"), path)
    assert whole(at) == before
    assert (again.repeats, again.status, again.counts.new, again.counts.known) == (first.id, "done", 0, 5)
    assert again.result()["already_imported"] is True
    assert again.result()["rows"] == 6


@pytest.mark.parametrize(
    "changes", [{"list": "spring"}, {"scope_all": True}, {"notice": "join-2"}, {"zone": "UTC"}], ids=str
)
def test_the_same_file_asked_for_otherwise_is_read_again_and_doubles_nothing(
    at: Desk, tmp_path: Path, changes: dict[str, object]
) -> None:
    path = write(tmp_path, MIXED)
    at.importer.start(ACME, order(), path)
    job = at.importer.start(ACME, order(**changes), path)
    assert job.repeats == ""
    assert job.counts.new + job.counts.known == 5
    sound(at)


def test_a_file_that_grew_adds_what_is_new(at: Desk, tmp_path: Path) -> None:
    at.importer.start(ACME, order(), write(tmp_path, MIXED))
    job = at.importer.start(ACME, order(), write(tmp_path, [*MIXED, given(9), given(8, state="withdrawn")]))
    assert (job.counts.new, job.counts.known) == (2, 5)
    sound(at)


def test_a_job_that_waited_finds_out_that_its_file_was_imported(at: Desk, tmp_path: Path) -> None:
    path = write(tmp_path, MIXED)
    waiting = at.importer.ask(ACME, order())
    first = at.importer.start(ACME, order(), path)
    count = events(at)
    job = at.importer.run(ACME, waiting, path)
    assert (job.status, job.repeats, job.id, events(at)) == ("done", first.id, waiting.id, count)
    assert at.importer.jobs.get(waiting.id) == job
    assert at.importer.run(ACME, job, path) == job


def test_no_import_lifts_a_withdrawal(at: Desk, tmp_path: Path) -> None:
    at.importer.start(ACME, order(), write(tmp_path, [given(1, state="withdrawn", at="2025-01-01T00:00:00Z")]))
    at.importer.start(ACME, order(), write(tmp_path, [given(1, at="2025-12-01T00:00:00Z")]))
    standing = at.store.standing("acme", person(1))
    assert standing.withdrawals[0].at > max(grant.at for grant in standing.grants)
    assert all(grant.imported for grant in standing.grants)


# -- in pieces


class Cut(Exception):
    """What a test interrupts an import with."""


def interrupted(at: Desk, path: Path, after: int) -> Job:
    """An import that is interrupted after so many blocks of either phase."""
    left = after

    def on_progress(job: Job) -> None:
        nonlocal left
        left -= job.phase != "reading"
        if left < 0:
            raise Cut("the test cuts it")

    with pytest.raises(Cut):
        at.importer.start(ACME, order(), path, Hooks(on_progress))
    (job,) = at.importer.jobs.list("acme")
    return job


ROWS = [given(number, state="withdrawn" if number % 4 == 0 else "given") for number in range(12)]


# Withdrawals take five steps; how many the consents take is as their keys fall, two at least.
@pytest.mark.parametrize("after", range(7))
def test_an_import_that_was_interrupted_goes_on_where_it_was(tmp_path: Path, after: int) -> None:
    path = write(tmp_path, [*ROWS, "no address,given,,,,,,,", related(20)])
    with desk(tmp_path, block=4) as at:
        left = interrupted(at, path, after)
        assert (left.status, left.reason) == ("interrupted", "it was interrupted (Cut)")
        done = events(at)
        job = at.importer.start(ACME, order(), path)
        assert job.id == left.id
        assert (job.status, job.created) == ("done", left.created)
        counts = job.counts
        assert (counts.rows, counts.refused, counts.new, counts.known) == (14, 1, 13, 0)
        assert (counts.consents, counts.withdrawals, counts.relationships) == (9, 3, 1)
        assert len(job.errors) == 1
        assert events(at) == 13
        assert done <= 13
        sound(at)


def test_of_an_interrupted_import_nothing_is_allowed_before_all_that_forbids_it_is_in_force(tmp_path: Path) -> None:
    path = write(tmp_path, [given(1), given(2), given(3), given(1, state="withdrawn")])
    with desk(tmp_path, block=1) as at:
        interrupted(at, path, 3)
        assert at.store.standing("acme", person(2)).grants == ()
        at.importer.start(ACME, order(), path)
        assert at.store.standing("acme", person(1)).withdrawals != ()


def test_another_uploader_does_not_go_on_with_an_import_but_begins_one(tmp_path: Path) -> None:
    path = write(tmp_path, ROWS)
    with desk(tmp_path, block=4) as at:
        left = interrupted(at, path, 5)
        job = at.importer.start(ACME, order(uploader="bob@desk"), path)
        assert job.id != left.id
        assert job.counts.new + job.counts.known == 12
        assert job.counts.known > 0
        sound(at)


def test_a_file_that_was_changed_meanwhile_is_not_gone_on_with(tmp_path: Path) -> None:
    path = write(tmp_path, ROWS)
    with desk(tmp_path, block=4) as at:
        left = interrupted(at, path, 5)
        write(tmp_path, [*ROWS, given(99)])
        with pytest.raises(ImportRefused, match="not the one"):
            at.importer.run(ACME, left, path)
        assert at.importer.jobs.get(left.id).status == "refused"


def test_what_the_audit_cannot_take_is_not_recorded_and_the_import_can_go_on(at: Desk, tmp_path: Path) -> None:
    path = write(tmp_path, MIXED)

    def full(items: Sequence[tuple[bytes, int, Event]]) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        at.importer.start(ACME, order(), path, Hooks(None, full))
    assert events(at) == 0
    job = at.importer.start(ACME, order(), path)
    assert (job.status, job.counts.new, job.counts.rows, job.reason) == ("done", 5, 6, "")


def test_a_registry_that_went_away_leaves_the_import_to_be_resumed(at: Desk, tmp_path: Path) -> None:
    path = write(tmp_path, MIXED)

    def down(items: Sequence[tuple[bytes, int, Event]]) -> None:
        raise RegistryDown("not reached")

    with pytest.raises(RegistryDown):
        at.importer.start(ACME, order(), path, Hooks(None, down))
    (job,) = at.importer.jobs.list("acme")
    assert (job.status, job.reason) == ("interrupted", "it was interrupted (RegistryDown)")


def test_a_job_that_is_given_up_stays_so(at: Desk, tmp_path: Path) -> None:
    job = at.importer.ask(ACME, order())
    at.importer.give_up(job, "five times")
    given_up = at.importer.jobs.get(job.id)
    assert (given_up.status, given_up.reason, given_up.finished is not None) == ("failed", "five times", True)
    assert at.importer.run(ACME, given_up, tmp_path / "gone") == given_up


# -- not at all


def test_a_dry_run_writes_nothing_and_says_what_would_change(at: Desk, tmp_path: Path) -> None:
    at.importer.start(ACME, order(), write(tmp_path, [given(1), given(5, state="withdrawn")], "old.csv"))
    before = whole(at)
    job = at.importer.preview(ACME, order(list="newsletter"), write(tmp_path, [*MIXED, given(5)]))
    assert whole(at) == before
    assert {kind: count for kind, count in job.diff.items() if count} == {
        "new_consents": 1,
        "new_withdrawals": 1,
        "new_relationships": 1,
        "withdrawn_stays": 2,
        "known": 1,
        "errors": 1,
    }
    result = json.loads(json.dumps(job.result()))
    assert (result["dry_run"], result["rows"], result["refused"], result["status"]) == (True, 7, 1, "done")
    assert result["mapping"]["event_time"] == "time"
    assert result["diff"]["errors"] == 1
    assert result["errors"][0]["line"] == 4


def test_a_dry_run_of_a_file_that_was_imported_says_so(at: Desk, tmp_path: Path) -> None:
    path = write(tmp_path, MIXED)
    first = at.importer.start(ACME, order(), path)
    assert at.importer.preview(ACME, order(), path).repeats == first.id


def test_a_dry_run_names_a_list_that_is_not_there_without_making_it(at: Desk, tmp_path: Path) -> None:
    at.importer.preview(ACME, order(list="spring"), write(tmp_path, MIXED))
    assert ListStore(at.database).all(ACME) == ()


def test_a_dry_run_that_was_asked_for_as_a_job_ends_as_one(at: Desk, tmp_path: Path) -> None:
    path = write(tmp_path, MIXED)
    waiting = at.importer.ask(ACME, order(dry_run=True))
    job = at.importer.run(ACME, waiting, path)
    assert at.importer.jobs.get(waiting.id) == job
    assert (job.status, job.diff["new_consents"], events(at)) == ("done", 2, 0)
    assert at.importer.start(ACME, order(), path).repeats == "", "a dry run is no import"


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        ("", {}, "empty"),
        ("colour,shoe size\nred,42\n", {}, "columns"),
        ("email\nann@list.example\n", {}, "--format"),
        ("ann@list.example\nbob@list.example\n", {}, "bare list"),
        ("email,event_state\nann@list.example,given\n", {"format": "mailchimp-subscribe"}, "did you mean"),
        ("email,event_state\nann@list.example,given\n", {"zone": "Nowhere/Land"}, "time zone"),
    ],
)
def test_what_is_wrong_with_the_whole_file_refuses_it_before_anything_is_written(
    at: Desk, tmp_path: Path, text: str, changes: dict[str, object], said: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    before = whole(at)
    for ask in (at.importer.start, at.importer.preview, at.importer.check):
        with pytest.raises(ImportRefused, match=said):
            ask(ACME, order(**changes), path)
    assert whole(at) == before


def test_a_waiting_job_whose_file_is_wrong_ends_refused_with_the_reason(at: Desk, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("colour,shoe size\n")
    job = at.importer.ask(ACME, order())
    with pytest.raises(ImportRefused):
        at.importer.run(ACME, job, path)
    refused = at.importer.jobs.get(job.id)
    assert refused.status == "refused"
    assert "columns" in refused.reason
    assert refused.finished is not None


def test_a_list_of_bought_addresses_takes_no_consents_but_what_stops_mail(at: Desk, tmp_path: Path) -> None:
    bought = MailingList(id="newsletter", party="acme", list_id="newsletter.acme.example", source="purchased")
    ListStore(at.database).put(ACME, bought)
    with pytest.raises(ImportRefused, match="purchased"):
        at.importer.start(ACME, order(), write(tmp_path, [given(1)]))
    assert at.importer.jobs.list("acme") == ()
    stops = tmp_path / "bounces.csv"
    stops.write_text("ann@list.example,BOUNCE\n")
    assert at.importer.start(ACME, order(filename="bounces.csv"), stops).counts.suppressions == 1


def test_a_file_that_is_not_there_is_the_systems_error(at: Desk, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        at.importer.start(ACME, order(), tmp_path / "gone.csv")


def test_no_more_errors_are_kept_than_people_read(tmp_path: Path) -> None:
    with desk(tmp_path, block=300) as at:
        job = at.importer.start(ACME, order(), write(tmp_path, ["wrong,given,,,,,,,"] * 1234))
        assert (len(job.errors), job.counts.errors, job.counts.refused) == (1000, 1234, 1234)
        assert job.errors[-1].line == 1001
        assert job.result()["more_errors"] == 234


def test_a_later_opt_in_stands_over_an_opt_out_file_that_is_imported_every_week(tmp_path: Path) -> None:
    now = registry.NOW
    with desk(tmp_path, clock=lambda: now) as at:
        path = tmp_path / "opt-outs.csv"
        path.write_text("Email\nann@list.example\n")
        weekly = order(filename="hubspot-opt-outs.csv", format="hubspot-opt-outs")
        at.importer.start(ACME, weekly, path)
        ann = Address.parse("ann@list.example")
        first = at.store.standing("acme", ann)
        now += timedelta(days=7)
        path.write_text("Email\nann@list.example\nbob@list.example\n")
        job = at.importer.start(ACME, weekly, path)
        assert (job.counts.new, job.counts.known) == (1, 1)
        assert at.store.standing("acme", ann) == first
