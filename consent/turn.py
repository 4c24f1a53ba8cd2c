"""Turn: whose turn it is to write next, among processes that share one SQLite file.

SQLite lets one writer in at a time and keeps no queue: those who wait look again every few milliseconds, and a writer
that begins anew as soon as it has committed, as an import does, would always be first. So whoever wants to write takes
the turn, waits with it until the file is free, begins, and only then passes it on: an import that has just committed
finds the turn taken and is behind everybody who was waiting.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_LOOK_SECONDS = 0.001


class TurnTimeout(Exception):
    """Others kept the turn for too long."""


class Turn:
    """A lock file beside the database. Holds nothing open between uses, so it survives a fork; thread-safe."""

    def __init__(self, path: Path, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`seconds` is how long to wait for it."""
        self._path, self._seconds, self._monotonic = path, seconds, monotonic

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold the turn during the block; raises TurnTimeout, or OSError when the file cannot be made."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = self._monotonic() + self._seconds
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if self._monotonic() >= deadline:
                        raise TurnTimeout from None
                    time.sleep(_LOOK_SECONDS)
            yield
        finally:
            os.close(descriptor)
