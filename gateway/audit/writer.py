"""Writer: what the journal's thread does with a group of records. One thread uses it.

Records that may use the reserve are owed: they tell what already happened. See the head of `gateway.audit.journal`.
"""

import asyncio
import errno
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future

from consent.address import Address
from gateway.audit.chain import Chain, Entry
from gateway.audit.encoding import Record, encoded, sealed_members
from gateway.audit.errors import JournalError, JournalFull
from gateway.audit.head import Head
from gateway.audit.record import Json, Seal
from gateway.audit.reserve import Reserve

log = logging.getLogger("postern.audit")

OWED = 10_000
"""Noted records without a right to the reserve that are kept while they cannot be written; more are dropped."""
NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
"""Errors that giving up reserve can help."""

AnyFuture = asyncio.Future[int] | Future[int]
_Settled = list[tuple[AnyFuture, int | Exception]]


class Waiting:
    """A record that is to be written, and who waits for its number."""

    __slots__ = ("entry", "future", "record", "stands", "time")

    def __init__(self, record: Record, time: str, future: AnyFuture | None) -> None:
        self.record, self.time, self.future = record, time, future
        self.entry: Entry | None = None
        self.stands = False
        """Whether it is durable."""


class Writer:
    """Seals, encodes and writes groups; keeps what is owed."""

    def __init__(
        self,
        chain: Chain,
        reserve: Reserve,
        process: str,
        seal: Seal,
        offer: Callable[[Head], None],
    ) -> None:
        self._chain, self._reserve, self._process, self._seal, self._offer = chain, reserve, process, seal, offer
        self.owed: list[Waiting] = []
        """Noted records that could not be written yet; the next group begins with them."""
        self.head: Head | None = None
        self.groups = 0
        self.dropped = 0
        self.full = False

    def write(self, group: Sequence[Waiting]) -> None:
        """Write a group and tell all who wait for it. Raises nothing."""
        group, self.owed = [*self.owed, *group], []
        settled: _Settled = []
        try:
            self._encode(group, settled)
            ready = [waiting for waiting in group if waiting.entry is not None]
            while ready:
                # A group is of one day, because a segment is.
                day = ready[0].time[:10]
                count = next((at for at, waiting in enumerate(ready) if waiting.time[:10] != day), len(ready))
                self._write(ready[:count], settled)
                ready = ready[count:]
        except Exception as error:
            log.exception("audit: a group failed")
            done = {id(future) for future, _ in settled}
            owed = {id(waiting) for waiting in self.owed}
            for waiting in group:
                if not waiting.stands and id(waiting.future) not in done and id(waiting) not in owed:
                    self._fail(waiting, JournalError(f"the audit journal failed: {error!r}"), settled)
        _tell(settled)

    def _encode(self, group: Sequence[Waiting], settled: _Settled) -> None:
        new = [waiting for waiting in group if waiting.entry is None]
        sealed: Mapping[Address, Json] = {}
        failure: Exception | None = None
        try:
            sealed = sealed_members([address for waiting in new for address in waiting.record.addresses], self._seal)
        except Exception as error:
            log.exception("audit: addresses could not be sealed")
            failure = error
        for waiting in new:
            if failure is not None and waiting.record.addresses:
                self._fail(waiting, JournalError(f"addresses could not be sealed: {failure}"), settled)
                continue
            try:
                rest = encoded(waiting.record, waiting.time, self._process, sealed)
                waiting.entry = Entry.of(waiting.record, waiting.time, rest)
            except (TypeError, ValueError, RecursionError) as error:
                log.exception("audit: a record could not be encoded")
                self.dropped += waiting.future is None
                if waiting.future is not None:
                    settled.append((waiting.future, JournalError(f"not a record: {error}")))

    def _write(self, ready: Sequence[Waiting], settled: _Settled) -> None:
        """Write the group; without the records that have no right to the reserve when there is no room for all."""
        if not self._reserve.grow():
            self.full = True
        elif not self._try(ready, settled):
            self.full = False
            return
        ordinary = [waiting for waiting in ready if not waiting.record.reserved]
        for waiting in ordinary:
            self._fail(waiting, JournalFull("the audit journal is full"), settled)
        owed = [waiting for waiting in ready if waiting.record.reserved]
        size = sum(len(waiting.entry.rest) for waiting in owed if waiting.entry) + 4096 * bool(owed)
        while owed and (failure := self._try(owed, settled)):
            if failure not in NO_ROOM or not self._reserve.give(size):
                for waiting in owed:
                    self._fail(
                        waiting, JournalFull(f"the audit journal cannot be written: {os.strerror(failure)}"), settled
                    )
                return

    def _try(self, group: Sequence[Waiting], settled: _Settled) -> int:
        """Write the group; 0, or the number of the error for which none of it stands."""
        try:
            first, self.head = self._chain.write([waiting.entry for waiting in group if waiting.entry is not None])
        except OSError as error:
            log.error("audit: %d records not written: %s", len(group), error.strerror)
            self.full = True
            return error.errno or errno.EIO
        self.groups += 1
        for number, waiting in enumerate(group, first):
            waiting.stands = True
            if waiting.future is not None:
                settled.append((waiting.future, number))
        self._offer(self.head)
        return 0

    def _fail(self, waiting: Waiting, error: Exception, settled: _Settled) -> None:
        """Tell who waits; keep what nobody waits for."""
        if waiting.future is not None:
            settled.append((waiting.future, error))
        elif waiting.record.reserved or len(self.owed) < OWED:
            self.owed.append(waiting)
        else:
            self.dropped += 1


def _tell(settled: _Settled) -> None:
    """Give each its answer: one call into each event loop, however many wait there."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[int], int | Exception]]] = {}
    for future, answer in settled:
        if isinstance(future, Future):
            _answer(future, answer)
        else:
            loops.setdefault(future.get_loop(), []).append((future, answer))
    for loop, answers in loops.items():
        try:
            loop.call_soon_threadsafe(_answer_all, answers)
        except RuntimeError:
            # The loop was closed: nobody waits any more, and the records stand.
            log.debug("audit: %d who waited are gone", len(answers))


def _answer_all(answers: Sequence[tuple[asyncio.Future[int], int | Exception]]) -> None:
    for future, answer in answers:
        _answer(future, answer)


def _answer(future: AnyFuture, answer: int | Exception) -> None:
    if future.done():
        # Whoever waited gave up; the record stands all the same.
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
