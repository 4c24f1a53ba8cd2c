"""Import process: a file read in a process of its own.

Reading and grading take as long as sealing what was read, so an import of millions of rows uses two cores: this process
reads, the one that started it seals and writes. Between them is one pipe, and a block that is not taken yet holds the
reader up, so memory stays constant. The reader has no secrets, and ends by itself when the writer is gone: its next
block finds no taker.
"""

import gc
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from consent.import_blocks import Block, Load, Plan, Source, Surveyed
from consent.import_packing import pack, unpack
from consent.imports.row import ImportRefused
from consent.keys import Secrets
from consent.sealing import Sealer

_LENGTH = struct.Struct(">Q")
_COLLECT_EVERY = 200_000
"""Allocations between two runs of the garbage collector."""


class ReaderDied(Exception):
    """The reading process ended before the file did; the same import may succeed when it is resumed."""


@dataclass(frozen=True, slots=True)
class _End:
    refused: str | None = None


def lowest_priority() -> None:
    """Give way to all others, for good: for a process of its own session (`setsid`), since it covers all of that.

    Where Linux groups processes by session (sched_autogroup, sched(7)), niceness counts within the group only: then the
    group is made as nice as the process.
    """
    os.nice(19)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text("19")


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Look for garbage in cycles less often during the block: rows make none, and looking costs a tenth."""
    before = gc.get_threshold()
    gc.set_threshold(_COLLECT_EVERY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def here(source: Source, customer: str, secrets: Secrets) -> Iterator[Block | Surveyed]:
    """The blocks of a file, prepared in this process: for files that are read before another one has started."""
    sealer = Sealer(secrets)
    for message in source.blocks():
        if isinstance(message, Block):
            _prepare(message.load, customer, sealer)
            _prepare(message.aside, customer, sealer)
        yield message


def _prepare(load: Load, customer: str, sealer: Sealer) -> None:
    """Make what is not yet ready ready."""
    if load.packed:
        load.entries, load.packed = unpack(load.packed), b""
    if load.entries:
        load.prepared, load.entries = sealer.prepare(customer, load.entries), []


@contextmanager
def elsewhere(plan: Plan, customer: str, secrets: Secrets) -> Iterator[Iterator[Block | Surveyed]]:
    """The same, read by a process of its own, of the lowest priority, which is gone when the block ends.

    The iterator raises ReaderDied, or ImportRefused where the file turns out to be unreadable in the middle.
    """
    task = pickle.dumps(plan)
    command = [sys.executable, "-P", "-c", "from consent.import_process import main; main()"]
    taken, given = os.pipe()
    try:
        # A session of its own: Ctrl-C on the terminal is for the writer, which then ends this one.
        process = subprocess.Popen(  # noqa: S603
            [*command, str(given)], stdin=subprocess.PIPE, pass_fds=[given], start_new_session=True
        )
    except OSError:
        os.close(taken)
        raise
    finally:
        os.close(given)
    with open(taken, "rb", buffering=1 << 20) as pipe:  # noqa: PTH123
        try:
            assert process.stdin is not None
            # One that ended at once is noticed when nothing comes.
            with suppress(BrokenPipeError), process.stdin as stdin:
                stdin.write(task)
            with closing(_messages(pipe, process, customer, Sealer(secrets))) as messages:
                yield messages
        finally:
            process.kill()
            process.wait()


def _messages(
    pipe: BinaryIO, process: subprocess.Popen[bytes], customer: str, sealer: Sealer
) -> Generator[Block | Surveyed, None, None]:
    while True:
        message = _take(pipe)
        if message is None:
            raise ReaderDied(f"the process that reads the file ended (status {process.wait()})")
        if isinstance(message, _End):
            if message.refused is not None:
                raise ImportRefused(message.refused)
            return
        if isinstance(message, Block):
            _prepare(message.load, customer, sealer)
            _prepare(message.aside, customer, sealer)
        yield message


def _take(pipe: BinaryIO) -> Block | Surveyed | _End | None:
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(head)
    octets = pipe.read(size)
    if len(octets) < size:
        return None
    # From a child of this process, over a pipe that nobody else has.
    found: Block | Surveyed | _End = pickle.loads(octets)  # noqa: S301
    return found


def main() -> None:
    """The reading process: a plan on standard input, blocks to the descriptor named by the first argument."""
    lowest_priority()
    # Nobody waits for this process: it gives way at every wake-up. Its writer holds locks, and may not starve.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    plan: Plan = pickle.loads(sys.stdin.buffer.read())  # noqa: S301
    with suppress(BrokenPipeError), collecting_rarely(), open(int(sys.argv[1]), "wb") as pipe:  # noqa: PTH123
        for message in _said(plan):
            octets = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
            pipe.write(_LENGTH.pack(len(octets)))
            pipe.write(octets)
            pipe.flush()


def _said(plan: Plan) -> Iterator[Block | Surveyed | _End]:
    try:
        for message in Source.open(plan).blocks():
            if isinstance(message, Block):
                message.load, message.aside = _packed(message.load), _packed(message.aside)
            yield message
    except ImportRefused as error:
        yield _End(str(error))
    else:
        yield _End()


def _packed(load: Load) -> Load:
    return Load(packed=pack(load.entries)) if load.entries else load
