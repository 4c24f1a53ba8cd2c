"""Unheard messages: known here at once, elsewhere through the registry, for five days, until the client was told."""

from datetime import timedelta
from pathlib import Path

import pytest

from consent.database import RegistryDown
from gateway.repeats import KEPT, Repeats
from gateway.stores import Stores
from tests.rig.gateway import Clock, settings_for

DIGEST = b"d" * 32


async def test_a_repeat_is_known_here_and_on_another_node(tmp_path: Path) -> None:
    stores, clock = Stores.open(settings_for(tmp_path, "127.0.0.1:1")), Clock()
    here, there = Repeats(stores.repeats, clock), Repeats(stores.repeats, clock)
    here.remember("acme", DIGEST, "REF")
    assert here.find("acme", DIGEST) == "REF"
    assert here.find("other", DIGEST) is None
    await here.close()
    change, found = stores.repeats.changed_since(0)
    for repeat in found:
        there.load(repeat)
    assert there.find("acme", DIGEST) == "REF"
    there.forget("acme", DIGEST)
    assert there.find("acme", DIGEST) is None
    await there.close()
    for repeat in stores.repeats.changed_since(change)[1]:
        here.load(repeat)
    assert here.find("acme", DIGEST) is None
    stores.close()


async def test_after_five_days_it_is_a_new_message(tmp_path: Path) -> None:
    stores, clock = Stores.open(settings_for(tmp_path, "127.0.0.1:1")), Clock()
    repeats = Repeats(stores.repeats, clock)
    repeats.remember("acme", DIGEST, "REF")
    clock.now += KEPT - timedelta(seconds=1)
    repeats.expire()
    assert repeats.find("acme", DIGEST) == "REF"
    clock.now += timedelta(seconds=1)
    assert repeats.find("acme", DIGEST) is None
    repeats.expire()
    await repeats.close()
    stores.close()


async def test_a_registry_that_is_down_loses_nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = Stores.open(settings_for(tmp_path, "127.0.0.1:1"))

    def down(*args: object) -> None:
        raise RegistryDown("down")

    monkeypatch.setattr(stores.repeats, "put", down)
    repeats = Repeats(stores.repeats, Clock())
    repeats.remember("acme", DIGEST, "REF")
    await repeats.close()
    assert repeats.find("acme", DIGEST) == "REF"
    stores.close()
