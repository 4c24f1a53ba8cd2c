"""Sorted entries are the same entries, and nothing about them is lost on the way through the file."""

from pathlib import Path

import pytest
from hypothesis import given as cases
from hypothesis import settings
from hypothesis import strategies as st

from consent.records import Prepared
from consent.sealing import Sealer
from consent.sorting import Sorter, joined
from consent.store import ConsentStore, hashes
from tests.rig.consents import ANN, entry, given, many, withdrawn
from tests.rig.registry import secrets, sqlite


def prepared(keys: list[bytes], stopping: list[int]) -> Prepared:
    names = [b"%d" % at for at in range(len(keys))]
    return Prepared("acme", keys, names, names, names, [name.decode() for name in names], stopping, False, 7)


KEYS = st.lists(st.binary(min_size=3, max_size=3), min_size=1, max_size=30)


@settings(max_examples=80, deadline=None)
@cases(st.lists(KEYS, min_size=1, max_size=4), st.integers(1, 9), st.data())
def test_every_entry_comes_out_once_in_order_of_its_part(
    groups: list[list[bytes]], parts: int, data: st.DataObject
) -> None:
    pieces = [prepared(keys, sorted(data.draw(st.sets(st.integers(0, len(keys) - 1))))) for keys in groups]
    with Sorter(parts) as sorter:
        for piece in pieces:
            sorter.add(piece)
        found = list(sorter.parts())
        again = list(sorter.parts())
    assert found == again
    assert sorter.entries == sum(len(keys) for keys in groups)

    def entries(all_: list[Prepared]) -> list[tuple[bytes, bytes, bool]]:
        return [
            (key, body, at in each.stopping)
            for each in all_
            for at, (key, body) in enumerate(zip(each.keys, each.bodies, strict=True))
        ]

    assert sorted(entries(found)) == sorted(entries(pieces))
    lasts = [max(key[1:3] for key in each.keys) for each in found]
    firsts = [min(key[1:3] for key in each.keys) for each in found]
    assert all(last < first for last, first in zip(lasts, firsts[1:], strict=False))


def test_the_number_of_parts_is_bounded() -> None:
    for wrong in (0, 65537):
        with pytest.raises(ValueError, match="1 to 65536"):
            Sorter(wrong)


def test_a_subject_in_several_pieces_is_left_to_the_writer() -> None:
    whole = joined([prepared([b"\x01aa", b"\x01bb"], []), prepared([b"\x01aa", b"\x01cc"], [1])])
    assert whole.standings == ["", "1", "", "1"]
    assert whole.stopping == [3]


def test_what_was_sorted_is_recorded_as_if_it_had_not_been(tmp_path: Path) -> None:
    keys = secrets(tmp_path)
    entries = [*many(range(500)), entry(ANN), entry(hashes(ANN)[0], withdrawn()), *many(range(250, 750), list="offers")]
    entries.append(entry(ANN, given(3), ip="192.0.2.9"))
    with sqlite(tmp_path) as database, Sorter(7, tmp_path) as sorter:
        store = ConsentStore(database, keys)
        for start in range(0, len(entries), 100):
            sorter.add(Sealer(keys).prepare("acme", entries[start : start + 100]))
        assert sum(store.write(part).new for part in sorter.parts()) == len(entries)
        assert store.verify().faults == []
        assert [each.personal and each.personal["ip"] for each in store.history("acme", ANN)] == [
            "192.0.2.7",
            "192.0.2.9",
        ]
        assert len(store.known("acme", [ANN])[0].own.withdrawals) == 1
        store.close()
