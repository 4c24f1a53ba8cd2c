"""Windows in memory: bounded, and what is dropped stands too high rather than too low."""

from gateway.ledger.charges import Charge, Reservation, Shortfall
from gateway.ledger.model import key
from gateway.ledger.windows import Windows, slot_at, start_of

HOUR = 3_600_000
NOW = 1_800_000_000_000


def charge(name: str, amount: int = 1, cap: int = 10, among: str = "") -> Charge:
    return Charge(key("messages", "sender", name), amount, ((3600, cap),), among)


def take(windows: Windows, *charges: Charge, now: int = NOW) -> bool:
    answer = windows.reserve(charges, now)
    if isinstance(answer, Reservation):
        windows.settle(answer, [each.amount for each in charges], now)
    return isinstance(answer, Reservation)


def test_a_slot_starts_where_its_number_begins() -> None:
    for length in (1, 7, 60, 3600, 2_592_000):
        for now in range(NOW, NOW + 100):
            slot = slot_at(now, length)
            assert start_of(slot, length) <= now < start_of(slot + 1, length)
            assert slot_at(start_of(slot, length) - 1, length) == slot - 1


def test_counters_are_bounded_and_what_was_dropped_is_not_forgotten() -> None:
    windows = Windows(max_keys=100)
    assert take(windows, charge("first", 10))
    through = [take(windows, charge(f"s{number}", 1)) for number in range(1000)]
    assert sum(through) > 980, "a few stand where the first stood"
    assert len(windows) == 100
    assert not take(windows, charge("first"))
    assert not take(windows, charge("s1", 10))


def test_strangers_to_a_dropped_counter_are_judged_by_their_own_kind() -> None:
    windows = Windows(max_keys=1)
    volume = Charge(key("bytes", "sender", "first"), 10**9, ((3600, 10**9),))
    for number in range(2000):
        assert take(windows, Charge(key("bytes", "sender", f"s{number}"), 10**9, volume.caps)) or number
    assert take(windows, charge("first"))


def test_what_has_left_its_window_makes_room_for_others_and_comes_back_empty() -> None:
    windows = Windows(max_keys=100)
    for number in range(500):
        take(windows, charge(f"s{number}", 10))
    later = NOW + 2 * HOUR
    for number in range(100):
        assert take(windows, charge(f"s{number}", 10), now=later)
    for number in range(60):
        take(windows, charge(f"new {number}"), now=later + 2 * HOUR)
    assert len(windows) == 60


def test_what_is_reserved_is_not_dropped() -> None:
    windows = Windows(max_keys=10)
    held = windows.reserve((charge("held", 10),), NOW)
    assert isinstance(held, Reservation)
    for number in range(100):
        take(windows, charge(f"s{number}"))
    windows.settle(held, [3], NOW)
    assert windows.usage((charge("held"),), NOW)[0][0].used == 3


def test_the_bound_gives_way_to_reservations_only() -> None:
    windows = Windows(max_keys=10)
    held = [windows.reserve((charge(f"s{number}", 10),), NOW) for number in range(2000)]
    assert len(windows) == 2000
    for each in held:
        assert isinstance(each, Reservation)
        windows.settle(each, [0], NOW)
    assert len(windows) == 0


def test_a_refusal_leaves_nothing_behind() -> None:
    windows = Windows(max_keys=10)
    assert isinstance(windows.reserve((charge("a"), charge("b", 1, 0)), NOW), Shortfall)
    windows.usage((charge("c"), charge("d", among="acme")), NOW)
    assert len(windows) == 0


def test_when_the_sharers_were_dropped_the_cap_holds_for_all() -> None:
    windows = Windows(max_keys=4)
    assert take(windows, charge("shared", 10, among="a"))
    assert take(windows, charge("shared", 5, among="b"))
    for number in range(100):
        take(windows, charge(f"s{number}"))
    assert not take(windows, charge("shared", 1, among="c"))
    later = NOW + 2 * HOUR
    assert take(windows, charge("shared", 10, among="a"), now=later)
    assert take(windows, charge("shared", 5, among="b"), now=later)


def test_sharers_that_have_left_are_forgotten() -> None:
    windows = Windows(max_keys=1000)
    for number in range(500):
        take(windows, charge("shared", among=f"c{number}", cap=10**6), now=NOW + number * HOUR // 10)
    assert len(windows._sharers[charge("shared").key]) < 30
