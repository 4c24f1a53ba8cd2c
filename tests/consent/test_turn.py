"""The turn is held by one at a time, passes on when its holder ends however it ends, and is not waited for for ever."""

import threading
from pathlib import Path

import pytest

from consent.turn import Turn, TurnTimeout


def test_only_one_has_it(tmp_path: Path) -> None:
    turn, inside, most = Turn(tmp_path / "turn", 10), 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with turn.taken():
                with lock:
                    inside += 1
                    most = max(most, inside)
                with lock:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == 1


def test_it_passes_on_after_an_exception(tmp_path: Path) -> None:
    turn = Turn(tmp_path / "turn", 0)
    with pytest.raises(KeyError), turn.taken():
        raise KeyError
    with turn.taken():
        pass


def test_waiting_ends(tmp_path: Path) -> None:
    times = iter([0.0, 1.0, 4.0, 5.0])
    with Turn(tmp_path / "turn", 1).taken():
        with pytest.raises(TurnTimeout), Turn(tmp_path / "turn", 5, lambda: next(times)).taken():
            raise AssertionError("taken twice")


def test_a_place_where_no_file_can_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="turn"), Turn(tmp_path / "none" / "turn", 1).taken():
        pass
