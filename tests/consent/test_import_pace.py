"""Pace: transactions are as large as the time they take allows."""

from hypothesis import given as examples
from hypothesis import strategies as st

from consent.import_pace import FEWEST, SECONDS, Pace, cut
from consent.records import Prepared


class Clock:
    """Seconds that pass when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def paced(seconds_per_entry: float, transactions: int, most: int = 20_000) -> list[int]:
    """The sizes of so many transactions."""
    clock = Clock()
    pace = Pace(most, clock)
    sizes = []
    for _ in range(transactions):
        sizes.append(pace.entries)
        with pace.timed(pace.entries):
            clock.now += pace.entries * seconds_per_entry
    return sizes


def test_it_begins_small_and_doubles_up_to_the_most_where_the_machine_is_idle() -> None:
    assert paced(0.000001, 7) == [1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]


def test_where_others_have_the_processors_a_transaction_takes_no_longer_than_it_should() -> None:
    sizes = paced(0.00025, 4)
    assert sizes[1:] == [round(SECONDS / 0.00025)] * 3


def test_it_is_never_less_than_is_worth_a_commit_nor_more_than_was_allowed() -> None:
    assert paced(1.0, 3)[1:] == [FEWEST, FEWEST]
    assert paced(0.0, 3, most=40) == [40, 40, 40]


def test_a_small_transaction_says_nothing_against_a_larger_one() -> None:
    clock = Clock()
    pace = Pace(20_000, clock)
    with pace.timed(3):
        clock.now += 0.001
    assert pace.entries == 1000


@examples(st.integers(1, 20), st.integers(1, 20), st.data())
def test_pieces_are_the_whole(entries: int, size: int, data: st.DataObject) -> None:
    names = [b"%d" % at for at in range(entries)]
    stopping = sorted(data.draw(st.sets(st.integers(0, entries - 1))))
    texts = [name.decode() for name in names]
    whole = Prepared("acme", names, names, names, names, texts, stopping, True, 7)
    pieces = [cut(whole, start, start + size) for start in range(0, entries, size)]
    assert [key for piece in pieces for key in piece.keys] == names
    assert [piece.keys[at] for piece in pieces for at in piece.stopping] == [names[at] for at in stopping]
    assert {(piece.customer, piece.hashed, piece.recorded) for piece in pieces} == {("acme", True, 7)}
    assert cut(whole, 0, entries) is whole
