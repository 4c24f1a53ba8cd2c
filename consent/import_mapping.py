"""Import mapping: which column of a file became what, found by trying (R-243).

A reader is a function from cells to rows, and its word is not taken for what it reads: each cell of the first rows is
emptied in turn, and what then is missing in the row's events is what the column stands for. So the mapping is true of
every format, and of the file at hand.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC
from itertools import islice

from consent.address import Address
from consent.imports.records import Record
from consent.imports.row import DomainName, ReadRow, Row, RowError, Subject
from consent.imports.times import parse_time

SAMPLE = 40
"""Rows that are tried; fewer where a file has very many columns."""
_MOST_TRIALS = 20_000
_FIELDS = (
    "state", "list", "at", "until", "reason", "stops", "ground", "method", "notice", "source", "country", "language",
    "related", "flaw",
)  # fmt: skip
_WORDS = {"at": "time", "related": "relationship"}
_DERIVED = frozenset(("required", "grade", "flaw", "zone"))
"""What follows from other fields, or says little: named only where nothing else is."""
_DAY = 86_400_000_000
"""Microseconds; zones differ by less."""


def mapping(header: Sequence[str], rows: Iterable[Record], read: ReadRow) -> dict[str, str]:
    """Column -> what it was taken for, such as "time" or "ip, grade"; "" for one that shaped nothing in the sample.

    Of columns of one name each shapes what it shapes: the words of all stand under the name.
    """
    found: dict[str, list[str]] = {name: [] for name in header}
    sample = min(SAMPLE, max(3, _MOST_TRIALS // max(1, len(header))))
    for cells, line in islice(rows, sample):
        if isinstance(cells, RowError):
            continue
        before = list(read(cells, line))
        for place, name in enumerate(header[: len(cells)]):
            if not cells[place].strip():
                continue
            emptied = [*cells[:place], "", *cells[place + 1 :]]
            for word in _differences(before, list(read(emptied, line)), cells[place]):
                if word not in found[name]:
                    found[name].append(word)
    return {name: ", ".join(_shown(words)) for name, words in found.items()}


def _shown(words: list[str]) -> list[str]:
    told = [word for word in words if word not in _DERIVED]
    return told or words


def _differences(before: list[Row | RowError], after: list[Row | RowError], cell: str) -> list[str]:
    facts = [said for said in before if isinstance(said, Row)]
    left = [said for said in after if isinstance(said, Row)]
    if any(_text(said.subject).casefold() == cell.strip().casefold() for said in facts):
        return ["address"]
    if len(facts) != len(left):
        return [_essential(facts, cell.strip()) if len(left) < len(facts) else "state"]
    words: list[str] = []
    for old, new in zip(facts, left, strict=True):
        if old.subject != new.subject:
            words.append("address")
        for name in _FIELDS:
            if getattr(old.event, name) != getattr(new.event, name):
                words.append(_WORDS.get(name, name))
        told = sorted({*old.personal, *new.personal})
        words += [name for name in told if old.personal.get(name) != new.personal.get(name)]
        words += [name for name in ("grade", "zone") if getattr(old.event, name) != getattr(new.event, name)]
    return list(dict.fromkeys(words))


def _essential(facts: list[Row], cell: str) -> str:
    """The word for a cell without which a row states less."""
    if any(said.event.state == cell.casefold() for said in facts):
        return "state"
    with suppress(ValueError):
        at = parse_time(cell, UTC)
        if any(said.event.at is not None and abs(said.event.at - at) <= _DAY for said in facts):
            return "time"
    return "required"


def _text(subject: Subject) -> str:
    if isinstance(subject, Address):
        return subject.text
    return subject.name if isinstance(subject, DomainName) else subject.digest
