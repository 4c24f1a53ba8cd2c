"""A batch joined with what is on record: the same whatever was prepared together, and in whatever pieces it came."""

from pathlib import Path

import pytest
from hypothesis import given as cases
from hypothesis import settings
from hypothesis import strategies as st

from consent.address import Address
from consent.keys import Secrets
from consent.merging import HASHED, Damaged, Merge, Stored
from consent.model import State
from consent.records import Entry
from consent.sealing import Sealer, decode_event, decode_standing, unseal
from consent.standing import build
from consent.store import hashes
from tests.rig.consents import ANN, BOB, entry, given, withdrawn

PEOPLE = [Address.parse(f"p{number}@list.example") for number in range(4)]


@pytest.fixture(scope="module")
def sealer(tmp_path_factory: pytest.TempPathFactory) -> Sealer:
    return Sealer(Secrets.load_or_create(tmp_path_factory.mktemp("secrets") / "secrets.toml"))


def stored(merge: Merge, before: Stored | None = None) -> Stored:
    rows = {row[1]: row[2:] for row in (*merge.added, *merge.changed)}
    return (before or {}) | rows


EVENTS = st.builds(
    Entry,
    st.sampled_from(PEOPLE),
    st.builds(
        lambda of, hours, imported, more: of(hours, imported=imported, **more),
        st.sampled_from([given, withdrawn]),
        st.integers(0, 3),
        st.booleans(),
        st.sampled_from([{"state": State.ERASED}, *[{}] * 4]),
    ),
    st.builds(lambda ip: {"ip": f"192.0.2.{ip}"}, st.integers(0, 3)),
)


@settings(max_examples=150, deadline=None)
@cases(st.lists(st.lists(EVENTS, max_size=8), max_size=4))
def test_standings_are_what_their_events_come_to(sealer: Sealer, batches: list[list[Entry]]) -> None:
    """And each is sealed under the salt its subject has, or not at all."""
    rows: Stored = {}
    events: dict[int, tuple[bytes, int | None, bytes, bytes | None]] = {}
    last = 0
    for batch in batches:
        merge = Merge(sealer, sealer.prepare("acme", batch), rows, last)
        assert [row[0] for row in merge.events] == list(range(last + 1, last + 1 + len(merge.events)))
        assert [number for number in merge.numbers if number] == [row[0] for row in merge.events]
        assert not {row[1] for row in merge.added} & (set(rows) | {row[1] for row in merge.changed})
        assert {row[1] for row in merge.changed} <= set(rows)
        for number, _, key, previous, body, sealed in merge.events:
            events[number] = (key, previous, body, sealed)
        for number in merge.erased:
            at: int | None = number
            while at is not None:
                key, at_before, body, _ = events[at]
                events[at] = (key, at_before, body, None)
                at = at_before
        rows, last = stored(merge, rows), last + len(merge.events)
    reached = 0
    for key, (salt, newest, standing) in rows.items():
        chain: list[int] = []
        at = newest
        while at is not None:
            chain.insert(0, at)
            assert events[at][0] == key
            at = events[at][1]
        reached += len(chain)
        assert build((number, decode_event(events[number][2])) for number in chain) == decode_standing(standing)
        personal = sealer.key("acme", key, salt)
        for number in chain:
            told = decode_event(events[number][2])
            if events[number][3] is not None:
                assert "ip" in (unseal(personal, told, events[number][3]) or {})
        erasures = [number for number in chain if decode_event(events[number][2]).state is State.ERASED]
        assert all(events[number][3] is None for number in chain if erasures and number <= erasures[-1])
    assert reached == len(events)


def test_an_entry_of_a_new_subject_is_taken_as_it_was_prepared(sealer: Sealer) -> None:
    prepared = sealer.prepare("acme", [entry(ANN), entry(BOB, withdrawn())])
    merge = Merge(sealer, prepared, {}, 41)
    assert [row[4] for row in merge.events] == prepared.bodies
    assert merge.numbers == [42, 43]
    assert [(number, each.state) for _, number, each in merge.stopping()] == [(43, State.WITHDRAWN)]
    assert [row[1] for row in merge.added] == sorted(prepared.keys)


def test_the_mark_for_hashes_is_made_once(sealer: Sealer) -> None:
    prepared = sealer.prepare("acme", [entry(hashes(ANN)[0], withdrawn())])
    first = Merge(sealer, prepared, {}, 0)
    assert first.added[0][1] == HASHED
    again = Merge(sealer, sealer.prepare("acme", [entry(hashes(BOB)[0], withdrawn())]), stored(first), 1)
    assert HASHED not in {row[1] for row in again.added}


def test_a_standing_that_cannot_be_read_is_named(sealer: Sealer, tmp_path: Path) -> None:
    prepared = sealer.prepare("acme", [entry(ANN)])
    with pytest.raises(Damaged, match="the standing of 1:"):
        Merge(sealer, prepared, {prepared.keys[0]: (bytes(16), 1, "nonsense")}, 1)
