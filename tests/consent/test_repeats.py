"""Repeats: forgetting what was never put costs nobody a change. The rest is in test_contracts.py."""

from pathlib import Path

from consent.repeats import RepeatStore
from tests.rig import registry
from tests.rig.registry import NOW


def test_forgetting_what_was_never_put_changes_nothing(tmp_path: Path) -> None:
    with registry.sqlite(tmp_path) as database:
        repeats = RepeatStore(database)
        assert not repeats.delete("acme", bytes(32))
        assert repeats.changed_since(0) == (0, ())


def test_the_same_digest_of_two_customers_is_two_messages(tmp_path: Path) -> None:
    with registry.sqlite(tmp_path) as database:
        repeats = RepeatStore(database)
        repeats.put("acme", bytes(32), "REF1", NOW)
        repeats.put("brand", bytes(32), "REF2", NOW)
        assert repeats.delete("acme", bytes(32))
        _, found = repeats.changed_since(0)
        assert {(each.customer, each.reference): each.heard for each in found} == {
            ("acme", "REF1"): True,
            ("brand", "REF2"): False,
        }
