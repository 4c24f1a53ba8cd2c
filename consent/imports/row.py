"""Row: what one line of an imported file says, and what the reader of a format is given and gives.

A format is a value: its signature, what it must be told, and a function that, given the header, gives a function from
one line's cells to rows. Importing a module registers nothing; `consent.imports.formats` lists them all, in order.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Literal

from consent.address import Address
from consent.model import Event


@dataclass(frozen=True, slots=True)
class Hashed:
    """An address of which only a hash is known; it can block, never allow (R-253)."""

    algorithm: Literal["md5", "sha1", "sha256"]
    digest: str
    """Of the lower-cased address, hexadecimal, lower case."""


@dataclass(frozen=True, slots=True)
class DomainName:
    """A whole domain, in lower-case A-labels."""

    name: str


Subject = Address | Hashed | DomainName
"""Whom an event is about."""


@dataclass(frozen=True, slots=True)
class Row:
    """One event of one subject."""

    line: int
    """The physical line on which the row starts, the header being 1."""
    subject: Subject
    event: Event
    personal: dict[str, str] = field(default_factory=dict)
    """What identifies the person, beside the address: ip, user_agent, form_url, confirm_ip, document_ref…"""


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that was not taken, and why: the column and the fix, without repeating personal data."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Context:
    """What is the same for every row of one import."""

    import_id: str
    list: str
    """The list the import is for. A row that names another is an error."""
    party: str
    recorded: int
    """Time of the import, microseconds (consent.model.micros)."""
    actor: str
    zone: tzinfo | None = None
    """For times that name none; None: such a file is refused with the question."""
    zone_name: str = ""
    notice: str = ""
    """Id of the notice that the uploader declares was shown (`--notice`)."""
    notice_default_checked: bool = False
    """That notice is known to be pre-ticked: then no row is express consent."""
    scope_all: bool = False
    """`--scope all`: withdrawals cover everything from the sender."""
    pre_ticked: frozenset[str] = frozenset()
    """Ids of all the customer's notices that are known to be pre-ticked, for rows that name their own."""
    reference_key: bytes = field(default=b"", repr=False)
    """Secret under which document references are hashed (`Related.reference`); without one they are left out."""


class ImportRefused(Exception):
    """The whole file is refused; the text says what is wrong, or asks what must be told, and how (`--tz`, `--format`,
    `--filename`)."""


ReadRow = Callable[[Sequence[str], int], Iterable[Row | RowError]]
"""(cells of one row, physical line) -> rows. Never raises for what a file may hold."""


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file."""

    name: str
    """Such as "mailchimp-subscribed"; what `--format` takes."""
    title: str
    """For people: "Mailchimp: subscribed members"."""
    matches: Callable[[Sequence[str], str], bool]
    """(header cells, trimmed and case-folded, BOM taken off; file name in lower case or "") -> whether it is this
    format. Of several that match the first in `formats.FORMATS` is taken."""
    reader: Callable[[Sequence[str], Context], ReadRow]
    """(header cells, trimmed and case-folded; context) -> the function for rows. Raises ImportRefused, for instance
    when the file's times have no zone and none was given."""
    suppresses_only: bool = False
    """It can hold no consent, so nothing in it is counted for quality."""
    headerless: bool = False
    """The first line is a row: `matches` gets its cells, `reader` too."""
    columns: frozenset[str] = frozenset()
    """All columns that are read, case-folded, where they are known by name: others are reported as not read."""
