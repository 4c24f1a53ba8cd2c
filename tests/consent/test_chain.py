"""The hash of a batch: fixed for ever, and different for whatever is different."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.chain import EMPTY, GENESIS, Link
from consent.records import Batch

KEY = bytes(range(32))
BATCH = Batch(3, "", 8, 2, "acme", 1_772_600_000_000_000, "I1")
EVENTS: list[tuple[bytes, int | None, bytes]] = [
    (b"\x01" + b"k" * 32, None, b"{}"),
    (b"\x01" + b"l" * 32, 7, b'{"a":1}'),
]


def digest(
    key: bytes = KEY,
    before: bytes = GENESIS,
    batch: Batch = BATCH,
    events: list[tuple[bytes, int | None, bytes]] = EVENTS,
) -> str:
    link = Link(key, before, batch)
    link.feed(events)
    return link.digest().hex()


def test_the_hash_never_changes_its_form() -> None:
    """Registries hold such hashes: another form would make every one of them wrong."""
    assert digest() == "7697383835d31778c2ef546241580d32c59b06e09d82bd38b0044c7538f00e6c"
    assert (EMPTY.number, EMPTY.last, EMPTY.hash) == (0, 0, bytes(32))


@pytest.mark.parametrize(
    "other",
    [
        digest(key=bytes(32)),
        digest(before=b"1" * 32),
        *(
            digest(batch=replace(BATCH, **change))
            for change in (
                {"number": 4},
                {"first": 9},
                {"count": 3},
                {"customer": "acm"},
                {"recorded": 0},
                {"import_id": ""},
                {"customer": "acmeI", "import_id": "1"},
            )
        ),
        digest(events=EVENTS[::-1]),
        digest(events=EVENTS[:1]),
        digest(events=[(EVENTS[0][0], 1, b"{}"), EVENTS[1]]),
        digest(events=[(EVENTS[0][0] + b"{", None, b"}"), EVENTS[1]]),
    ],
)
def test_whatever_is_different_gives_another(other: str) -> None:
    assert other != digest()


def test_a_batch_s_own_hash_is_not_part_of_it() -> None:
    assert digest(batch=replace(BATCH, hash="ab")) == digest()


@given(
    st.lists(st.tuples(st.binary(max_size=5), st.none() | st.integers(1, 99), st.binary(max_size=5)), max_size=6),
    st.integers(0, 6),
)
def test_it_makes_no_difference_in_what_pieces_events_are_fed(
    events: list[tuple[bytes, int | None, bytes]], cut: int
) -> None:
    link = Link(KEY, GENESIS, BATCH)
    link.feed(events[:cut])
    link.feed(iter(events[cut:]))
    assert link.digest().hex() == digest(events=events)


def test_very_many_events_are_fed_in_constant_memory() -> None:
    link = Link(KEY, GENESIS, BATCH)
    link.feed((b"k", None, b"b") for _ in range(5000))
    assert link.digest().hex() == digest(events=[(b"k", None, b"b")] * 5000)
