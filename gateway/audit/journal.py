"""Journal: one process's audit, open for writing.

Theory of operation. Whoever has a record puts it into a queue: `append` waits until it is durable, `note` does not.
One thread takes all that wait at once, seals their addresses in one call, and makes them one write and one sync; then
it writes the head and tells all who waited in one call into their event loop. While it waits for the disk the next
group gathers, so the slower the disk the larger the groups. What was only noted goes with the next group that somebody
waits for; where none comes within LINGER, by itself.

On a full disk a decision fails with JournalFull, and the message is not forwarded. Records of what already happened
(outcomes, operators' acts, recoveries) are owed: they may use the reserve, and those that were noted are kept and
tried again until they stand. While the reserve is not whole no decision is taken, for its outcome would have no room.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path

from gateway.audit.chain import Chain, Sync
from gateway.audit.encoding import Record
from gateway.audit.errors import JournalClosed, JournalDamaged, JournalError, JournalFull, JournalLocked
from gateway.audit.head import PROCESS, Head
from gateway.audit.publisher import Publish, Publisher
from gateway.audit.record import Outcome, Seal, stamp
from gateway.audit.recovery import Recovery
from gateway.audit.reserve import Reserve
from gateway.audit.retention import removable, remove, retired_record
from gateway.audit.upkeep import Start
from gateway.audit.writer import NO_ROOM, AnyFuture, Waiting, Writer

__all__ = ["Journal", "JournalClosed", "JournalDamaged", "JournalError", "JournalFull", "JournalLocked"]

log = logging.getLogger("postern.audit")

GROUP = 4096
"""Records of one group at most."""
LINGER = 0.01
"""Seconds that a noted record waits for a group. It is in memory so long: of a message that was passed on just before
`kill -9` or a loss of power, the outcome is then closed as `unknown`, as it is of one that was just being passed on."""
_RETRY = 1.0
"""Seconds between attempts to write what is owed while nothing else comes."""


class Journal:
    """Appends records to the chain in `directory`, which is this process's own. See the head of this file."""

    def __init__(
        self,
        directory: Path,
        process: str,
        *,
        mac_key: bytes,
        seal: Seal,
        clock: Callable[[], datetime],
        publish_head: Publish | None = None,
        publish_every: timedelta = timedelta(minutes=1),
        segment_bytes: int,
        reserve_bytes: int,
        sync: Sync = os.fdatasync,
    ) -> None:
        if not PROCESS.match(process):
            raise ValueError(f"not a process name: {process!r}")
        self._directory, self._process, self._mac_key, self._seal = directory, process, mac_key, seal
        self._clock, self._publish, self._publish_every = clock, publish_head, publish_every
        self._segment_bytes, self._reserve_bytes, self._sync = segment_bytes, reserve_bytes, sync
        self._queue: deque[Waiting] = deque()
        self._bell: queue.SimpleQueue[bool] = queue.SimpleQueue()
        """Wakes the thread: true where somebody waits, false for a note."""
        self._rung = 0
        """What the thread was told of the records in the queue: 1 that there are any, 2 that somebody waits."""
        self._gate = threading.Lock()
        self._is_open = False
        self._lock = -1
        self._publisher: Publisher | None = None
        self._writer: Writer | None = None

    @property
    def head(self) -> Head | None:
        """The last head written by this opening."""
        return self._writer.head if self._writer else None

    @property
    def groups(self) -> int:
        """Groups made durable by this opening: one sync for each."""
        return self._writer.groups if self._writer else 0

    @property
    def owed(self) -> int:
        """Noted records that could not be written yet."""
        return len(self._writer.owed) if self._writer else 0

    @property
    def dropped(self) -> int:
        """Noted records that had no right to the reserve and were too many to keep, or no JSON."""
        return self._writer.dropped if self._writer else 0

    @property
    def full(self) -> bool:
        """Whether the last group met a full or failing disk."""
        return self._writer.full if self._writer else False

    def open(self, *, version: str = "", wait_seconds: float = 0, published: Head | None = None) -> None:
        """Take the journal, recover it, close what was left open, and begin to write.

        `published` is the registry's head of this journal: the chain must reach it. Raises JournalLocked when another
        process has the journal for longer than `wait_seconds`, JournalDamaged, JournalFull, and JournalError for a
        directory that cannot be used.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(f"audit journal {self._directory} cannot be opened: {error.strerror}") from error
        self._take_lock(wait_seconds)
        try:
            self._reserve = Reserve(self._directory / "reserve", self._reserve_bytes)
        except OSError as error:
            self._drop_lock()
            raise JournalFull(f"audit journal {self._directory} cannot be opened: {error.strerror}") from error
        try:
            recovery = self._recover(published)
            self._chain = Chain(
                self._directory,
                self._process,
                self._mac_key,
                recovery.end,
                segment_bytes=self._segment_bytes,
                sync=self._sync,
            )
        except (OSError, JournalError) as error:
            self._reserve.close()
            self._drop_lock()
            if isinstance(error, JournalError):
                raise
            raise JournalFull(f"audit journal {self._directory} cannot be opened: {error.strerror}") from error
        if self._publish is not None:
            self._publisher = Publisher(self._publish, self._clock, self._publish_every)
        offer = self._publisher.offer if self._publisher else lambda head: None
        writer = self._writer = Writer(self._chain, self._reserve, self._process, self._seal, offer)
        self._is_open = True
        self._thread = threading.Thread(target=self._run, args=(writer,), name="postern-audit", daemon=True)
        self._thread.start()
        first: list[Record] = [*recovery.recovered]
        first += [Outcome(reference, "unknown") for reference in self._chain.open]
        try:
            for waiting in [self._put(record, Future()) for record in (*first, Start(version, recovery.after))]:
                assert isinstance(waiting, Future)
                waiting.result()
        except JournalError:
            self.close_blocking()
            raise
        for record in recovery.recovered:
            log.warning("audit: a torn tail of %d octets was set aside in %s", record.size, record.file)
        if recovery.after is not None:
            log.error("audit: a new chain begins; the registry knows an earlier one of %d records", recovery.after["n"])

    async def append(self, record: Record) -> int:
        """Its number, once it is durable. Raises JournalFull, JournalClosed, or JournalError for a record that cannot
        be sealed or encoded; then it does not stand in the journal."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._put(record, future)
        return await future

    def append_blocking(self, record: Record) -> int:
        """The same for a caller without an event loop."""
        future: Future[int] = Future()
        self._put(record, future)
        return future.result()

    def note(self, record: Record) -> None:
        """Write it with the next group, or after LINGER. Not lost while the process lives; a full disk delays it.
        Raises JournalClosed."""
        self._put(record, None)

    def retire(self, before: datetime) -> int:
        """Remove whole segments in which nothing is as new as `before`; how many. Blocks; raises JournalError."""
        try:
            segments, last = removable(self._directory, before)
            if last is None:
                return 0
            self.append_blocking(retired_record(segments, last, before))
            remove(self._directory, self._mac_key, self._process, segments, last)
        except (OSError, ValueError) as error:
            raise JournalError(f"audit segments not retired: {error}") from error
        return len(segments)

    async def close(self) -> None:
        """Write all that waits, publish the head, give up the lock. Raises JournalFull when records stay owed."""
        await asyncio.to_thread(self.close_blocking)

    def close_blocking(self) -> None:
        """The same for a caller without an event loop; a second call does nothing."""
        with self._gate:
            if not self._is_open:
                return
            self._is_open = False
            self._bell.put(True)
        self._thread.join()
        if self._publisher is not None:
            self._publisher.close()
        self._chain.close()
        self._reserve.close()
        self._drop_lock()
        if self.owed:
            raise JournalFull(f"{self.owed} audit records could not be written before the end")

    def _put(self, record: Record, future: AnyFuture | None) -> AnyFuture | None:
        waiting = Waiting(record, stamp(self._clock()), future)
        with self._gate:
            if not self._is_open:
                raise JournalClosed("the audit journal is closed")
            self._queue.append(waiting)
            told = 1 if future is None else 2
            if told > self._rung:
                self._rung = told
                self._bell.put(future is not None)
        return future

    def _take_lock(self, wait_seconds: float) -> None:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    self._drop_lock()
                    raise JournalLocked(f"another process writes the audit journal {self._directory}") from None
                time.sleep(0.02)

    def _drop_lock(self) -> None:
        os.close(self._lock)

    def _recover(self, published: Head | None) -> Recovery:
        while True:
            recovery = Recovery(self._directory, self._process, self._mac_key, published)
            try:
                recovery.run(stamp(self._clock()))
                return recovery
            except OSError as error:
                # Setting a torn tail aside takes as much space as the tail has.
                if error.errno not in NO_ROOM or not self._reserve.give(1 << 20):
                    raise

    def _run(self, writer: Writer) -> None:
        closing = False
        while not closing:
            self._await(writer)
            with self._gate:
                group = [self._queue.popleft() for _ in range(min(len(self._queue), GROUP))]
                if not self._queue:
                    self._rung, closing = 0, not self._is_open
            writer.write(group)

    def _await(self, writer: Writer) -> None:
        """Return when there is a group to be written. It may be empty: then what is owed is tried again."""
        if self._queue:
            return  # more than one group
        with contextlib.suppress(queue.Empty):
            if not self._bell.get(timeout=_RETRY if writer.owed else None):
                self._bell.get(timeout=LINGER)
