"""Table: an exported file as a header and rows of cells, whatever its encoding, delimiter and line ends.

Reading is streamed, so a file may have any size. One pass over the octets decides how the whole file is to be read
(`consent.imports.encoding`); `rows` may then be called as often as there are passes to make. A JSON file is a table,
too: its header are the names that its objects have, its rows their values as text.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from consent.imports.encoding import Encoding, decide
from consent.imports.objects import looks_like_json, objects
from consent.imports.records import MAX_COLUMNS, MAX_LINE, Record, records
from consent.imports.row import ImportRefused, RowError
from consent.imports.source import Source, sources

_SAMPLE_ROWS = 25
_DELIMITERS = ("\t", ";", ",")
"""Commas occur inside cells most often, so they are the last to be thought of where two fit alike."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of an uploaded file. Opening made sure that all of it can be read and decoded."""

    source: Source
    encoding: Encoding
    delimiter: str
    """`,` `;` or tab; "" for JSON."""
    header: tuple[str, ...]
    """The cells of the first row as written, but for a byte order mark and blanks around them."""
    line: int
    """The physical line on which the first row starts, nearly always 1."""

    @property
    def name(self) -> str:
        """The name of the file, or of the member of a ZIP; "" when not known."""
        return self.source.name

    @property
    def columns(self) -> tuple[str, ...]:
        """The header as readers of formats want it: trimmed and case-folded."""
        return tuple(cell.casefold() for cell in self.header)

    def rows(self, *, headerless: bool = False) -> Iterator[Record]:
        """Each row's cells, or what is wrong with it, and the physical line on which it starts, the header being 1.

        After a header rows have exactly its width. `headerless`: the first row is one like the others, and rows may be
        longer. Empty rows are left out. Order, lines and cells are the same each time. Raises ImportRefused when the
        file turns out to be unreadable in the middle.
        """
        if not self.delimiter:
            return self._objects()
        return self._records(headerless)

    def _records(self, headerless: bool) -> Iterator[Record]:
        with _text(self.source, self.encoding) as stream:
            found = records(stream, self.delimiter, len(self.header), loose=headerless)
            if self.encoding.nul or self.encoding.damaged:
                found = _legible(found)
            for record in found:
                if record[1] > self.line or (headerless and record[1] == self.line):
                    yield record
                    break
            yield from found

    def _objects(self) -> Iterator[Record]:
        with _text(self.source, self.encoding) as stream:
            for found, line in objects(stream):
                if isinstance(found, RowError):
                    yield found, line
                    continue
                cells = [_cell(found.get(name)) for name in self.header]
                whole = "".join(cells)
                if "\0" in whole or not (whole.isascii() or _encodable(whole)):
                    yield RowError(line, "a text holds characters that are none (NUL or half of a pair)"), line
                else:
                    yield cells, line


def open_tables(path: Path, filename: str = "") -> tuple[Table, ...]:
    """The tables in the file at `path`, which was called `filename` where it comes from: one, or the tables of a ZIP.

    Raises ImportRefused with what is wrong and what to do, OSError when the file cannot be read.
    """
    found = tuple(_open(source) for source in sources(path, filename))
    if not found:
        raise ImportRefused("the file is empty")
    return found


def open_table(path: Path, filename: str = "") -> Table:
    """Like `open_tables`, for a file that holds one table; a ZIP with several is refused."""
    found = open_tables(path, filename)
    if len(found) > 1:
        raise ImportRefused("the ZIP holds several tables: unpack it and upload them one by one")
    return found[0]


def _open(source: Source) -> Table:
    encoding = decide(source)
    with _text(source, encoding) as stream:
        sample = stream.read(MAX_LINE)
    if looks_like_json(sample):
        return _json_table(source, encoding)
    delimiter, marked = _delimiter(sample)
    with _text(source, encoding) as stream:
        for cells, line in records(stream, delimiter):
            if isinstance(cells, RowError):
                raise ImportRefused(f"the first row cannot be read (line {line}): {cells.reason}")
            if marked:
                marked = False
                continue
            header = tuple(cell.strip().strip("\ufeff").strip() for cell in cells)
            if any("\0" in cell for cell in header):
                raise ImportRefused("the file is no text: export it as CSV UTF-8")
            return Table(source, encoding, delimiter, header, line)
    raise ImportRefused("the file is empty")


@contextmanager
def _text(source: Source, encoding: Encoding) -> Iterator[TextIO]:
    with source.open() as octets:
        stream = io.TextIOWrapper(octets, encoding.name, errors="replace", newline="")
        try:
            yield stream
        finally:
            stream.detach()


def _delimiter(sample: str) -> tuple[str, bool]:
    """The delimiter by which the first rows have most cells and all the same number; and whether the first row only
    names it, as Excel's `sep=;` does."""
    first = sample.lstrip("\ufeff")[:6].rstrip("\r\n").strip('"')
    if first.startswith("sep=") and first[4:5] in _DELIMITERS:
        return first[4:5], True
    best, score = ",", (0.0, 1)
    for delimiter in _DELIMITERS:
        widths = _widths(sample, delimiter)
        if not widths or widths[0] < 2:
            continue
        same = sum(width == widths[0] for width in widths) / len(widths)
        if (round(same, 1), widths[0]) > score:
            best, score = delimiter, (round(same, 1), widths[0])
    return best, False


def _widths(sample: str, delimiter: str) -> list[int]:
    """How many cells the first rows have, empty ones left out, and the last one where the sample cuts it."""
    found: list[int] = []
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        for cells in reader:
            if any(cells):
                found.append(len(cells))
            if len(found) > _SAMPLE_ROWS:
                break
    except csv.Error:
        return found
    return found[:-1] if len(found) > 1 and len(sample) >= MAX_LINE else found


def _legible(found: Iterator[Record]) -> Iterator[Record]:
    """For files with octets that are no text: rows with a NUL, or with such an octet in an address, are errors."""
    for cells, line in found:
        if isinstance(cells, RowError):
            yield cells, line
        elif any("\0" in cell for cell in cells):
            yield RowError(line, "the row holds a NUL character: export the file as CSV UTF-8"), line
        elif any("\ufffd" in cell and "@" in cell for cell in cells):
            yield RowError(line, "the address holds an octet that is no character: export the file as CSV UTF-8"), line
        else:
            yield cells, line


def _json_table(source: Source, encoding: Encoding) -> Table:
    """Read all of it once, for its names; so that nothing is taken from a document that is broken further on."""
    names: dict[str, None] = {}
    rows = 0
    with _text(source, encoding) as stream:
        for found, _line in objects(stream):
            if isinstance(found, RowError):
                continue
            rows += 1
            if not names.keys() >= found.keys():
                names |= dict.fromkeys(found)
                if len(names) > MAX_COLUMNS:
                    raise ImportRefused(f"the objects have more than {MAX_COLUMNS:,} names")
    if not rows:
        raise ImportRefused("the file holds no list of JSON objects")
    if not all("\0" not in name and _encodable(name) for name in names):
        raise ImportRefused("a name in the file holds characters that are none (NUL or half of a pair)")
    return Table(source, encoding, "", tuple(names), 0)


def _cell(value: Any) -> str:
    """A JSON value as a cell; a list or object as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def titled(columns: Sequence[str]) -> str:
    """Names of columns for a text, in quotes; many are cut short."""
    shown = ", ".join(f'"{name[:60]}"' for name in columns[:30])
    return shown + (" …" if len(columns) > 30 else "")
