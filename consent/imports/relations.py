"""Relations: the relationship that a row of the generic format states (R-094).

Its grade is by the evidence in the row: kind and date are needed at all, an own document reference makes R1, the
document's hash or the message ids of a two-way exchange make R2.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date

from consent.address import Address
from consent.imports.columns import Columns
from consent.imports.grades import document_reference, relationship_grade
from consent.imports.row import Context, Row
from consent.imports.times import parse_time
from consent.model import ALL, Event, Kind, Related, State, moment

RELATION_COLUMNS = (
    "relationship_type",
    "basis_at",
    "ended_at",
    "ongoing",
    "similar_products",
    "optout_offered",
    "no_unsolicited_statement",
    "relevant",
    "negotiation",
    "document_ref",
)
_KINDS = {kind.value: kind for kind in Kind} | {"quote": Kind.QUOTE_REQUEST, "subscription": Kind.CONTRACT}
_YES = frozenset({"yes", "true", "1", "y", "t"})
_NO = frozenset({"no", "false", "0", "n", "f"})
_ISO_DATE = re.compile(
    r"(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}[0-9:.]*(?: ?(?:Z|[+-][0-9]{2}:?[0-9]{2}))?)?"
).fullmatch
_MAX_REFERENCE = 1024


@dataclass(frozen=True, slots=True)
class Relation:
    """What the row says, before it is an event."""

    line: int
    subject: Address
    related: Related
    document: str


class Relations:
    """Reads the columns of relationships."""

    def __init__(self, columns: Columns, context: Context) -> None:
        self._context = context
        self._pick = columns.picker(*(columns.first(name) for name in RELATION_COLUMNS[1:]))

    def read(self, line: int, subject: Address, kind: str, cells: Sequence[str]) -> Relation:
        """The relationship of one row; raises ValueError, naming column and fix."""
        basis, ended, ongoing, similar, offered, statement, relevant, negotiation, document = (
            cell.strip() for cell in self._pick(cells)
        )
        found = _KINDS.get(kind.casefold().replace(" ", "_").replace("-", "_"))
        if found is None:
            raise ValueError(f'column "relationship_type" holds none of {", ".join(_KINDS)}')
        if len(document) > _MAX_REFERENCE:
            raise ValueError(f'column "document_ref" is longer than {_MAX_REFERENCE:,} characters')
        began = _day("basis_at", basis)
        if not began:
            raise ValueError('column "basis_at" is empty: a relationship needs the date of the purchase, inquiry…')
        over = _day("ended_at", ended)
        if over and over < began:
            raise ValueError('"ended_at" lies before "basis_at"')
        related = Related(
            kind=found,
            basis=began,
            ongoing=_said("ongoing", ongoing) or False,
            ended=over or None,
            similar_products=_said("similar_products", similar),
            optout_offered=_said("optout_offered", offered),
            no_unsolicited_statement=_said("no_unsolicited_statement", statement),
            relevant=_said("relevant", relevant),
            negotiation=_said("negotiation", negotiation) or False,
            reference=document_reference(self._context.reference_key, document),
        )
        return Relation(line, subject, related, document)

    def row(self, relation: Relation, *, ground: str, method: str, country: str, until: int | None) -> Row:
        """The event of the relationship."""
        context, related = self._context, relation.related
        event = Event(
            state=State.RELATED,
            party=context.party,
            list=ALL,
            at=None,
            recorded=context.recorded,
            grade=relationship_grade(related.basis, relation.document),
            imported=True,
            until=until,
            ground=ground,
            method=method,
            entity="tenant",
            actor=context.actor,
            origin="import:generic",
            country=country,
            import_id=context.import_id,
            line=relation.line,
            related=related,
        )
        personal = {"document_ref": relation.document} if relation.document else {}
        return Row(relation.line, relation.subject, event, personal)


def _day(column: str, text: str) -> str:
    """The calendar day that a date or time names, as it is written, in whatever zone; "" for none."""
    if not text:
        return ""
    try:
        if _ISO_DATE(text):
            return date.fromisoformat(text[:10]).isoformat()
        return moment(parse_time(text, UTC)).date().isoformat()
    except ValueError as error:
        why = error if "which is meant" in str(error) else "not a date: write it as 2024-12-31"
        raise ValueError(f'column "{column}": {why}') from None


def _said(column: str, text: str) -> bool | None:
    word = text.casefold()
    if word in _YES:
        return True
    if word in _NO:
        return False
    if word:
        raise ValueError(f'column "{column}" holds neither yes nor no')
    return None
