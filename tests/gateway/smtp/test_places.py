"""Places: whoever takes all it can get, others are served."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.smtp.places import Places


def fill(places: Places, holder: str, *, known: bool = False) -> int:
    count = 0
    while places.take(holder, known=known):
        count += 1
    return count


def test_one_holder_stops_at_half_and_the_next_at_half_of_the_rest() -> None:
    places = Places(100)
    assert [fill(places, name) for name in ("a", "b", "c")] == [50, 25, 13]
    assert places.take("d")


def test_who_holds_nothing_gets_the_last_place_and_who_holds_one_does_not() -> None:
    places = Places(3)
    assert places.take("a")
    assert places.take("b")
    assert not places.take("a")
    assert places.take("c")
    assert not places.take("d")


def test_the_reserve_is_for_those_who_are_known() -> None:
    places = Places(100, reserve=10)
    while any(places.take(f"stranger {n}") for n in range(1000)):
        pass
    assert places.taken == 90
    assert fill(places, "customer", known=True) == 5
    assert places.take("other customer", known=True)


def test_a_bound_for_each_holder() -> None:
    places = Places(100, most=3)
    assert fill(places, "a") == 3


def test_what_moves_is_counted_at_its_new_holder_and_refused_to_nobody() -> None:
    places = Places(4)
    assert fill(places, "address") == 2
    places.move("address", "customer")
    places.move("address", "customer")
    assert (places.held("address"), places.held("customer"), places.taken) == (0, 2, 2)
    assert not places.take("customer")
    places.give("customer")
    assert places.take("customer")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), max_size=200), st.integers(1, 20))
def test_never_more_than_there_are_and_never_refused_to_who_holds_nothing(
    steps: list[tuple[str, bool, bool]], total: int
) -> None:
    places, held = Places(total), Counter[str]()
    for holder, take, known in steps:
        if take:
            free = total - held.total()
            got = places.take(holder, known=known)
            assert got == (held[holder] < free)
            held[holder] += got
        elif held[holder]:
            places.give(holder)
            held[holder] -= 1
        assert places.taken == held.total() <= total
