"""Import run: what is read of a file, written block by block, with the progress of its job.

What may allow mail is put aside until the whole file is read, and sorted (`consent.sorting`): a registry of millions
takes it many times faster so. What was put aside is of this process and gone with it; a job that goes on reads the file
again, which gives the same parts in the same order, and passes over those it has written.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from msgspec.structs import replace

from consent.import_blocks import Block, Surveyed
from consent.import_jobs import MOST_ERRORS, Counts, Error, ImportStore, Job
from consent.import_pace import Pace, cut
from consent.records import Batch, BeforeCommit, Prepared
from consent.sorting import Sorter
from consent.store import ConsentStore

log = logging.getLogger("postern.imports")

_MOST_PARTS = 1 << 16

OnProgress = Callable[[Job], None]
"""Told of the job after each step."""
OnBatch = Callable[[Batch], None]
"""Told of each batch of events after its commit, for the audit."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the caller of an import takes part in."""

    on_progress: OnProgress | None = None
    before_commit: BeforeCommit | None = None
    """See `consent.records.BeforeCommit`."""
    on_batch: OnBatch | None = None


class Run:
    """Writes one job. Use it as a context: what is put aside is gone at its end."""

    def __init__(
        self, store: ConsentStore, jobs: ImportStore, job: Job, hooks: Hooks, block: int, scratch: Path | None
    ) -> None:
        """`block` rows, or facts, are written in one transaction; `scratch` is where what is put aside lies, None: the
        system's folder for temporary files."""
        self.job = job
        """As it is stored."""
        self._store, self._jobs, self._hooks = store, jobs, hooks
        self._pace = Pace(block)
        self._aside: Sorter | None = None
        if not job.by_rows:
            # Of the lines and not of what is put aside: it must be the same when the job goes on.
            self._aside = Sorter(min(max(1, -(-job.lines // block)), _MOST_PARTS), scratch)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()

    def read(self, messages: Iterable[Block | Surveyed]) -> None:
        """Write or put aside what is read, by a plan for this job, as far as it must be read."""
        allowing = Counts()
        for message in messages:
            if isinstance(message, Surveyed):
                if message.shared:
                    self._drop()
                self._surveyed(message, allowing)
                if self._aside is not None:
                    return
                continue
            if message.aside.prepared and self._keep(message.aside.prepared):
                allowing = added(allowing, message.aside_counts)
            if message.reading == 2 or (self.job.phase == "withdrawals" and message.done > self.job.done):
                self._take(message)

    def write(self) -> Job:
        """Write what was put aside; the job as it then is."""
        if self._aside is not None:
            before = 0
            for part in self._aside.parts():
                first, before = before, before + len(part.keys)
                if before > self.job.done:
                    self._write(part, max(0, self.job.done - first), partial(self._with_facts, first))
        return self.job

    def _with_facts(self, first: int, end: int) -> Job:
        return replace(self.job, done=first + end)

    def _keep(self, prepared: Prepared) -> bool:
        """Put entries aside; False when there is no room: then what was put aside is dropped, and read again later."""
        if self._aside is not None:
            try:
                self._aside.add(prepared)
            except OSError as error:
                log.warning("an import reads its file twice, for want of room to put it aside: %s", error)
                self._drop()
        return self._aside is not None

    def _drop(self) -> None:
        if self._aside is not None:
            self._aside.close()
            self._aside = None

    def _surveyed(self, surveyed: Surveyed, allowing: Counts) -> None:
        """The first reading is complete, and so is what was put aside, unless it was dropped."""
        job, by_rows = self.job, self._aside is None
        if job.phase == "withdrawals":
            job = replace(job, phase="consents", done=0, quality=surveyed.quality)
            if not by_rows:
                job = replace(job, counts=added(job.counts, allowing))
        elif by_rows and not job.by_rows:
            # What was put aside before is dropped this time: begin with the consents again, row by row.
            job = replace(job, done=0, counts=replace(job.counts, consents=0, relationships=0, capped=0))
        total = surveyed.rows if self._aside is None else self._aside.entries
        self._save(replace(job, by_rows=by_rows, total=total))

    def _take(self, block: Block) -> None:
        """Write a block that does not wait."""
        prepared = block.load.prepared
        if prepared is None:
            self._save(with_block(self.job, block))
            return
        entries = len(prepared.keys)
        # Only the last transaction ends the block; should it not come to that, all of it is told again, and known.
        self._write(prepared, 0, lambda end: with_block(self.job, block) if end == entries else self.job)

    def _write(self, prepared: Prepared, start: int, reached: Callable[[int], Job]) -> None:
        """Write entries from `start` on, each transaction with the progress it is: `reached` gives the job once all up
        to an entry is written."""
        while start < len(prepared.keys):
            end = min(len(prepared.keys), start + self._pace.entries)
            job = reached(end)
            with self._pace.timed(end - start):
                appended = self._store.write(
                    cut(prepared, start, end),
                    import_id=job.id,
                    progress=job.progress(),
                    before_commit=self._hooks.before_commit,
                )
            start, counts = end, job.counts
            counts = replace(counts, new=counts.new + appended.new, known=counts.known + appended.known)
            self._now(replace(job, counts=counts))
            if self._hooks.on_batch and appended.batch:
                self._hooks.on_batch(appended.batch)

    def _save(self, job: Job) -> None:
        self._jobs.save(job)
        self._now(job)

    def _now(self, job: Job) -> None:
        self.job = job
        if self._hooks.on_progress:
            self._hooks.on_progress(job)


def with_block(job: Job, block: Block) -> Job:
    """The job with one more block done."""
    errors: tuple[Error, ...] = (*job.errors, *block.errors[: MOST_ERRORS - len(job.errors)])
    return replace(job, done=block.done, counts=added(job.counts, block.counts), errors=errors)


def added(counts: Counts, more: Counts) -> Counts:
    """The sum of both."""
    return Counts(**{name: getattr(counts, name) + getattr(more, name) for name in counts.__struct_fields__})
