"""Bodies: in memory, in a file, bounded; what comes out is what came in."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smtp.body import IN_MEMORY, Body, Budget, Wire
from gateway.smtp.wire import LineRepair, stuff

PLENTY = 1 << 30


def received(message: bytes, chunk: int, budget: Budget | None = None, limit: int = PLENTY) -> Body:
    """A body that got the message as wire data, in chunks."""
    body, wire = Body(budget or Budget(PLENTY, PLENTY), limit, None), stuff(message, line_start=True)
    for at in range(0, len(wire), chunk):
        body.add(wire[at : at + chunk])
    body.end()
    return body


@pytest.mark.parametrize("size", [0, 2, 1000, IN_MEMORY - 2, IN_MEMORY, IN_MEMORY + 2, 3 * IN_MEMORY])
@pytest.mark.parametrize("chunk", [1000, 65536])
def test_what_comes_out_is_what_came_in(size: int, chunk: int) -> None:
    message = ((b".dot\r\n..\r\n" + b"x" * 70 + b"\r\n") * (size // 81 + 1))[: max(0, size - 2)] + b"\r\n" * (size > 1)
    message = message.replace(b"\r\n", b"\n").replace(b"\r", b"").replace(b"\n", b"\r\n")
    body = received(message, chunk)
    assert body.fault == ""
    assert body.size == len(message)
    assert bytes(body.view()) == message
    assert body.sha256 == hashlib.sha256(message).hexdigest()
    assert b"".join(Wire(body.view(), 0)) == stuff(message, line_start=True)
    body.close()


@given(st.lists(st.sampled_from([b"", b".", b"..", b".a", b"abc", b"x" * 100]), max_size=30), st.integers(0, 400))
def test_wire_from_any_line_start_is_the_stuffed_rest(lines: list[bytes], which: int) -> None:
    message = b"".join(line + b"\r\n" for line in lines)
    starts = [0] + [at + 2 for at in range(len(message)) if message[at : at + 2] == b"\r\n"]
    start = starts[which % len(starts)]
    assert b"".join(Wire(message, start)) == stuff(message[start:], line_start=True)


@pytest.mark.parametrize("line", [1000, 300_000, 262_144, 262_143])
def test_wire_in_pieces_keeps_dots_at_every_line_start(line: int) -> None:
    message = b"".join(b"." + b"y" * line + b"\r\n" for _ in range(5)) + b".\r\n"
    assert b"".join(Wire(message, 0)) == stuff(message, line_start=True)


@pytest.mark.parametrize("line", [262_143, 262_144, 262_145, 524_287, 524_288, 700_000])
@pytest.mark.parametrize("before", [b"", b"a\r\n", b".\r\n"])
def test_a_line_longer_than_a_piece_stays_whole(line: int, before: bytes) -> None:
    message = before + b"." + b"." * line + b"\r\n.\r\n" + b"z" * line + b"\r\n"
    pieces = list(Wire(message, 0))
    assert b"".join(pieces) == stuff(message, line_start=True)
    assert len(pieces) > 1
    assert all(pieces)


def test_a_line_end_astride_two_pieces_starts_a_line() -> None:
    for line in range(262_138, 262_148):
        message = b"x" * line + b"\r\n.hidden\r\n" + b"y" * 300_000 + b"\r\n"
        assert b"".join(Wire(message, 0)) == stuff(message, line_start=True)


@pytest.mark.parametrize(("size", "fault"), [(1000, ""), (1002, "size")])
def test_the_limit_itself_is_allowed(size: int, fault: str) -> None:
    body = received(b"x" * (size - 2) + b"\r\n", 100, limit=1000)
    assert body.fault == fault
    body.close()


def test_the_budgets_themselves_are_allowed() -> None:
    for budget, size in ((Budget(1000, 0), 1000), (Budget(PLENTY, 3 * IN_MEMORY), 3 * IN_MEMORY)):
        body = received(b"x" * (size - 2) + b"\r\n", 65536, budget)
        assert body.fault == ""
        assert len(body.view()) == size
        assert budget.exhausted
        body.close()


def test_wire_can_be_iterated_again_for_a_replay() -> None:
    wire = Wire(b"a\r\n.b\r\n", 0)
    assert b"".join(wire) == b"".join(wire) == b"a\r\n..b\r\n"


@pytest.mark.parametrize("data", [b"a\nb\r\n", b"a\rb\r\n", b"\0\r\n"])
def test_bare_line_ends_and_nul_are_found_in_memory_and_in_a_file(data: bytes) -> None:
    for message in (data, b"x" * IN_MEMORY + b"\r\n" + data):
        body = received(message, 65536)
        assert body.fault in ("bare LF", "bare CR", "NUL")
        body.close()


def test_a_message_over_the_limit_is_dropped_and_gives_its_memory_back() -> None:
    budget = Budget(PLENTY, PLENTY)
    body = received(b"x" * 70_000 + b"\r\n", 1000, budget, limit=65_536)
    assert body.fault == "size"
    assert body.size == 70_002
    assert (budget.memory_used, budget.disk_used) == (0, 0)


def test_a_large_message_over_the_limit_gives_its_file_back() -> None:
    budget = Budget(PLENTY, PLENTY)
    body = received(b"x" * 900_000 + b"\r\n", 10_000, budget, limit=800_000)
    assert body.fault == "size"
    assert (budget.memory_used, budget.disk_used) == (0, 0)


def test_budget_counts_what_is_held_and_gets_it_back() -> None:
    budget = Budget(PLENTY, PLENTY)
    small, large = received(b"x" * 998 + b"\r\n", 100, budget), received(b"y" * IN_MEMORY + b"\r\n", 65536, budget)
    assert budget.memory_used == 1000
    assert budget.disk_used == IN_MEMORY + 2
    small.close()
    large.view()
    large.close()
    large.close()
    assert (budget.memory_used, budget.disk_used) == (0, 0)


def test_past_the_memory_budget_there_is_no_room() -> None:
    budget = Budget(1000, PLENTY)
    first = received(b"x" * 600 + b"\r\n", 100, budget)
    assert not budget.exhausted
    assert received(b"x" * 600 + b"\r\n", 100, budget).fault == "room"
    first.close()
    assert received(b"x" * 600 + b"\r\n", 100, budget).fault == ""
    assert not budget.exhausted


def test_past_the_disk_budget_there_is_no_room() -> None:
    budget = Budget(PLENTY, IN_MEMORY + 1000)
    body = received(b"x" * (IN_MEMORY + 5000) + b"\r\n", 65536, budget)
    assert body.fault == "room"
    assert (budget.memory_used, budget.disk_used) == (0, 0)


def test_room_is_counted_over_all_bodies_and_chunks() -> None:
    budget = Budget(1197, PLENTY)
    first, second = received(b"x" * 598 + b"\r\n", 600, budget), received(b"x" * 598 + b"\r\n", 600, budget)
    assert (first.fault, second.fault, budget.memory_used) == ("", "room", 600)
    first.close()
    second.add(b"more")
    assert budget.memory_used == 0


def test_what_is_in_memory_counts_when_it_moves_to_disk() -> None:
    budget = Budget(PLENTY, IN_MEMORY + 100)
    body = Body(budget, PLENTY, None)
    body.add(b"x" * (IN_MEMORY - 1000))
    body.add(b"x" * 2000)
    assert (body.fault, budget.memory_used, budget.disk_used) == ("room", 0, 0)


def test_the_bound_of_memory_itself_stays_in_memory() -> None:
    budget = Budget(PLENTY, PLENTY)
    body = received(b"x" * (IN_MEMORY - 2) + b"\r\n", IN_MEMORY, budget)
    assert (budget.memory_used, budget.disk_used) == (IN_MEMORY, 0)
    body.close()


def test_a_piece_is_never_larger_than_its_bound_and_none_is_wasted() -> None:
    message = (b"x" * 98 + b"\r\n") * 10_000
    pieces = list(Wire(message, 0))
    assert [len(piece) for piece in pieces] == [262_144, 262_144, 262_144, 213_568]


def test_the_file_has_no_name(tmp_path: Path) -> None:
    body = Body(Budget(PLENTY, PLENTY), PLENTY, tmp_path)
    body.add(b"x" * (IN_MEMORY + 10) + b"\r\n")
    body.end()
    assert len(body.view()) == IN_MEMORY + 12
    assert list(tmp_path.iterdir()) == []
    body.close()


def test_a_folder_that_cannot_be_written_is_no_room(tmp_path: Path) -> None:
    body = Body(Budget(PLENTY, PLENTY), PLENTY, tmp_path / "missing")
    body.add(b"x" * (IN_MEMORY + 10) + b"\r\n")
    body.end()
    assert body.fault == "room"


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_chunks_without_transparency_come_out_whole_or_with_a_fault(message: bytes, places: list[int]) -> None:
    body, at = Body(Budget(PLENTY, PLENTY), PLENTY, None, stuffed=False), sorted(set(places))
    for start, end in zip([0, *at], [*at, len(message)], strict=True):
        body.add(message[start:end])
    body.end()
    plain = message.replace(b"\r\n", b"")
    assert bool(body.fault) == (not {0, 10, 13}.isdisjoint(plain))
    if not body.fault:
        ended = message.endswith(b"\r\n") or not message
        assert body.completed is not ended
        assert bytes(body.view()) == (message if ended else message + b"\r\n")
        assert body.sha256 == hashlib.sha256(message).hexdigest()
    body.close()


def test_many_small_chunks_are_not_kept_apart() -> None:
    body = Body(Budget(PLENTY, PLENTY), PLENTY, None, stuffed=False)
    for _ in range(10_000):
        body.add(b"xy")
    assert len(body._parts) <= 65
    assert body.size == 20_000
    body.close()


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"\r\n.\r\n", b"\n.\n"]), max_size=12),
    st.integers(1, 9),
    st.booleans(),
    st.booleans(),
)
def test_what_goes_out_is_whole_lines_without_an_end_of_data_among_them(
    parts: list[bytes], step: int, stuffed: bool, mended: bool
) -> None:
    data = b"".join(parts)
    body = Body(Budget(PLENTY, PLENTY), PLENTY, None, stuffed=stuffed, repair=LineRepair() if mended else None)
    for at in range(0, len(data), step):
        body.add(data[at : at + step])
    body.end()
    assert not (mended and body.fault)
    if not body.fault and (not stuffed or data.endswith(b"\r\n")):
        wire = b"".join(Wire(body.view(), 0))
        assert b"\r\n.\r\n" not in b"\r\n" + wire
        assert not {10, 13} & set(wire.replace(b"\r\n", b""))
        assert wire.endswith(b"\r\n") or not wire
    body.close()
