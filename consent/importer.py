"""Importer: brings a file of consents, withdrawals, relationships or suppressions into the registry (R-243 to R-254).

The order of events:

1. The file is opened and its format found; what is wrong with the whole of it refuses it before anything is written.
2. It is hashed. The same file, for the same list and with the same options, imported before: nothing happens.
3. The file is read and surveyed for quality, and all in it that stops mail is written; consents and relationships are
   put aside.
4. They are written, the grades of those that share a time or an address with more than a fifth of the rows capped. So
   nothing is ever allowed before all that forbids it is in force.

Each block of rows is one transaction with the job's progress in it: kill the process at any instant and the job goes
on, from its last block, when it is run again with the same file. Should two processes run one job at once, or a block
be written twice, the registry knows each fact already and nothing is doubled.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from config.customers import Customer
from consent import import_process
from consent.database import Database, RegistryError
from consent.import_blocks import BLOCK, Block, Plan, Source, Surveyed
from consent.import_context import Contexts
from consent.import_diff import CAPPED, ERRORS, KNOWN, Diff
from consent.import_jobs import PARSER, Counts, ImportStore, Job, Order, Status, UnknownImport
from consent.import_run import Hooks, OnBatch, OnProgress, Run, with_block
from consent.imports.row import ImportRefused
from consent.keys import Secrets
from consent.model import micros
from consent.store import ConsentStore

SMALL_FILE = 4 * 1024 * 1024
"""Octets up to which a file is read by the process that writes: a second one takes longer to start."""
_CHUNK = 1 << 20
_REASON_LENGTH = 1000

__all__ = ["Hooks", "Importer", "OnBatch", "OnProgress"]

NO_HOOKS = Hooks()


class Importer:
    """Runs imports on one registry. Every method blocks, and raises RegistryError when the registry fails."""

    def __init__(
        self,
        database: Database,
        secrets: Secrets,
        clock: Callable[[], datetime],
        *,
        small_file: int = SMALL_FILE,
        block: int = BLOCK,
        scratch: Path | None = None,
    ) -> None:
        """`database` is `Database.consent()`; `clock` gives aware times. Files of more octets than `small_file` are
        read by a second process. `block` rows are written in one transaction. What is put aside lies in an unnamed file
        in `scratch`, some 800 octets for each consent; None: where the system has its temporary files."""
        self.jobs = ImportStore(database)
        self._database, self._secrets, self._clock = database, secrets, clock
        self._small_file, self._block, self._scratch = small_file, block, scratch
        self._store = ConsentStore(database, secrets)
        self._contexts = Contexts(database, secrets)

    def close(self) -> None:
        """Close its connections."""
        self._store.close()

    # -- asking

    def check(self, customer: Customer, order: Order, path: Path) -> str:
        """The name of the file's format; raises ImportRefused for whatever refuses the whole file. Writes nothing."""
        return self._open(customer, order, path).format

    def ask(self, customer: Customer, order: Order, number: str | None = None) -> Job:
        """A job that waits for `run`, of the id `number` if given; raises ImportRefused for an order that no file could
        fulfil."""
        self._contexts.make(customer, order, "", self._now())
        return self.jobs.create(order, self._now(), number)

    def preview(self, customer: Customer, order: Order, path: Path, on_progress: OnProgress | None = None) -> Job:
        """A dry run: what the file would change (`Job.diff`). Writes nothing. Raises ImportRefused."""
        job = Job(id="", order=replace(order, dry_run=True), status="running", created=self._now())
        return self._preview(customer, job, path, Hooks(on_progress))

    def start(self, customer: Customer, order: Order, path: Path, hooks: Hooks = NO_HOOKS) -> Job:
        """Import a file, or go on with an import of it that was interrupted. Raises ImportRefused.

        What was imported before with the same options is not again: that job comes back, with `repeats` set.
        """
        asked = Job(id="", order=order, status="waiting", created=self._now())
        asked = self._identified(asked, self._open(customer, order, path), hooks)
        before = self.jobs.like(asked)
        if before is not None and before.status == "done":
            return _repeated(before, before)
        if before is None or before.order.uploader != order.uploader:
            before = self.jobs.create(order, self._now())
        return self.run(customer, before, path, hooks)

    # -- running

    def run(self, customer: Customer, job: Job, path: Path, hooks: Hooks = NO_HOOKS) -> Job:
        """Run a job that was asked for, or go on with it; the job as it ended.

        Raises ImportRefused where the file is unreadable: the job is `refused`. Whatever else is raised leaves it
        `interrupted`, to be run again with the same file.
        """
        if job.ended:
            return job
        work = self._preview if job.order.dry_run else self._run
        try:
            with import_process.collecting_rarely():
                return work(customer, job, path, hooks)
        except ImportRefused as error:
            self._left(job.id, "refused", str(error))
            raise
        except BaseException as error:
            # What went wrong may name paths and servers, and the uploader may be a customer: this is all they are told.
            self._left(job.id, "interrupted", f"it was interrupted ({type(error).__name__})")
            raise

    def give_up(self, job: Job, reason: str) -> None:
        """Mark a job `failed`, for good. What it has written stays."""
        self.jobs.save(replace(job, status="failed", reason=reason[:_REASON_LENGTH], finished=self._now()))

    def _left(self, job: str, status: Status, reason: str) -> None:
        """Note how a job was left, if the registry still takes it."""
        with suppress(RegistryError, UnknownImport):
            finished = self._now() if status == "refused" else None
            left = replace(self.jobs.get(job), status=status, reason=reason[:_REASON_LENGTH], finished=finished)
            self.jobs.save(left)

    def _run(self, customer: Customer, job: Job, path: Path, hooks: Hooks) -> Job:
        source = self._open(customer, job.order, path, job)
        begun = job.sha256
        job = self._identified(replace(job, status="running", reason=""), source, hooks)
        if begun and begun != job.sha256:
            raise ImportRefused("the file is not the one that this import began with: import it anew")
        if job.phase == "reading":
            before = self.jobs.like(job)
            if before is not None and before.status == "done":
                return self._finished(_repeated(before, job))
            self._contexts.ensure(customer, job.order, self._now())
            job = replace(job, phase="withdrawals", total=source.lines, lines=source.lines, mapping=source.mapping())
        self.jobs.save(job)
        with Run(self._store, self.jobs, job, hooks, self._block, self._scratch) as run:
            with self._messages(_place(source.plan, job), source, customer.id) as messages:
                run.read(messages)
            job = run.write()
        facts = job.counts.withdrawals + job.counts.suppressions + job.counts.consents + job.counts.relationships
        return self._finished(replace(job, counts=replace(job.counts, known=facts - job.counts.new)))

    def _finished(self, job: Job) -> Job:
        rows = job.counts.rows
        job = replace(job, status="done", phase="done", done=rows, total=rows, finished=self._now())
        if job.id:
            self.jobs.save(job)
        return job

    def _preview(self, customer: Customer, job: Job, path: Path, hooks: Hooks) -> Job:
        source = self._open(customer, job.order, path, job)
        # A dry run that was interrupted begins anew.
        job = self._identified(replace(job, phase="", counts=Counts(), errors=()), source, hooks)
        before = self.jobs.like(job)
        job = replace(job, phase="withdrawals", total=source.lines, mapping=source.mapping())
        with closing(Diff(self._database, self._secrets, customer.id)) as diff:
            for message in source.at(dataclasses.replace(source.plan, aside=False)).blocks():
                if isinstance(message, Block):
                    diff.add(message.load.entries)
                    job = with_block(job, message)
                else:
                    job = replace(job, phase="consents", done=0, total=message.rows, quality=message.quality)
                if hooks.on_progress:
                    hooks.on_progress(job)
        diff.count(ERRORS, job.counts.errors)
        diff.count(CAPPED, job.counts.capped)
        job = replace(job, diff=diff.counts, counts=replace(job.counts, known=diff.counts[KNOWN]))
        return self._finished(replace(job, repeats=before.id if before and before.status == "done" else ""))

    @contextmanager
    def _messages(self, plan: Plan, source: Source, customer: str) -> Iterator[Iterator[Block | Surveyed]]:
        if source.size <= self._small_file:
            yield import_process.here(source.at(plan), customer, self._secrets)
        else:
            with import_process.elsewhere(plan, customer, self._secrets) as messages:
                yield messages

    # -- what the file is

    def _open(self, customer: Customer, order: Order, path: Path, job: Job | None = None) -> Source:
        """The file, its formats known; raises ImportRefused."""
        context = self._contexts.make(customer, order, job.id if job else "", job.created if job else self._now())
        source = Source.open(Plan(path, order.filename, order.format, context, block=self._block))
        if not source.suppresses_only:
            self._contexts.refuse_banned(customer, order)
        return source

    def _identified(self, job: Job, source: Source, hooks: Hooks) -> Job:
        """The job, knowing its file."""
        job = replace(job, phase=job.phase or "reading", format=source.format, zone=source.plan.context.zone_name)
        if hooks.on_progress:
            hooks.on_progress(job)
        with source.plan.path.open("rb") as file:
            digest = hashlib.sha256()
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        sha256 = digest.hexdigest()
        return replace(job, sha256=sha256, fingerprint=_fingerprint(sha256, source), parser=PARSER)

    def _now(self) -> int:
        return micros(self._clock())


def _fingerprint(sha256: str, source: Source) -> str:
    context = source.plan.context
    shapes = (
        PARSER, sha256, source.format, context.list, context.party, context.zone_name, context.notice,
        sorted(context.pre_ticked), context.scope_all,
    )  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(shapes)).hexdigest()


def _place(plan: Plan, job: Job) -> Plan:
    """The plan, from where the job is."""
    if job.phase == "withdrawals":
        return plan.at(job.done, None)
    return plan.at(None, job.done if job.by_rows else None)


def _repeated(before: Job, job: Job) -> Job:
    """`job`, with what its file came to when it was imported before: nothing is new."""
    counts = replace(before.counts, new=0, known=before.counts.new + before.counts.known)
    return replace(
        job, repeats=before.id, counts=counts, errors=before.errors, quality=before.quality, mapping=before.mapping,
        total=before.total, done=before.done,
    )  # fmt: skip
