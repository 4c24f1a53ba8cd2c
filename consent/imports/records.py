"""Records: the rows of a delimited text, with the physical line on which each starts.

The standard library's reader does the work; this file feeds it lines and knows what a row may be. A quotation mark that
is never closed would swallow every row after it, so the lines of a row are held until it is complete: when it grows
past its bound, meets the end of the file, or spans lines and does not fit the header, its first line alone is the
error, and reading goes on with the second.
"""

import contextlib
import csv
from collections.abc import Iterator
from typing import TextIO

from consent.imports.row import ImportRefused, RowError

MAX_LINE = 1 << 16
"""Characters of one physical line."""
MAX_ROW = 120_000
"""Characters of one row with all its lines; below what csv lets a field hold."""
MAX_ROW_LINES = 1_000
MAX_COLUMNS = 1_000
_MAX_REREAD = 1_000
"""How often lines are read again after a quotation mark that was not closed: it bounds the work."""

Record = tuple[list[str] | RowError, int]
"""The cells of a row, or what is wrong with it, and the physical line on which it starts."""


class _Feed:
    """Gives lines to the reader and holds those of the row that is being read."""

    def __init__(self, stream: TextIO) -> None:
        self.held: list[str] = []
        self.stopped = ""
        """Why no more lines were given: "end", "row" (it is too long) or "line" (one is too long)."""
        self._readline = stream.readline
        self._again: list[str] = []
        self._long = False
        self._reread = 0

    def lines(self) -> Iterator[str]:
        """Lines until there is a reason to stop; the reader takes that for the end of the file."""
        self.stopped = ""
        held, readline, size = self.held, self._readline, 0
        while True:
            if self._again:
                line = self._again.pop()
            elif self._long or len(line := readline(MAX_LINE)) >= MAX_LINE:
                self._too_long(line if not self._long else "\n")
                return
            if not line:
                self.stopped = "end"
                return
            if held:
                size += len(line)
                if size > MAX_ROW or len(held) >= MAX_ROW_LINES:
                    self._again.append(line)
                    self.stopped = "row"
                    return
            else:
                size = len(line)
            held.append(line)
            yield line

    def _too_long(self, line: str) -> None:
        """Pass over the rest of a line that is too long; while a row is open it is that row's error first."""
        while line and line[-1] not in "\r\n":
            line = self._readline(MAX_LINE)
        self._long = bool(self.held)
        self.stopped = "row" if self.held else "line"

    def back(self) -> None:
        """Give the lines of the row again, but for the first. Raises ImportRefused when that happens too often."""
        self._reread += 1
        if self._reread > _MAX_REREAD:
            raise ImportRefused(
                "the quotation marks in the file do not match on more than a thousand lines: save it as CSV again"
            )
        self._again.extend(reversed(self.held[1:]))
        self.held.clear()


def records(stream: TextIO, delimiter: str, width: int = -1, *, loose: bool = False) -> Iterator[Record]:
    """The rows of `stream`, which must not translate line ends (newline=""): CR, LF and CRLF alike.

    With a `width` each row has exactly as many cells: shorter ones are filled with empty cells, longer ones are errors
    unless the rest is empty; `loose`: longer ones stay as they are. Empty rows are left out. Linear in time, constant
    in memory; raises ImportRefused only when quotation marks mismatch all over the file.
    """
    feed = _Feed(stream)
    held = feed.held
    line = 1
    while True:
        reader = csv.reader(feed.lines(), delimiter=delimiter, skipinitialspace=True)
        base = line
        with contextlib.suppress(csv.Error):  # such as a field past csv's own limit: the row is an error below
            for cells in reader:
                if feed.stopped or (len(held) > 1 and _swallowed(cells, held, delimiter, width)):
                    break
                if len(cells) != width:
                    fitted = _fit(cells, width, line, loose)
                    if fitted is not None:
                        yield fitted, line
                elif cells[0] or any(cells):
                    yield cells, line
                line = base + reader.line_num
                held.clear()
        if feed.stopped == "end" and not held:
            return
        if feed.stopped == "line":
            yield RowError(line, f"the line is longer than {MAX_LINE:,} characters"), line
        else:
            yield RowError(line, _QUOTES), line
            feed.back()
        line += 1


_QUOTES = "a quotation mark opens on this line and is not closed where it should be (inside quotes it is doubled)"


def _swallowed(cells: list[str], lines: list[str], delimiter: str, width: int) -> bool:
    """Whether a row of several lines looks like several rows, the first with a quotation mark too many: it does not fit
    the header, or is not what anything that quotes properly would write."""
    if len(cells) != width > 0:
        return True
    try:
        return not list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error:
        return True


def _fit(cells: list[str], width: int, line: int, loose: bool) -> list[str] | RowError | None:
    """A row that has not `width` cells, made to fit; None when it is empty."""
    if not any(cells):
        return None
    if len(cells) > MAX_COLUMNS and (loose or width < 0):
        return RowError(line, f"more than {MAX_COLUMNS:,} columns")
    if len(cells) < width:
        cells.extend([""] * (width - len(cells)))
    elif width > 0 and not loose:
        if any(cells[width:]):
            return RowError(
                line,
                f"{len(cells)} cells where the header has {width}: quote cells that hold the delimiter",
            )
        del cells[width:]
    return cells
