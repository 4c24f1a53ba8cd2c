"""Blocks: an uploaded file, read in pieces.

The first reading surveys the whole file and gives, of each piece, what stops mail, to be written at once, and what may
allow it, to be put aside until all is read. Nearly always that is all. But where a time or an address turns out to be
shared by so many rows that it proves nothing, grades must be lower than was thought: then what was put aside is thrown
away, and a second reading gives it with the grades that hold.

A block says how many rows of its reading it ends with, so that a reading can begin again after any of them (R-254). The
same file and plan give the same blocks.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from msgspec.structs import replace

from consent.import_jobs import MOST_ERRORS, Counts, Error
from consent.import_mapping import mapping
from consent.imports.formats import detect
from consent.imports.quality import Survey
from consent.imports.records import Record
from consent.imports.row import Context, Format, ReadRow, Row, RowError
from consent.imports.table import Table, open_tables
from consent.model import Grade, State
from consent.records import Entry, Prepared

BLOCK = 20_000
"""Rows of a block at most; events, too, where rows state several."""
_CONSENTS = frozenset((State.GIVEN, State.CONFIRMED))
_ALLOWING = frozenset((*_CONSENTS, State.REQUESTED, State.RELATED, State.LIFTED))
"""What the second reading gives; all else is written before any of it."""
_CAP = int(Grade.E1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be read, and how. May be pickled."""

    path: Path
    filename: str
    format: str
    """A name of `consent.imports.formats`, or auto."""
    context: Context
    written: int | None = 0
    """Rows of the first reading whose part that stops mail is written already; None: that of all."""
    again: int | None = None
    """Rows of the second reading that are written already; None: it has not begun."""
    aside: bool = True
    """Give what may allow mail with the first reading. It is not done once the second has begun."""
    block: int = BLOCK

    def at(self, written: int | None, again: int | None) -> "Plan":
        """The same from another place on."""
        return dataclasses.replace(self, written=written, again=again)


@dataclass(slots=True)
class Load:
    """Entries, as they are or made ready to be written."""

    entries: list[Entry] = field(default_factory=list)
    prepared: Prepared | None = None
    packed: bytes = b""
    """Entries on their way from another process (`consent.import_packing`)."""


@dataclass(slots=True)
class Block:
    """Some rows of one reading, and what they state."""

    reading: Literal[1, 2]
    done: int
    """Rows of the reading up to the end of this block."""
    counts: Counts
    """Of what this block writes, and of the first reading its rows and errors."""
    errors: list[Error]
    """The first MOST_ERRORS of this block."""
    load: Load
    """To be written at once."""
    aside: Load = field(default_factory=Load)
    """To be written when all of the first reading is."""
    aside_counts: Counts = field(default_factory=Counts)


@dataclass(frozen=True, slots=True)
class Surveyed:
    """The first reading is complete."""

    rows: int
    quality: dict[str, Any]
    shared: bool
    """Some value is shared by too many rows: what was put aside has grades that do not hold."""


@dataclass(slots=True)
class _Pile:
    """What has been gathered for the next block."""

    entries: list[Entry] = field(default_factory=list)
    aside: list[Entry] = field(default_factory=list)
    errors: list[Error] = field(default_factory=list)
    rows: int = 0
    counted: int = 0
    refused: int = 0
    faults: int = 0
    capped: int = 0

    def error(self, line: int, reason: str) -> None:
        self.faults += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(Error(line, reason))

    def allow(self, said: Row, survey: Survey) -> None:
        """Take what may allow mail, its grade capped as the survey has it."""
        event = said.event
        if event.grade > _CAP and event.state in _CONSENTS and survey.shared(said):
            event = replace(event, grade=_CAP)
            self.capped += 1
        self.aside.append(Entry(said.subject, event, said.personal))

    def allowed(self) -> tuple[Load, Counts]:
        """What may allow mail, consents before relationships, and how much it is."""
        self.aside.sort(key=_is_relationship)
        related = sum(map(_is_relationship, self.aside))
        counts = Counts(consents=len(self.aside) - related, relationships=related, capped=self.capped)
        return Load(self.aside), counts

    def first(self, done: int) -> Block:
        """The block of the first reading."""
        suppressed = sum(entry.event.state is State.SUPPRESSED for entry in self.entries)
        counts = Counts(
            rows=self.counted,
            refused=self.refused,
            errors=self.faults,
            withdrawals=len(self.entries) - suppressed,
            suppressions=suppressed,
        )
        return Block(1, done, counts, self.errors, Load(self.entries), *self.allowed())

    def second(self, done: int) -> Block:
        """The block of the second reading."""
        load, counts = self.allowed()
        return Block(2, done, counts, [], load)


class _Part:
    """One table of the file, its format known."""

    def __init__(self, table: Table, plan: Plan, several: bool) -> None:
        self.table = table
        self.format: Format = detect(table.columns, table.name, plan.format)
        self._context = plan.context
        self.place = f"{table.name}: " if several else ""
        # Made once here so that a file whose times have no zone is refused before anything is read or written.
        self.reader()

    def reader(self) -> ReadRow:
        return self.format.reader(self.table.columns, self._context)

    def rows(self) -> Iterator[Record]:
        return self.table.rows(headerless=self.format.headerless)


class Source:
    """A file, opened, its formats known. Raises ImportRefused for what is wrong with the whole of it."""

    def __init__(self, plan: Plan, tables: Sequence[Table]) -> None:
        self.plan, self._tables = plan, tables
        self.parts = [_Part(table, plan, len(tables) > 1) for table in tables]

    @classmethod
    def open(cls, plan: Plan) -> "Source":
        """Open the file, which is read once for its encoding. Raises ImportRefused, or OSError."""
        return cls(plan, open_tables(plan.path, plan.filename))

    def at(self, plan: Plan) -> "Source":
        """The same file, opened already, to be read by another plan."""
        return Source(plan, self._tables)

    @property
    def size(self) -> int:
        """Octets of all tables, unpacked."""
        return sum(table.source.size for table in self._tables)

    @property
    def lines(self) -> int:
        """Lines of all tables: about as many as there are rows."""
        return sum(table.encoding.lines for table in self._tables)

    @property
    def suppresses_only(self) -> bool:
        """Nothing in it can be a consent or a relationship."""
        return all(part.format.suppresses_only for part in self.parts)

    def mapping(self) -> dict[str, str]:
        """Column -> what it was taken for, by the first rows; see `consent.import_mapping`."""
        found: dict[str, str] = {}
        for part in self.parts:
            header = [f"column {place}" for place in range(1, 1 + len(part.table.header))]
            header = header if part.format.headerless else list(part.table.header)
            for name, word in mapping(header, part.rows(), part.reader()).items():
                found[part.place + name] = word
        return found

    @property
    def format(self) -> str:
        """The names of the formats found, joined by commas."""
        return ", ".join(dict.fromkeys(part.format.name for part in self.parts))

    def blocks(self) -> Iterator[Block | Surveyed]:
        """The blocks of the first reading, Surveyed, and for whoever goes on those of the second."""
        survey = Survey()
        yield from self._first(survey)
        if not self.suppresses_only:
            yield from self._second(survey)

    def _first(self, survey: Survey) -> Iterator[Block | Surveyed]:
        written, most, number = self.plan.written, self.plan.block, 0
        aside = self.plan.aside and self.plan.again is None
        pile, alone = _Pile(), Survey()
        for part in self.parts:
            read, place = part.reader(), part.place
            for cells, line in part.rows():
                number += 1
                wanted = written is not None and number > written
                bad = isinstance(cells, RowError)
                for said in (cells,) if isinstance(cells, RowError) else read(cells, line):
                    if isinstance(said, RowError):
                        bad = True
                        if wanted:
                            pile.error(said.line, place + said.reason)
                    elif said.event.state in _ALLOWING:
                        survey.add(said)
                        if aside:
                            # Nothing is shared in a survey of nothing: it caps only times that cannot be true.
                            pile.allow(said, alone)
                    elif wanted:
                        pile.entries.append(Entry(said.subject, said.event, said.personal))
                pile.rows += 1
                if wanted:
                    pile.counted += 1
                    pile.refused += bad
                if pile.rows >= most or number == written or len(pile.entries) >= most or len(pile.aside) >= most:
                    yield pile.first(number)
                    pile = _Pile()
        if pile.rows:
            yield pile.first(number)
        quality = survey.report()
        yield Surveyed(number, quality, bool(quality["shared_times"] or quality["shared_addresses"]))

    def _second(self, survey: Survey) -> Iterator[Block]:
        done, most, number, pile = self.plan.again or 0, self.plan.block, 0, _Pile()
        for part in self.parts:
            read = part.reader()
            for cells, line in part.rows():
                number += 1
                if number <= done:
                    continue
                pile.rows += 1
                if not isinstance(cells, RowError):
                    for said in read(cells, line):
                        if not isinstance(said, RowError) and said.event.state in _ALLOWING:
                            pile.allow(said, survey)
                if pile.rows >= most or len(pile.aside) >= most:
                    yield pile.second(number)
                    pile = _Pile()
        if pile.rows:
            yield pile.second(number)


def _is_relationship(entry: Entry) -> bool:
    return entry.event.state is State.RELATED
