"""Import cases: an export as a platform writes it, and beside it what must come of each of its rows.

`fixtures/<platform>/<name>.csv` (or .json) is the file as uploaded, `<name>.expect` says what is expected:

format mailchimp-subscribed        which format must be recognised; `format none` when no platform's may be
filename export.csv                the name it is uploaded with; by default its own, `filename -` for none
tz Europe/Paris                    optional, as --tz
list newsletter                    optional, the list of the import
notice n1                          optional, as --notice; `checked` behind it: known to be pre-ticked
scope all                          optional
refused which zone                 the whole file is refused, with this in the text; then no rows follow

2 given newsletter E2 2024-05-01T10:00:00Z - ip=192.0.2.1
3 withdrawn * - - unsubscribe
4 error no e-mail address

A row is: line, state, list, grade (of a consent), time, reason; `-` is nothing. What follows as `name=value` must be so
too, and what is not named may be anything: fields of the event (source, zone, stops, flaw, until, country, notice,
entity) or personal fields (ip, confirm_ip…). An error is followed by a part of its text. `#` begins a comment. Every row
of the file must be told, in order.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from consent.imports.row import Context, Format, ImportRefused, Row, RowError
from consent.imports.table import Table, open_table
from consent.model import State, micros, moment

FIXTURES = Path(__file__).parents[1] / "consent" / "imports" / "fixtures"
RECORDED = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
_CONSENTS = (State.GIVEN, State.CONFIRMED)


@dataclass
class ImportCase:
    """One file and what is expected of it."""

    path: Path
    format: str = ""
    filename: str = ""
    tz: str = ""
    list_id: str = "newsletter"
    notice: str = ""
    scope: str = "list"
    refused: str = ""
    rows: list[str] = field(default_factory=list)

    @property
    def context(self) -> Context:
        """What the import is told."""
        notice, _, checked = self.notice.partition(" ")
        return Context(
            import_id="01IMPORT",
            list=self.list_id,
            party="acme",
            recorded=micros(RECORDED),
            actor="ann@desk",
            zone=ZoneInfo(self.tz) if self.tz else None,
            zone_name=self.tz,
            notice=notice,
            notice_default_checked=checked == "checked",
            scope_all=self.scope == "all",
        )

    def table(self) -> Table:
        """The file, opened as an import opens it."""
        return open_table(self.path, self.filename)


def import_cases(platform: str) -> list[ImportCase]:
    """The cases of one platform; raises ValueError for a directive that is not known, or an export without a case."""
    folder = FIXTURES / platform
    cases = [_case(path) for path in sorted(folder.glob("*.expect"))]
    untold = {path.name for path in folder.iterdir() if path.suffix != ".expect"} - {case.path.name for case in cases}
    if untold or not cases:
        raise ValueError(f"{folder}: nothing is expected of {sorted(untold) or 'anything'}")
    return cases


def _case(path: Path) -> ImportCase:
    (file,) = (other for other in path.parent.glob(f"{path.stem}.*") if other != path)
    case = ImportCase(file, filename=file.name)
    for text in path.read_text(encoding="utf-8").splitlines():
        word, _, value = text.strip().partition(" ")
        if not word or word.startswith("#"):
            continue
        if word.isdigit():
            case.rows.append(text.strip())
        elif word in ("format", "filename", "tz", "list", "notice", "scope", "refused"):
            setattr(case, {"list": "list_id"}.get(word, word), value.strip())
        else:
            raise ValueError(f"{path.name}: unknown directive {word!r}")
    if case.filename == "-":
        case.filename = ""
    return case


def recognised(formats: Sequence[Format], header: Sequence[str], filename: str) -> Format | None:
    """The first of `formats` that takes the file for its own."""
    return next((format_ for format_ in formats if format_.matches(header, filename.casefold())), None)


def check(case: ImportCase, formats: Sequence[Format]) -> None:
    """Assert that the file is recognised and that each row comes to what is expected."""
    table = case.table()
    found = recognised(formats, table.columns, case.filename)
    assert (found.name if found else "none") == case.format
    if found is None:
        return
    try:
        read = found.reader(table.columns, case.context)
    except ImportRefused as refused:
        assert case.refused, f"refused: {refused}"
        assert case.refused in str(refused)
        return
    assert not case.refused, "it was not refused"
    outcomes: list[Row | RowError] = []
    for cells, line in table.rows(headerless=found.headerless):
        outcomes += (cells,) if isinstance(cells, RowError) else read(cells, line)
    told = "\n".join(map(_tell, outcomes))
    assert len(outcomes) == len(case.rows), told
    for outcome, expected in zip(outcomes, case.rows, strict=True):
        _compare(outcome, expected)
    for outcome in outcomes:
        if isinstance(outcome, Row):
            assert outcome.event.line == outcome.line
            assert outcome.event.imported
            told_by = (outcome.event.import_id, outcome.event.party, outcome.event.actor, outcome.event.origin)
            assert told_by == ("01IMPORT", "acme", "ann@desk", f"import:{case.path.parent.name}")
            assert outcome.event.recorded == micros(RECORDED)
    assert not (found.suppresses_only and any(map(_is_consent, outcomes)))


def _is_consent(outcome: Row | RowError) -> bool:
    return isinstance(outcome, Row) and outcome.event.state in (*_CONSENTS, State.REQUESTED)


def _tell(outcome: Row | RowError) -> str:
    if isinstance(outcome, RowError):
        return f"{outcome.line} error {outcome.reason}"
    event = outcome.event
    at = "-" if event.at is None else moment(event.at).isoformat().replace("+00:00", "Z")
    grade = f"E{int(event.grade)}" if event.state in _CONSENTS else "-"
    return f"{outcome.line} {event.state} {event.list} {grade} {at} {event.reason or '-'}"


def _compare(outcome: Row | RowError, expected: str) -> None:
    told = _tell(outcome)
    if isinstance(outcome, RowError):
        line, _, reason = expected.partition(" error ")
        assert f"{outcome.line}" == line, f"{told!r} is not {expected!r}"
        assert reason, f"{told!r} is not {expected!r}"
        assert reason.partition("  #")[0].strip() in outcome.reason
        return
    words = shlex.split(expected, comments=True)
    assert told.split(" ") == words[:6], f"{told!r} is not {expected!r}"
    for word in words[6:]:
        name, _, value = word.partition("=")
        if name == "until":
            until = outcome.event.until
            actual = "" if until is None else moment(until).isoformat().replace("+00:00", "Z")
        else:
            actual = str(getattr(outcome.event, name, outcome.personal.get(name, "")))
        assert actual == value, f"line {outcome.line}: {name} is {actual!r}"
