"""Jobs: imports that the API was given, run one at a time in a process of their own (`gateway.importing`).

Files wait under data_dir/imports/<id>, where they are from the moment the API has them whole until their job has ended:
so the answer "accepted" outlives a crash. At start every job that has a folder and has not ended is run on; whatever
else lies there is removed. A job whose process dies is run on as long as it gets further.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from config.customers import Customer
from config.settings import Settings
from consent.database import RegistryError
from consent.import_jobs import Job, Order, UnknownImport, new_id
from consent.importer import Importer
from gateway.importing import ENDED, FILE, FOLDER, LATER, task

log = logging.getLogger("postern.imports")

MOST_WAITING = 100
"""Jobs that wait or run; more are refused until one has ended."""
MOST_OF_ONE = 25
"""Jobs of one customer among them: the others' find room, too."""
ATTEMPTS = 5
"""How often a job may be interrupted at one place, other than by a registry that is down, before it is given up."""
IDLE_SECONDS = 60.0
"""How long the process is kept when there is nothing to do: a small import then need not wait for one to start."""
_AGAIN_SECONDS = 5.0
_STOP_SECONDS = 10.0
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class JobsFull(Exception):
    """Too many imports wait already; the same may be asked for later."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A place for a file that is being received."""

    id: str
    """Of the job that it will be."""
    path: Path
    """To write it to."""


@dataclass(slots=True)
class _Place:
    """How far a job had come when it was interrupted last, and how often it was interrupted there."""

    at: tuple[str, int] = ("", -1)
    times: int = 0


class Jobs:
    """The import jobs of one gateway. For the event loop; nothing here blocks it."""

    def __init__(
        self,
        settings: Settings,
        importer: Importer,
        alarm: Callable[[str, str], None],
        *,
        most_waiting: int = MOST_WAITING,
        again_seconds: float = _AGAIN_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """`alarm` is `Metrics.alarm`; `again_seconds` the pause before an interrupted job is run on."""
        self._settings, self._importer, self._alarm = settings, importer, alarm
        self._most_waiting, self._again, self._idle = most_waiting, again_seconds, idle_seconds
        self._folder = settings.data_dir / FOLDER
        self._waiting: deque[str] = deque()
        self._owners: dict[str, str] = {}
        """Id of a job that is received, waits or runs -> its customer."""
        self._changed = asyncio.Condition()
        self._ended: set[asyncio.Future[None]] = set()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._current: str | None = None

    async def open(self) -> None:
        """Take up the jobs that were left, and begin. Raises RegistryError, or OSError for a folder that cannot be."""
        left = await asyncio.to_thread(self._left)
        for job in sorted(left, key=lambda job: job.created):
            self._waiting.append(job.id)
            self._owners[job.id] = job.order.customer
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def close(self) -> None:
        """End the process; the job at hand is left to be run on at the next start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._end_process()

    # -- asking

    def reserve(self, customer: str) -> Upload:
        """A place for a customer's file that is about to be received; `submit` or `drop` it. Raises JobsFull."""
        owners = list(self._owners.values())
        if len(owners) >= self._most_waiting:
            raise JobsFull(f"{self._most_waiting} imports wait already: try again when some of them have ended")
        if owners.count(customer) >= MOST_OF_ONE:
            raise JobsFull(f"{MOST_OF_ONE} imports of yours wait already: try again when some of them have ended")
        number = new_id()
        folder = self._folder / number
        folder.mkdir(mode=0o700)
        self._owners[number] = customer
        return Upload(number, folder / FILE)

    async def drop(self, upload: Upload) -> None:
        """Forget a file that was not received whole."""
        self._owners.pop(upload.id, None)
        await asyncio.to_thread(shutil.rmtree, upload.path.parent, ignore_errors=True)

    async def submit(self, customer: Customer, order: Order, upload: Upload) -> Job:
        """Run an import of a file that was received; the job, waiting. Durable when it returns.

        Raises `consent.imports.row.ImportRefused` for an order that no file could fulfil, and RegistryError; then it is
        dropped. What is wrong with the file itself makes the job `refused`.
        """
        try:
            job = await asyncio.to_thread(self._accept, customer, order, upload)
        except BaseException:
            await self.drop(upload)
            raise
        async with self._changed:
            self._waiting.append(job.id)
            self._changed.notify_all()
        return job

    def _accept(self, customer: Customer, order: Order, upload: Upload) -> Job:
        with upload.path.open("rb") as file:
            os.fsync(file.fileno())
        for directory in (upload.path.parent, self._folder):
            descriptor = os.open(directory, _DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return self._importer.ask(customer, order, upload.id)

    async def wait(self, number: str) -> Job:
        """The job, once this gateway has nothing more to do for it; raises UnknownImport, RegistryError."""
        async with self._changed:
            await self._changed.wait_for(lambda: number != self._current and number not in self._waiting)
        return await asyncio.to_thread(self._importer.jobs.get, number)

    @property
    def waiting(self) -> int:
        """Jobs that wait or run."""
        return len(self._waiting) + (self._current is not None)

    # -- running

    def _left(self) -> list[Job]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        left = []
        for folder in sorted(self._folder.iterdir()):
            try:
                job = self._importer.jobs.get(folder.name)
            except UnknownImport:
                job = None
            if job is None or job.ended or not (folder / FILE).exists():
                shutil.rmtree(folder, ignore_errors=True)
            else:
                left.append(job)
        return left

    async def _work(self) -> None:
        places: dict[str, _Place] = {}
        while True:
            number = await self._next()
            answer = await self._ask(number)
            again = False
            if answer != ENDED:
                again = await self._again_later(number, answer, places.setdefault(number, _Place()))
            if not again:
                places.pop(number, None)
                await asyncio.to_thread(shutil.rmtree, self._folder / number, ignore_errors=True)
                self._owners.pop(number, None)
            async with self._changed:
                self._current = None
                if again:
                    self._waiting.append(number)
                self._changed.notify_all()
            if again:
                await asyncio.sleep(self._again)

    async def _next(self) -> str:
        """The next job; while there is none the process is ended after a time."""
        async with self._changed:
            idle = self._changed.wait_for(lambda: self._waiting)
            try:
                await asyncio.wait_for(idle, self._idle if self._process else None)
            except TimeoutError:
                pass
            else:
                self._current = self._waiting.popleft()
                return self._current
        await self._end_process()
        return await self._next()

    async def _ask(self, number: str) -> str:
        """Have the process run a job; its answer, or "" when it died."""
        try:
            if self._process is None or self._process.returncode is not None:
                await self._start_process()
            process = self._process
            assert process is not None and process.stdin is not None and process.stdout is not None
            process.stdin.write(f"{number}\n".encode())
            await process.stdin.drain()
            line = (await process.stdout.readline()).decode()
        except OSError as error:
            log.warning("the process for imports: %s", error)
            line = ""
        if line.startswith(f"{number} ") and line.endswith("\n"):
            return line.split()[1]
        await self._end_process()
        return ""

    async def _again_later(self, number: str, answer: str, place: _Place) -> bool:
        """Note how an interrupted job was left; whether it is to be run on."""
        try:
            return await asyncio.to_thread(self._interrupted, number, answer, place)
        except UnknownImport:
            return False
        except RegistryError as error:
            log.warning("import %s: %s", number, error)
            return True

    def _interrupted(self, number: str, answer: str, place: _Place) -> bool:
        job = self._importer.jobs.get(number)
        if job.ended:
            return False
        at = (job.phase, job.done)
        place.times = place.times + 1 if at == place.at else 1
        place.at = at
        if answer != LATER and place.times >= ATTEMPTS:
            reason = job.reason or "the process that ran it ended without a word"
            self._alarm("imports", f"import {number} was interrupted {ATTEMPTS} times at one place: {reason}")
            self._importer.give_up(job, f"interrupted {ATTEMPTS} times at one place: {reason}")
            return False
        if place.times == ATTEMPTS:
            self._alarm("imports", f"import {number} is held up at one place, and tried again: {job.reason}")
        if job.status != "interrupted":
            # It died without a word.
            self._importer.jobs.save(replace(job, status="interrupted", reason="the process that ran it was killed"))
        return True

    async def _start_process(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-c", "from gateway.importing import main; main()",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(task(self._settings))
        await self._process.stdin.drain()

    async def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if process.stdin is not None:
            process.stdin.close()
