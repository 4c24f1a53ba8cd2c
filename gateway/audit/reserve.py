"""Reserve: space kept free, so that the outcome of a forwarded message can be written on a full disk."""

import os
from pathlib import Path

_STEP = 64 * 1024
"""Octets given up at least: file systems hand out blocks, not octets."""


class Reserve:
    """A file of allocated, unused space. It is given up in pieces and grown again when there is room."""

    def __init__(self, path: Path, size: int) -> None:
        """Open the file and try to have all `size` octets; `short` says whether that failed. Raises OSError when the
        file cannot be opened at all."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = size
        self._held = min(os.fstat(self._descriptor).st_size, size)
        os.ftruncate(self._descriptor, self._held)
        self.grow()

    @property
    def held(self) -> int:
        """Octets held now."""
        return self._held

    @property
    def short(self) -> bool:
        """Whether less is held than should be."""
        return self._held < self._size

    def grow(self) -> bool:
        """Take back what is missing, all or nothing; whether it is whole now."""
        if self.short:
            try:
                os.posix_fallocate(self._descriptor, 0, self._size)
            except OSError:
                # A failed allocation may keep what it got; that belongs to whoever needs it.
                os.ftruncate(self._descriptor, self._held)
                return False
            self._held = self._size
        return True

    def give(self, needed: int) -> bool:
        """Free at least `needed` octets, or all that is left; False when nothing was left."""
        if not self._held:
            return False
        steps = -(-needed // _STEP) + 1
        self._held = max(0, self._held - steps * _STEP)
        os.ftruncate(self._descriptor, self._held)
        return True

    def close(self) -> None:
        """Close the file; the space stays reserved for the next process."""
        os.close(self._descriptor)
