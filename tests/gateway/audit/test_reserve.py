"""Reserve: space is held, given in pieces, and taken back."""

from pathlib import Path

from gateway.audit.reserve import Reserve
from tests.rig.disk import small_disk

MIB = 1024 * 1024


def test_its_space_is_really_allocated(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve", MIB)
    assert not reserve.short
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= MIB
    reserve.close()


def test_it_gives_what_is_needed_and_grows_again(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve", MIB)
    assert reserve.give(100)
    assert reserve.short
    assert 0 < MIB - reserve.held <= 2 * 64 * 1024
    assert reserve.grow()
    assert reserve.held == MIB
    reserve.close()


def test_an_empty_reserve_has_nothing_to_give(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve", MIB)
    assert reserve.give(10 * MIB)
    assert reserve.held == 0
    assert not reserve.give(1)
    reserve.close()


def test_a_full_disk_leaves_it_short_and_takes_nothing_from_others(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        reserve = Reserve(disk / "reserve", 4 * MIB)
        assert reserve.short
        assert reserve.held == 0
        (disk / "other").write_bytes(bytes(MIB // 2))
        reserve.close()


def test_it_is_found_again(tmp_path: Path) -> None:
    Reserve(tmp_path / "reserve", MIB).close()
    reserve = Reserve(tmp_path / "reserve", MIB // 2)
    assert reserve.held == MIB // 2
    reserve.close()
