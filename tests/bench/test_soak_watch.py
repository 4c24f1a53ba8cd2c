"""What is seen of processes and disk is what is there, and growth is told from a level that only jumps."""

import os
from pathlib import Path

import pytest

from tests.bench.soak_watch import look, octets_in, shift, slope


def test_a_process_is_seen_with_its_files_and_threads(tmp_path: Path) -> None:
    before = look(os.getpid())
    with (tmp_path / "one").open("w"), (tmp_path / "two").open("w"):
        during = look(os.getpid())
    assert during.files == before.files + 2
    assert before.pss_mb > 1
    assert before.threads >= 1 <= before.processes


def test_files_are_summed_in_all_folders(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "one").write_bytes(b"123")
    (tmp_path / "deep" / "two").write_bytes(b"4567")
    assert octets_in(tmp_path) == 7


def test_the_slope_is_what_each_minute_adds() -> None:
    assert slope([(0, 10), (1, 12), (2, 14)]) == pytest.approx(2)
    assert slope([(0, 10), (1, 90), (2, 10)]) == pytest.approx(0)
    assert slope([(3, 10)]) == 0


def test_a_jump_that_goes_back_is_no_growth_and_a_level_that_stays_higher_is() -> None:
    assert shift([10, 10, 10, 90, 10, 10, 10, 10, 10]) == 0
    assert shift([10, 10, 10, 12, 14, 16, 18, 18, 18]) == 8
