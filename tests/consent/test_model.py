"""The vocabulary of the registry: times, stored forms, and which facts are the same."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.model import (
    ALL,
    NOTHING,
    Event,
    Grade,
    Kind,
    Known,
    Related,
    RelationshipGrade,
    Standing,
    State,
    micros,
    moment,
)
from tests.rig.consent_events import STANDINGS, events

GIVEN = Event(state=State.GIVEN, party="acme", list="news", at=5, recorded=7, imported=True, grade=2)


def changed(event: Event, **fields: object) -> Event:
    return msgspec.structs.replace(event, **fields)


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.integers(-(1 << 55), 1 << 57), OFFSETS)
def test_a_time_survives_to_the_microsecond(value: int, zone: timezone) -> None:
    assert micros(moment(value).astimezone(zone)) == value


@given(st.datetimes(timezones=st.just(UTC)))
def test_so_does_one_in_utc(time: datetime) -> None:
    assert moment(micros(time)) == time
    assert moment(micros(time)).tzinfo is UTC


def test_zones_make_no_difference_and_none_is_an_error() -> None:
    east = datetime(2026, 1, 5, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    assert micros(east) == micros(datetime(2026, 1, 5, 10, 0, tzinfo=UTC)) == 1_767_607_200_000_000
    with pytest.raises(ValueError, match="aware"):
        micros(datetime(2026, 1, 5))  # noqa: DTZ001


def test_grades_are_ordered() -> None:
    assert [f"{grade.name}" for grade in sorted(Grade)] == ["E0", "E1", "E2", "E3", "E4"]
    assert [f"{grade.name}" for grade in sorted(RelationshipGrade)] == ["R0", "R1", "R2"]


def test_an_event_is_stored_without_its_defaults() -> None:
    assert msgspec.json.encode(GIVEN) == (
        b'{"state":"given","party":"acme","list":"news","at":5,"recorded":7,"grade":2,"imported":true}'
    )


@given(events())
def test_an_event_survives_storage_with_its_identity(event: Event) -> None:
    stored = msgspec.json.encode(event)
    read = msgspec.json.decode(stored, type=Event)
    assert read == event and msgspec.json.encode(read) == stored
    assert read.identity == event.identity and len(event.identity) == 6


@given(STANDINGS)
def test_a_standing_survives_storage(standing: Standing) -> None:
    assert msgspec.json.decode(msgspec.json.encode(standing), type=Standing) == standing


def test_nothing_is_known_by_default() -> None:
    assert Known() == Known(NOTHING, NOTHING, NOTHING, NOTHING)
    assert msgspec.json.encode(NOTHING) == b'[[],[],[],[],[],"","",[],0]'


@pytest.mark.parametrize(
    "field",
    [
        {"state": State.CONFIRMED},
        {"party": ALL},
        {"list": ALL},
        {"at": 6},
        {"at": None},
        {"grade": 3},
        {"imported": False},
        {"until": 9},
        {"ground": "implied"},
        {"method": "api"},
        {"flaw": "default_checked"},
        {"reason": "web"},
        {"stops": "all"},
        {"notice": "n2"},
        {"country": "de"},
        {"related": Related(kind=Kind.PURCHASE, basis="2026-01-01")},
    ],
)
def test_another_fact_has_another_identity(field: dict[str, object]) -> None:
    assert changed(GIVEN, **field).identity != GIVEN.identity


@pytest.mark.parametrize(
    "field",
    [
        {"recorded": 8},
        {"origin": "import:brevo"},
        {"import_id": "i2", "line": 4},
        {"entity": "tenant", "actor": "token:1", "source": "form", "language": "de", "zone": "+02:00"},
        {"commitments": {"ip": "x"}},
    ],
)
def test_the_same_fact_told_again_has_the_same_identity(field: dict[str, object]) -> None:
    assert changed(GIVEN, **field).identity == GIVEN.identity


def test_without_a_time_a_file_is_known_by_its_origin() -> None:
    gone = changed(GIVEN, state=State.WITHDRAWN, at=None, origin="import:a")
    assert changed(gone, recorded=99).identity == gone.identity
    assert changed(gone, origin="import:b").identity != gone.identity


def test_told_live_without_a_time_it_is_news_each_time() -> None:
    gone = changed(GIVEN, state=State.WITHDRAWN, at=None, imported=False)
    assert changed(gone, recorded=99).identity != gone.identity


def test_live_events_of_two_origins_are_two() -> None:
    live = changed(GIVEN, imported=False, origin="a")
    assert changed(live, origin="b").identity != live.identity


def test_an_opt_out_does_not_become_news_by_a_country() -> None:
    gone = changed(GIVEN, state=State.WITHDRAWN)
    assert changed(gone, country="de").identity == gone.identity
    assert changed(GIVEN, state=State.RELATED, country="de").identity != changed(GIVEN, state=State.RELATED).identity
