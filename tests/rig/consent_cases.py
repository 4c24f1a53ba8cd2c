"""Reads consent cases: text files that a stranger can extend.

== what this case shows  # what follows two spaces and a # is a remark
list news                   the mailing's list; default news, `none` for none
party acme                  the party that sends; default acme
class C4                    the mail's class (consent.mailing.Class); default C4
required E2                 the customer's minimum grade
profiles us                 names of jurisdictions; default us
relationships R1            the minimum grade of relationships
max-age 24                  months, or none
stream paused               or suspended
source purchased            where the list comes from
missing postal address      a content duty that is not met; may stand more than once
list-complaint 2026-01-05   there was a complaint about the list
confirmations 1             mails sent in answer to the request
person, charity, uk-corporate, override        switches, a line each
ordered                     the order of the events matters: they are not shuffled

Then what is on file, a line each, numbered from 1 in order. First the state, before it `domain`, `operator` or
`operator-domain` when it is not the customer's record of the address; then when it happened (ISO time or date, UTC
unless it says otherwise, or `unknown`); then a grade and fields of consent.model.Event and Related:

given 2026-01-05T10:00+02:00 E2 list=news recorded=2026-01-06 imported
related 2026-01-05 R1 kind=purchase basis=2025-11-20 similar_products=yes
operator suppressed 2026-01-05 reason=spamtrap

`list` is the mailing's unless given, and for relationships, erasures and whatever the operator records `*`; `party`
likewise; `recorded` is when it happened. At last what is expected, at a time (default 2026-11-20T10:00Z), and on which
event it rests:

expect allow express on 1
expect refuse WITHDRAWN at 2026-11-21
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from consent.decide import Class, Decision, Mailing, decide
from consent.model import ALL, Event, Grade, Kind, Known, Related, RelationshipGrade, Standing, State, micros
from consent.profiles import Profile, shipped
from consent.standing import build

CASES = Path(__file__).parents[1] / "consent" / "cases"
NOW = "2026-11-20T10:00Z"
PLAIN = Mailing(Class.BULK, "acme", "news", Grade.E2, ("us",))
OWNERS = {"domain": "own_domain", "operator": "operator", "operator-domain": "operator_domain"}
SWITCHES = {
    "person": "sender_is_person",
    "charity": "charity",
    "uk-corporate": "uk_corporate",
    "override": "all_mail_override",
}
MAX_SHUFFLED = 4
"""Up to so many events of a case are tried in every order, more of them in three."""
_RELATED = set(Related.__struct_fields__) - {"kind"}
_YES = {"yes": True, "no": False}


@dataclass(frozen=True)
class Expected:
    """What is decided at one time."""

    outcome: str
    what: str
    """The reason's code, or when allowed the ground's kind."""
    at: int
    on: int | None
    """Number of the event that is the ground; None: not said."""


@dataclass
class ConsentCase:
    """One recipient's records, one mailing, and what is decided."""

    title: str
    file: str
    mailing: Mailing = PLAIN
    events: list[tuple[str, int, Event]] = field(default_factory=list)
    """Owner (a field of consent.model.Known), number, event."""
    expected: list[Expected] = field(default_factory=list)
    ordered: bool = False

    def orders(self) -> Iterator[tuple[tuple[str, int, Event], ...]]:
        """The events in every order worth trying."""
        if self.ordered:
            yield tuple(self.events)
        elif len(self.events) <= MAX_SHUFFLED:
            yield from itertools.permutations(self.events)
        else:
            half = len(self.events) // 2
            yield tuple(self.events)
            yield tuple(reversed(self.events))
            yield (*self.events[half:], *self.events[:half])

    def decisions(self, profiles: dict[str, Profile]) -> Iterator[tuple[Expected, Decision]]:
        """What is decided for each expectation, in each order of the events; standings pass through their stored form."""
        for order in self.orders():
            known = Known()
            for owner in Known.__struct_fields__:
                standing = build((number, event) for whose, number, event in order if whose == owner)
                stored = msgspec.json.decode(msgspec.json.encode(standing), type=Standing)
                assert stored == standing
                known = msgspec.structs.replace(known, **{owner: stored})
            for expected in self.expected:
                yield expected, decide(self.mailing, known, profiles, expected.at)


def read_consent_cases(path: Path) -> Iterator[ConsentCase]:
    """The cases of one file, in order; raises ValueError for a line it cannot read."""
    for block in ("\n" + path.read_text()).split("\n== ")[1:]:
        title, _, rest = block.partition("\n")
        case = ConsentCase(title.split("  #")[0].strip(), path.stem)
        for line in rest.splitlines():
            if line.strip() and not line.startswith("#"):
                try:
                    _read_line(case, line.split("  #")[0].strip())
                except (KeyError, ValueError) as error:
                    raise ValueError(f"{path.name}: {case.title!r}: {line!r}: {error}") from error
        if not case.expected:
            raise ValueError(f"{path.name}: {case.title!r} expects nothing")
        yield case


def all_consent_cases() -> list[ConsentCase]:
    """Every case of every file."""
    return [case for path in sorted(CASES.glob("*.txt")) for case in read_consent_cases(path)]


def all_profiles() -> dict[str, Profile]:
    """The shipped ones."""
    return dict(shipped())


def time(text: str) -> int:
    """Microseconds of an ISO date or time, in UTC unless it says otherwise."""
    read = datetime.fromisoformat(text)
    return micros(read if read.tzinfo else read.replace(tzinfo=UTC))


def _read_line(case: ConsentCase, line: str) -> None:
    word, _, value = line.partition(" ")
    if word == "expect":
        case.expected.append(_expected(value))
    elif word == "ordered":
        case.ordered = True
    elif word in OWNERS:
        case.events.append((OWNERS[word], len(case.events) + 1, _event(case, value, ALL)))
    elif word in set(State):
        case.events.append(("own", len(case.events) + 1, _event(case, line, "")))
    else:
        case.mailing = replace(case.mailing, **_setting(case.mailing, word, value.strip()))


def _setting(mailing: Mailing, word: str, value: str) -> dict[str, Any]:
    if word in SWITCHES:
        return {SWITCHES[word]: True}
    readers: dict[str, Callable[[], dict[str, Any]]] = {
        "list": lambda: {"list": None if value == "none" else value},
        "party": lambda: {"party": value},
        "class": lambda: {"message_class": Class(value)},
        "required": lambda: {"required": Grade[value]},
        "profiles": lambda: {"profiles": tuple(value.split())},
        "relationships": lambda: {"minimum_relationship": RelationshipGrade[value]},
        "max-age": lambda: {"max_age_months": None if value == "none" else int(value)},
        "stream": lambda: {"stream": value},
        "source": lambda: {"list_source": value},
        "missing": lambda: {"missing": (*mailing.missing, value)},
        "list-complaint": lambda: {"list_complaint_at": time(value)},
        "confirmations": lambda: {"confirmations_sent": int(value)},
    }
    return readers[word]()


def _expected(text: str) -> Expected:
    outcome, what, *rest = text.split()
    options = dict(zip(rest[::2], rest[1::2], strict=True))
    unknown = set(options) - {"at", "on"}
    if unknown:
        raise ValueError(f"{unknown} is neither at nor on")
    on = options.get("on")
    return Expected(outcome, what, time(options.get("at", NOW)), int(on) if on else None)


def _event(case: ConsentCase, line: str, scope: str) -> Event:
    word, when, *words = line.split()
    state = State(word)
    at = None if when == "unknown" else time(when)
    wide = ALL if scope or state in (State.RELATED, State.ERASED) else case.mailing.list or ALL
    fields: dict[str, Any] = {"party": scope or case.mailing.party, "list": wide, "recorded": at}
    facts: dict[str, Any] = {}
    for each in words:
        name, _, value = each.partition("=")
        if name[0] in "ER" and name[1:].isdigit():
            fields["grade"] = int(name[1:])
        elif name in ("imported", "ongoing", "negotiation"):
            (fields if name == "imported" else facts)[name] = True
        elif name in ("recorded", "until"):
            fields[name] = time(value)
        elif name == "kind":
            facts[name] = Kind(value)
        elif name in _RELATED:
            facts[name] = _YES.get(value, value)
        elif name in Event.__struct_fields__:
            fields[name] = value
        else:
            raise ValueError(f"{name} is no field")
    if fields["recorded"] is None:
        raise ValueError("an event of an unknown time says when it was recorded")
    return Event(state=state, at=at, related=Related(**facts) if facts else None, **fields)
