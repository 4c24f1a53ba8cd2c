"""gateway/ledger/generations.py."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.generations import Generations


@given(st.lists(st.integers(0, 30)), st.integers(1, 10))
def test_the_last_ones_put_are_there_and_no_more_than_twice_the_bound(keys: list[int], bound: int) -> None:
    held = Generations[int, int](bound)
    for at, key in enumerate(keys):
        held.put(key, at)
        assert held.get(key) == at
        assert len(held) <= 2 * bound
    recent = list(dict.fromkeys(reversed(keys)))[:bound]
    assert all(held.get(key) == max(at for at, each in enumerate(keys) if each == key) for key in recent)
    assert dict(held.items()).keys() <= set(keys)


def test_what_is_dropped_is_gone_from_both() -> None:
    held = Generations[str, int](2)
    for key in ("a", "b", "a"):
        held.put(key, 1)
    held.drop("a")
    assert held.get("a") is None and held.get("b") == 1
