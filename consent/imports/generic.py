"""Generic: our own table of consents and relationships, for whoever has them in no platform's format.

One row states a consent event (`event_state`), a relationship (`relationship_type`), or both. Anybody can write such a
file, so a consent in it reaches E2 at most (spec/imports.md). Times are ISO 8601 with an offset; those without one are
in the zone of the row's `tz`, or else of the import. A cell may begin with `=` or `+`: here that is data. Columns that
are not known are not read, and reported (`Format.columns`).

Refused, row by row: another list than the import's, consents and relationships from bought, rented, appended or scraped
addresses (R-098), a consent without a date. A withdrawal is taken whatever else its cells say, as long as its address
can be read and they are no more than the header has: cells that are moved would withdraw somebody else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo

from msgspec.structs import replace

from consent.address import Address
from consent.imports.columns import Columns
from consent.imports.grades import banned, grade, ip_evidence
from consent.imports.relations import RELATION_COLUMNS, Relations
from consent.imports.row import Context, Format, ImportRefused, ReadRow, Row, RowError
from consent.imports.statements import Statements, nameless
from consent.imports.times import parse_time, zone_named
from consent.model import ALL, Event, Grade, Reason, State

_SHAPE = (
    "list_id",
    "event_state",
    "ground",
    "collection_method",
    "source_ref",
    "source",
    "notice_id",
    "country",
    "relationship_type",
)
"""Columns that say the same in most rows: what they come to is remembered."""
_VALUES = (
    "email",
    "event_time",
    "tz",
    "ip",
    "user_agent",
    "form_url",
    "coi_sent_at",
    "coi_confirmed_at",
    "coi_confirmed_ip",
    "valid_until",
)
_ALLOWING = {
    "given": State.GIVEN,
    "reaffirmed": State.GIVEN,
    "confirmed": State.CONFIRMED,
    "requested": State.REQUESTED,
}
_STOPPING = {
    "withdrawn": State.WITHDRAWN,
    "unsubscribed": State.WITHDRAWN,
    "unsubscribe": State.WITHDRAWN,
    "opted_out": State.WITHDRAWN,
    "opt_out": State.WITHDRAWN,
    "optout": State.WITHDRAWN,
    "terminated": State.WITHDRAWN,
    "refused": State.REFUSED,
    "expired": State.EXPIRED,
    "invalidated": State.INVALIDATED,
}
METHODS = frozenset({"web_form", "coi", "api", "import", "paper", "verbal", "pos", "event", "contract"})
_OTHER_GROUNDS = frozenset({"implied", "soft_opt_in", "aup_relationship"})
_BEST = Grade.E2
"""Of a file that anybody can write by hand."""
_EVERY_LIST = frozenset({ALL, "all"})
_REMEMBERED = 4096
_LONGEST = 1000
"""Characters of what is remembered."""
_DAY = 86_400_000_000
_ANOTHER_LIST = 'column "list_id" names another list than the import: import each list by itself'


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the columns of `_SHAPE` come to."""

    consent: Event | None = None
    """A consent or request without time and grade."""
    stop: Event | None = None
    """A withdrawal, refusal, expiry or invalidation without time."""
    source: str = ""
    """Where the consent was given; more than one may name it, and it may name a person."""
    notice: str = ""
    """The notice as evidence: none that is pre-ticked."""
    kind: str = ""
    """Of a relationship; "" when the row states none."""
    ground: str = ""
    method: str = ""
    country: str = ""


class Generic:
    """Reads the rows of one file."""

    def __init__(self, header: Sequence[str], context: Context) -> None:
        """Raises ImportRefused when a column that is read stands twice, or one that is needed is missing."""
        columns = Columns(header)
        for name in (*_SHAPE, *_VALUES, *RELATION_COLUMNS):
            if len(columns.every(name)) > 1:
                raise ImportRefused(f'the column "{name}" stands twice: which one counts? Leave the other out')
        columns.needed("Generic consents", "email")
        columns.needed("Generic consents", "event_state", "relationship_type")
        self._context = context
        self._say = Statements(context, "generic", "")
        self._pick = columns.picker(*(columns.first(name) for name in (*_SHAPE, *_VALUES)))
        self._relations = Relations(columns, context)
        self._lists = frozenset({"", context.list.casefold()})
        self._zones: dict[str, tzinfo] = {}
        self._shapes: dict[tuple[str, ...], _Shape | str] = {}
        self._base = Event(
            state=State.GIVEN,
            party=context.party,
            list=context.list,
            at=None,
            recorded=context.recorded,
            imported=True,
            method="import",
            entity="recipient",
            actor=context.actor,
            origin="import:generic",
            import_id=context.import_id,
        )

    def read(self, cells: Sequence[str], line: int) -> Sequence[Row | RowError]:
        """The events of one row."""
        told = self._pick(cells)
        key, values = told[: len(_SHAPE)], told[len(_SHAPE) :]
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._remember(key)
        subject = self._say.address(values[0], line)
        if isinstance(subject, RowError):
            return (subject,)
        if isinstance(shape, str):
            return (RowError(line, shape),)
        try:
            if shape.stop is not None:
                return (self._stop(line, subject, shape.stop, values),)
            found = [] if shape.consent is None else [self._consent(line, subject, shape, shape.consent, values)]
            if shape.kind:
                relation = self._relations.read(line, subject, shape.kind, cells)
                until = self._until(values[9].strip(), values[2].strip())
                row = self._relations.row
                found.append(
                    row(relation, ground=shape.ground, method=shape.method, country=shape.country, until=until)
                )
        except ValueError as fault:
            return (RowError(line, str(fault)),)
        return found

    def _remember(self, key: tuple[str, ...]) -> _Shape | str:
        """What these cells come to, or what is wrong with them."""
        try:
            found: _Shape | str = self._shape(*(cell.strip() for cell in key))
        except ValueError as fault:
            found = str(fault)
        if sum(map(len, key)) <= _LONGEST:
            if len(self._shapes) >= _REMEMBERED:
                self._shapes.clear()
            self._shapes[key] = found
        return found

    def _shape(
        self,
        named: str,
        state: str,
        ground: str,
        method: str,
        source_ref: str,
        other_source: str,
        notice: str,
        country: str,
        kind: str,
    ) -> _Shape:
        context = self._context
        named, state = named.casefold(), _word(state)
        everything = context.scope_all or named in _EVERY_LIST
        if state in _STOPPING and (everything or named in self._lists):
            return _Shape(stop=self._stopping(_STOPPING[state], everything))
        if named not in self._lists:
            raise ValueError(_ANOTHER_LIST)
        if state not in _ALLOWING and (state or not kind):
            raise ValueError(
                'column "event_state" holds none of given, confirmed, requested, withdrawn, refused, expired'
            )
        method, ground = _word(method), _word(ground)
        if banned(method) or banned(source_ref) or banned(other_source):
            raise ValueError("the address was bought, rented, appended or scraped: that can never be a ground (R-098)")
        if method and method not in METHODS:
            raise ValueError(f'column "collection_method" holds none of {", ".join(sorted(METHODS))}')
        if ground not in _OTHER_GROUNDS and ground not in ("", "express"):
            raise ValueError('column "ground" holds none of express, implied, soft_opt_in, aup_relationship')
        if ground in _OTHER_GROUNDS and not kind:
            raise ValueError(f'the ground "{ground}" is a relationship: fill relationship_type and basis_at')
        if len(notice) > 128:
            raise ValueError('column "notice_id" is longer than 128 characters')
        if "@" in notice:
            raise ValueError('column "notice_id" holds an address: name the wording that was shown, such as signup-3')
        country, notice, source = _country(country), notice or context.notice, source_ref or other_source
        ticked = notice in context.pre_ticked or (context.notice_default_checked and notice == context.notice)
        consent = replace(
            self._base,
            state=_ALLOWING.get(state, State.GIVEN),
            ground="express",
            method=method or "import",
            flaw="default_checked" if ticked else "",
            notice=notice,
            source=nameless(source[:512]),
            country=country,
        )
        return _Shape(
            consent=consent if state in _ALLOWING and ground not in _OTHER_GROUNDS else None,
            source=source[:512],
            notice="" if ticked else notice,
            kind=kind,
            ground="" if ground == "express" else ground,
            method=method or "import",
            country=country,
        )

    def _stopping(self, state: State, everything: bool) -> Event:
        return replace(
            self._base,
            state=state,
            list=ALL if everything else self._context.list,
            reason=Reason.UNSUBSCRIBE if state is State.WITHDRAWN else "",
            entity="recipient" if state in (State.WITHDRAWN, State.REFUSED) else "tenant",
        )

    def _consent(self, line: int, subject: Address, shape: _Shape, event: Event, values: Sequence[str]) -> Row:
        _, when, tz, ip, agent, form_url, sent, confirmed, confirmed_ip, valid = map(str.strip, values)
        at = None if not when else self._time("event_time", when, tz)
        personal: dict[str, str] = {}
        state, context = event.state, self._context
        if confirmed:
            answered = self._time("coi_confirmed_at", confirmed, tz)
            if state is State.REQUESTED:
                raise ValueError('"coi_confirmed_at" is filled, so more than requested: write confirmed, or empty it')
            if at is not None and answered < at:
                raise ValueError('"coi_confirmed_at" lies before "event_time"')
            if when:
                personal["requested_at"] = when
            at, when, state = answered, confirmed, State.CONFIRMED
        if at is None:
            raise ValueError('column "event_time" is empty: a consent needs the date on which it was given')
        if ip and (ip := ip_evidence(ip)):
            personal["ip"] = ip
        if confirmed_ip and (confirmed_ip := ip_evidence(confirmed_ip)):
            personal["confirm_ip"] = confirmed_ip
        if agent:
            personal["user_agent"] = agent[:1024]
        if form_url:
            personal["form_url"] = form_url[:2048]
        if sent:
            personal["coi_sent_at"] = sent[:64]
        if event.source != shape.source:
            personal["source_ref"] = shape.source
        reached = grade(
            at=at,
            source=shape.source or form_url,
            ip=ip or confirmed_ip,
            user_agent=agent,
            notice=shape.notice,
            best=_BEST if at <= context.recorded else Grade.E1,
        )
        event = replace(
            event,
            state=state,
            at=at,
            zone=self._zone_of(when, tz),
            grade=0 if state is State.REQUESTED else int(reached),
            until=self._until(valid, tz) if valid else None,
            line=line,
        )
        return Row(line, subject, event, personal)

    def _stop(self, line: int, subject: Address, event: Event, values: Sequence[str]) -> Row:
        """Kept whatever its date looks like."""
        when, tz = values[1].strip(), values[2].strip()
        try:
            at: int | None = self._time("event_time", when, tz)
        except ValueError:
            at = None
        if at is None or at > self._context.recorded:
            return Row(line, subject, replace(event, line=line))
        return Row(line, subject, replace(event, at=at, zone=self._zone_of(when, tz), line=line))

    def _time(self, column: str, text: str, tz: str) -> int:
        try:
            return parse_time(text, self._zone(tz))
        except ValueError as error:
            raise ValueError(f'column "{column}": {error}') from None

    def _zone(self, tz: str) -> tzinfo | None:
        """The zone for times of this row that name none."""
        if not tz:
            return self._context.zone
        found = self._zones.get(tz)
        if found is None:
            found = zone_named(tz)
            if len(self._zones) < _REMEMBERED:
                self._zones[tz] = found
        return found

    def _zone_of(self, text: str, tz: str) -> str:
        """What `Event.zone` says of a time."""
        if text[-1:] == "Z":
            return "+00:00"
        if len(text) == 25 and text[19] in "+-":
            return text[19:]
        said = self._say.zone(text)
        return tz if tz and said == self._context.zone_name else said

    def _until(self, text: str, tz: str) -> int | None:
        """The end of validity; of a date alone the end of that day."""
        if not text:
            return None
        if len(text) > 10 or "-" not in text:
            return self._time("valid_until", text, tz)
        try:
            return parse_time(text, self._zone(tz) or UTC) + _DAY
        except ValueError as error:
            raise ValueError(f'column "valid_until": {error}') from None


def _word(text: str) -> str:
    return text.casefold().replace(" ", "_").replace("-", "_")


def _country(text: str) -> str:
    """An ISO 3166 code or `eu`, in lower case."""
    code = text.casefold()
    if code and not (len(code) == 2 and code.isascii() and code.isalpha()):
        raise ValueError('column "country" is no code of two letters (ISO 3166), nor eu')
    return "gb" if code == "uk" else code


def _reader(header: Sequence[str], context: Context) -> ReadRow:
    return Generic(header, context).read


def _matches(header: Sequence[str], _filename: str) -> bool:
    names = frozenset(header)
    return "email" in names and bool(names & {"event_state", "relationship_type"})


FORMATS: tuple[Format, ...] = (
    Format(
        "generic",
        "Postern's own table of consents and relationships",
        _matches,
        _reader,
        columns=frozenset({*_SHAPE, *_VALUES, *RELATION_COLUMNS}),
    ),
)
