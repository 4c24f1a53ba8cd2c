"""Heads outlive the program that wrote them. What the store does on both databases is in test_contracts.py."""

from pathlib import Path

from consent.heads import HeadStore
from tests.rig import registry
from tests.rig.registry import NOW


def test_heads_are_there_for_the_next_program(tmp_path: Path) -> None:
    with registry.sqlite(tmp_path) as database:
        assert HeadStore(database).all() == {}
        HeadStore(database).put("serve", "head serve 1 …", NOW)
    with registry.sqlite(tmp_path) as database:
        assert HeadStore(database).all() == {"serve": "head serve 1 …"}
