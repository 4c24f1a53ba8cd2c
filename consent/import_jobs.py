"""Import jobs: what was asked, by whom and with which attestation, how far it came, and what came of it (R-246).

A job's progress is committed in the same transaction as the events it counts (`Job.progress`), so a job that was
interrupted at any instant knows exactly what it has done and goes on from there.
"""

import os
from typing import Any, Literal

import msgspec
from msgspec.structs import replace
from sqlalchemy import Row, insert, select, update

from consent.database import Database, RegistryError
from consent.records import ImportProgress
from consent.schema import imports
from consent.words import time_text

MOST_ERRORS = 1000
"""Errors that are kept with their reason; more are counted."""
MOST_JOBS = 1000
"""Jobs that `ImportStore.list` gives at most."""
PARSER = "1"
"""Version of the readers in consent.imports. A file that another version read may be imported again: what it says
that is known already makes no new event."""

Status = Literal["waiting", "running", "interrupted", "done", "refused", "failed"]
"""`interrupted` is resumed; `refused` names what is wrong with the file; `failed` what is wrong with us."""
Phase = Literal["", "reading", "withdrawals", "consents", "done"]
"""`reading` opens and hashes the file; `withdrawals` reads and surveys all of it and writes what stops mail; `consents`
writes what may allow it."""


def new_id() -> str:
    """An id for a job: 24 hexadecimal digits that tell nothing."""
    return os.urandom(12).hex()


class UnknownImport(Exception):
    """There is no import of that id."""


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was asked."""

    customer: str
    list: str
    party: str = ""
    """Empty: the list's."""
    format: str = "auto"
    """A name of `consent.imports.formats`, or auto."""
    filename: str = ""
    """As the uploader's; some formats are told apart only by it."""
    notice: str = ""
    """Id of the notice that the uploader declares was shown."""
    zone: str = ""
    """IANA name or offset for times that name none."""
    scope_all: bool = False
    """Withdrawals cover everything from the sender."""
    dry_run: bool = False
    uploader: str = ""
    """Who imports: `token:<id>` or `<user>@<machine>`."""
    attestation: str = ""
    """What the uploader declares about these consents, in their words."""

    def __post_init__(self) -> None:
        """Names of files and words may come from a system whose encoding is not ours."""
        for name in ("filename", "attestation"):
            legible = getattr(self, name).encode("utf-8", "replace").decode()
            msgspec.structs.force_setattr(self, name, legible)


class Error(msgspec.Struct, frozen=True):
    """A row that was not taken."""

    line: int
    reason: str


class Counts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Counts. Rows are those of the file; one row may state several facts, or none."""

    rows: int = 0
    refused: int = 0
    """Rows with at least one error; the others are accepted."""
    errors: int = 0
    """All errors, those that are not kept among them."""
    consents: int = 0
    """Consents and requests for one that rows state."""
    withdrawals: int = 0
    """Withdrawals, refusals and complaints."""
    suppressions: int = 0
    relationships: int = 0
    capped: int = 0
    """Consents whose grade is lower for quality's sake than their evidence alone would make it."""
    new: int = 0
    """Events that were recorded."""
    known: int = 0
    """Facts that had been told before; nothing was recorded."""

    @property
    def accepted(self) -> int:
        """Rows without an error."""
        return self.rows - self.refused


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One import, from the asking to its end. Times are microseconds."""

    id: str
    order: Order
    status: Status
    phase: Phase = ""
    done: int = 0
    """How much of `total` is committed in this phase."""
    total: int = 0
    """Rows of the file, at first by its lines; in the phase `consents` facts, unless `by_rows`. 0: not known yet."""
    lines: int = 0
    """Of the file."""
    by_rows: bool = False
    """The phase `consents` reads the file again, row by row, because grades turned out to be lower than was thought."""
    counts: Counts = Counts()
    errors: tuple[Error, ...] = ()
    """The first MOST_ERRORS."""
    sha256: str = ""
    fingerprint: str = ""
    """Of the file and all that shapes what is read in it: equal ones say the same."""
    format: str = ""
    """As found."""
    zone: str = ""
    """As assumed for times that name none."""
    parser: str = PARSER
    mapping: dict[str, str] = {}
    """Column of the file -> what it was taken for."""
    quality: dict[str, Any] = {}
    diff: dict[str, int] = {}
    """Of a dry run: kind of change -> how many."""
    reason: str = ""
    """Why it was refused, failed or interrupted; for the uploader."""
    repeats: str = ""
    """Id of the import that said all this before: nothing was done."""
    created: int = 0
    finished: int | None = None

    def progress(self) -> ImportProgress:
        """As a batch of events writes it to the job's row; the store adds what was new and what known."""
        counts = {name: getattr(self.counts, name) for name in self.counts.__struct_fields__}
        return ImportProgress(self.phase, self.done, counts, msgspec.json.encode(self.errors).decode())

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ("done", "refused", "failed")

    def result(self) -> dict[str, Any]:
        """As JSON for the uploader (design.md section 7); times are ISO 8601 in UTC."""
        counts = self.counts
        shown: dict[str, Any] = {
            "id": self.id,
            "status": self.status,
            "phase": self.phase,
            "done": self.done,
            "total": self.total,
            "rows": counts.rows,
            "accepted": counts.accepted,
            "refused": counts.refused,
            "errors": [{"line": error.line, "reason": error.reason} for error in self.errors],
            "more_errors": counts.errors - len(self.errors),
            "facts": {
                "consents": counts.consents,
                "withdrawals": counts.withdrawals,
                "suppressions": counts.suppressions,
                "relationships": counts.relationships,
                "capped": counts.capped,
                "new": counts.new,
                "known": counts.known,
            },
            "already_imported": bool(self.repeats),
            "repeats": self.repeats or None,
            "reason": self.reason or None,
            "dry_run": self.order.dry_run,
            "quality": self.quality,
            "mapping": self.mapping,
            "format": self.format,
            "sha256": self.sha256,
            "parser": self.parser,
            "list": self.order.list,
            "notice": self.order.notice or None,
            "uploader": self.order.uploader,
            "attestation": self.order.attestation,
            "zone": self.zone or None,
            "created": time_text(self.created),
            "finished": time_text(self.finished),
        }
        if self.order.dry_run:
            shown["diff"] = self.diff
        return shown


class ImportStore:
    """The import jobs of a registry, on its consent database. Every method raises RegistryError when it cannot answer.

    `sqlite:///` keeps them in the consent file: `Database.consent()`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, order: Order, now: int, number: str | None = None) -> Job:
        """A new job, waiting; `now` in microseconds. `number` is its id where the caller made it (`new_id`)."""
        job = Job(id=number or new_id(), order=order, status="waiting", created=now)
        with self._database.writing() as connection:
            connection.execute(insert(imports).values(_row(job)))
        return job

    def get(self, job: str, customer: str | None = None) -> Job:
        """One job, where `customer` is given only if it is theirs; raises UnknownImport."""
        query = select(imports).where(imports.c.id == job)
        if customer is not None:
            query = query.where(imports.c.customer == customer)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise UnknownImport(f"no import {job!r}")
        return _job(row)

    def list(self, customer: str, most: int = 100) -> tuple[Job, ...]:
        """A customer's jobs, the newest first, without their errors."""
        query = select(imports).where(imports.c.customer == customer)
        query = query.order_by(imports.c.created.desc(), imports.c.id).limit(min(most, MOST_JOBS))
        with self._database.reading() as connection:
            return tuple(replace(_job(row), errors=()) for row in connection.execute(query))

    def like(self, job: Job) -> Job | None:
        """The same import asked for before: one that is done, else the newest that is not ended; None for neither.

        The same is: file, customer, list, and all options that shape what is read (`Job.fingerprint`). Dry runs never
        count.
        """
        query = select(imports).where(imports.c.customer == job.order.customer, imports.c.sha256 == job.sha256)
        query = query.order_by(imports.c.created.desc())
        with self._database.reading() as connection:
            found = [_job(row) for row in connection.execute(query)]
        same = [
            each
            for each in found
            if each.fingerprint == job.fingerprint
            and each.id != job.id
            and not each.order.dry_run
            and not each.repeats
            and each.status not in ("refused", "failed")
        ]
        return next((each for each in same if each.status == "done"), same[0] if same else None)

    def save(self, job: Job) -> None:
        """Write all that is known of a job; raises UnknownImport."""
        with self._database.writing() as connection:
            changed = connection.execute(update(imports).where(imports.c.id == job.id).values(_row(job))).rowcount
        if not changed:
            raise UnknownImport(f"no import {job.id!r}")


_COLUMNS = frozenset(("id", "status", "phase", "done", "counts", "errors", "sha256", "created", "finished"))
"""Members of Job that have a column of their own; the others are the document."""


def _row(job: Job) -> dict[str, Any]:
    members = {name: getattr(job, name) for name in job.__struct_fields__ if name not in _COLUMNS}
    return {
        "id": job.id,
        "customer": job.order.customer,
        "list": job.order.list,
        "document": msgspec.json.encode(members).decode(),
        "status": job.status,
        "phase": job.phase,
        "done": job.done,
        "counts": msgspec.json.encode(job.counts).decode(),
        "errors": msgspec.json.encode(job.errors).decode(),
        "sha256": job.sha256,
        "created": job.created,
        "finished": job.finished,
    }


def _job(row: Row[Any]) -> Job:
    try:
        members = {
            **msgspec.json.decode(row.document),
            "id": row.id,
            "status": row.status,
            "phase": row.phase,
            "done": row.done,
            "counts": msgspec.json.decode(row.counts),
            "errors": msgspec.json.decode(row.errors),
            "sha256": row.sha256,
            "created": row.created,
            "finished": row.finished,
        }
        return msgspec.convert(members, Job)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise RegistryError(f"registry: import {row.id!r} cannot be read by this version: {error}") from None
