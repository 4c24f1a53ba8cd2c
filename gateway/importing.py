"""Importing: the process in which a gateway's import jobs run, and how an import stands in the audit.

One job at a time, at the lowest priority, with connections and an audit chain (`imports`) of its own: what it costs is
nobody's latency but its own. It is told the ids of jobs on standard input, one a line, and answers each with a line;
when standard input ends, the gateway is gone, and it stops.
"""

import logging
import os
import pickle
import queue
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from io import RawIOBase
from typing import NoReturn

from config.settings import Settings
from consent.customers import CustomerError
from consent.database import RegistryError
from consent.import_jobs import Job, UnknownImport
from consent.import_process import lowest_priority
from consent.importer import Hooks, Importer, OnProgress
from consent.imports.row import ImportRefused
from gateway.audit.anchors import anchor
from gateway.audit.errors import JournalError
from gateway.audit.record import Act
from gateway.consents import Recorder, write_ahead
from gateway.evidence import Evidence
from gateway.stores import Stores

log = logging.getLogger("postern.imports")

PROCESS = "imports"
"""The name of this process's chain under data_dir/audit."""
FOLDER = "imports"
"""Under data_dir: a folder for each job, its file in it."""
FILE = "file"
ENDED, LATER, STOPPED = "ended", "later", "stopped"
"""Answers: the job has ended; it was interrupted by something that may pass, or by something that is not known."""
_LENGTH = struct.Struct(">I")
_LOCK_SECONDS = 10.0


def hooks(journal: Recorder, customer: str, actor: str, on_progress: OnProgress | None = None) -> Hooks:
    """What joins an import to the audit: withdrawals are durable there before the registry has them, and the end of the
    registry's chain is noted after each batch."""
    return Hooks(
        on_progress=on_progress,
        before_commit=write_ahead(journal, customer),
        on_batch=lambda batch: journal.note(anchor(batch, actor)),
    )


def act(job: Job) -> Act:
    """The record of an import that has ended: who brought what, with which attestation, and what came of it (R-246)."""
    order, counts = job.order, job.counts
    details = {
        "import": job.id,
        "status": job.status,
        "reason": job.reason,
        "repeats": job.repeats,
        "sha256": job.sha256,
        "format": job.format,
        "parser": job.parser,
        "zone": job.zone,
        "notice": order.notice,
        "attestation": order.attestation,
        "rows": counts.rows,
        "refused": counts.refused,
        "new": counts.new,
        "known": counts.known,
    }
    shown = {name: value for name, value in details.items() if value != ""}
    return Act(order.uploader, "consent import", order.customer, order.list, details=shown)


def task(settings: Settings) -> bytes:
    """What the process is given before the first id."""
    octets = pickle.dumps(settings)
    return _LENGTH.pack(len(octets)) + octets


class Worker:
    """Runs jobs, one after the other, in the process it is made in."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        """Opens the registry and the audit; raises what they raise."""
        self._settings = settings
        self.stores = Stores.open(settings)
        folder = settings.data_dir / FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.importer = Importer(self.stores.consent_database, self.stores.secrets, clock, scratch=folder)
        evidence = Evidence(settings, self.stores, clock)
        self.journal = evidence.open(PROCESS, version=version("postern"), wait_seconds=_LOCK_SECONDS)

    def close(self) -> None:
        """Close the audit and the registry."""
        self.journal.close_blocking()
        self.importer.close()
        self.stores.close()

    def run(self, number: str) -> str:
        """Run one job to its end, or as far as it comes: ENDED, LATER or STOPPED."""
        try:
            job = self.importer.jobs.get(number)
            if job.ended:
                return ENDED
            customer = self.stores.customers.get(job.order.customer).customer
            path = self._settings.data_dir / FOLDER / number / FILE
            try:
                job = self.importer.run(customer, job, path, hooks(self.journal, customer.id, job.order.uploader))
            except ImportRefused:
                job = self.importer.jobs.get(number)
            if not job.order.dry_run:
                self.journal.append_blocking(act(job))
        except (UnknownImport, CustomerError):
            return ENDED
        except (RegistryError, JournalError) as error:
            log.warning("import %s is interrupted: %s", number, error)
            return LATER
        except Exception:
            log.exception("import %s is interrupted", number)
            return STOPPED
        return ENDED


def main() -> None:
    """The process: settings, then ids on standard input; an answer for each on standard output."""
    lowest_priority()
    # And one processor for both, this process and the one that reads for it: whoever wakes up to handle mail then finds
    # another one free, where there is one, and need not wait for the next tick. That matters more than niceness.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the gateway's to act on
    # Not sys.stdin: an interpreter that ends while a thread waits in its buffer dies of it.
    stdin = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115
    (size,) = _LENGTH.unpack(_read(stdin, _LENGTH.size))
    settings: Settings = pickle.loads(_read(stdin, size))  # noqa: S301
    with suppress(_Stopped, BrokenPipeError):
        worker = Worker(settings, lambda: datetime.now(UTC))
        try:
            for number in _ids(stdin):
                answer = worker.run(number)
                sys.stdout.buffer.write(f"{number} {answer}\n".encode())
                sys.stdout.buffer.flush()
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            worker.close()


class _Stopped(BaseException):
    """The gateway wants this process to end: what is being done is left to be resumed."""


def _stop(_number: int, _frame: object) -> NoReturn:
    raise _Stopped


def _read(stdin: RawIOBase, size: int) -> bytes:
    """So many octets; fewer only where the input ends."""
    found = b""
    while len(found) < size and (more := stdin.read(size - len(found))):
        found += more
    return found


def _ids(stdin: RawIOBase) -> Iterator[str]:
    """Ids as they come in; at their end the gateway is gone: the job at hand is left, and the process ends."""
    waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def listen() -> None:
        for line in stdin:
            waiting.put(line.decode().strip())
        waiting.put(None)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=listen, name="ids", daemon=True).start()
    while (number := waiting.get()) is not None:
        yield number
