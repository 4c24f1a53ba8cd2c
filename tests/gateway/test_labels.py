"""Labels: known here at once, elsewhere through the registry, and not lost while that is away."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from consent.cluster_labels import KEPT
from consent.database import RegistryDown
from gateway import labels as module
from gateway.labels import OBSERVED_BY, Label, Labels
from gateway.stores import Stores
from tests.rig.gateway import Clock, settings_for
from tests.rig.registry import customer

ONE = "0123456789abcdef"


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    made = Stores.open(settings_for(tmp_path, "127.0.0.1:1"))
    made.customers.apply([customer("acme"), customer("brand")], Clock().now)
    yield made
    made.close()


def alarm(part: str, text: str) -> None:
    raise AssertionError(f"{part}: {text}")


def follow(labels: Labels, stores: Stores) -> None:
    for each in stores.cluster_labels.changed_since(0)[1]:
        labels.load(each)


async def test_what_is_observed_holds_at_once_here_and_soon_elsewhere(stores: Stores) -> None:
    clock = Clock()
    here, there = (Labels(stores.cluster_labels, clock, alarm) for _ in range(2))
    assert here.of("acme", ONE) is None
    since = clock.now
    label = here.note_observed("acme", ONE, since)
    assert label == Label("observed", since, OBSERVED_BY, since)
    assert here.of("acme", ONE) == here.note_observed("acme", ONE, since + timedelta(hours=1)) == label
    await here.close()
    follow(there, stores)
    assert there.of("acme", ONE) == label
    assert there.of("other", ONE) is None


async def test_the_first_of_two_processes_decides_since_when(stores: Stores) -> None:
    clock = Clock()
    here, there = (Labels(stores.cluster_labels, clock, alarm) for _ in range(2))
    here.note_observed("acme", ONE, clock.now)
    await here.close()
    there.note_observed("acme", ONE, clock.now + timedelta(seconds=3))
    await there.close()
    for each in (here, there):
        follow(each, stores)
        found = each.of("acme", ONE)
        assert found is not None and found.since == clock.now


async def test_the_operators_word_goes_before_and_leaves_what_was_observed(stores: Stores) -> None:
    clock = Clock()
    labels = Labels(stores.cluster_labels, clock, alarm)
    labels.note_observed("acme", ONE, clock.now)
    later = clock.now + timedelta(hours=2)
    stores.cluster_labels.put("acme", ONE, "transactional", "cli:ann", "receipts", later)
    follow(labels, stores)
    said = Label("transactional", later, "cli:ann", clock.now)
    assert labels.of("acme", ONE) == labels.note_observed("acme", ONE, later) == said
    await labels.close()
    stores.cluster_labels.put("acme", ONE, None, "cli:ann", "no receipts", later)
    follow(labels, stores)
    assert labels.of("acme", ONE) == Label("observed", clock.now, OBSERVED_BY, clock.now)


async def test_while_the_registry_is_away_it_is_tried_again(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AGAIN_SECONDS", 0.0)
    clock, alarms, tried = Clock(), [], []
    note = stores.cluster_labels.note_observed

    def away(*arguments: object) -> object:
        tried.append(1)
        if len(tried) < 4:
            raise RegistryDown("registry: not reached")
        return note("acme", ONE, clock.now)

    monkeypatch.setattr(type(stores.cluster_labels), "note_observed", lambda _, *arguments: away(*arguments))
    labels = Labels(stores.cluster_labels, clock, lambda part, text: alarms.append(f"{part}: {text}"))
    labels.note_observed("acme", ONE, clock.now)
    await next(iter(labels._writing.values()))
    assert (len(tried), len(alarms)) == (4, 1)
    assert alarms[0].startswith(f"labels: cluster {ONE} of acme: not stored")
    assert stores.cluster_labels.all("acme")[0].observed == clock.now
    tried[:] = []
    labels.note_observed("acme", "0" * 16, clock.now)
    monkeypatch.setattr(module, "_AGAIN_SECONDS", 3600.0)
    await labels.close()  # does not wait for what the registry does not take
    assert len(tried) <= 4


async def test_a_label_stays_while_its_cluster_has_mail_and_goes_400_days_after_the_last(stores: Stores) -> None:
    clock = Clock()
    labels = Labels(stores.cluster_labels, clock, alarm)
    stores.cluster_labels.put("acme", ONE, "transactional", "cli:ann", "receipts", clock.now)
    follow(labels, stores)
    clock.now += timedelta(days=300)
    assert labels.of("acme", ONE) is not None
    await labels.close()
    assert stores.cluster_labels.all("acme")[0].seen == clock.now
    clock.now += timedelta(days=300)
    labels.expire()
    assert stores.cluster_labels.purge(clock.now) == 0
    assert labels.of("acme", ONE) is not None
    await labels.close()
    clock.now += KEPT + timedelta(days=1)
    labels.expire()
    assert labels.of("acme", ONE) is None
    assert stores.cluster_labels.purge(clock.now) == 1
