"""Charges that have no meaning cannot be made."""

import pytest

from gateway.ledger.charges import Charge, Reservation
from gateway.ledger.model import key


@pytest.mark.parametrize(
    ("amount", "caps"),
    [(-1, ((60, 1),)), (1, ()), (1, ((0, 1),)), (1, ((60, -1),)), (1, ((60, 1), (60, 2))), (1, ((3600, 1), (60, 2)))],
)
def test_a_charge_without_meaning_is_refused(amount: int, caps: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match=r"windows|cap"):
        Charge("k", amount, caps)


def test_the_parts_of_a_shared_counter_have_keys_of_their_own() -> None:
    one = Charge(key("messages", "recipient", "r"), 1, ((60, 1),), "acme")
    like = [key("messages", "recipient", "r", *more) for more in (("acme",), ("=acme",), ("",), ("=",))]
    assert not {one.own_key, one.sharers_key} & {*like, one.key}


@pytest.mark.parametrize("kept", [[2, 1], [1], [1, 1, 1], [-1, 0]])
def test_no_more_passes_than_was_reserved(kept: list[int]) -> None:
    one = Charge("k", 1, ((60, 1),))
    reservation = Reservation((one, one), [[1], [1]])
    with pytest.raises(ValueError, match="cannot have passed"):
        reservation.end(kept)
    assert reservation.open
    assert reservation.end(None) == [1, 1]
    assert not reservation.open
