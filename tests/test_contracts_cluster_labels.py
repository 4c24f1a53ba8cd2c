"""One set of cases for the labels of clusters, on SQLite and on a real PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from consent import cluster_labels
from consent.cluster_labels import KEPT, ClusterLabel, ClusterLabelStore
from consent.customers import CustomerError, CustomerStore, UnknownCustomer
from consent.database import Database
from tests.rig.registry import NOW, customer

pytest_plugins = ("tests.rig.contracts",)

LATER = NOW + timedelta(hours=1)
ONE, OTHER = "0123456789abcdef", "fedcba9876543210"


@pytest.fixture
def labels(database: Database, customers: CustomerStore) -> ClusterLabelStore:
    customers.apply([customer("acme"), customer("brand")], NOW)
    return ClusterLabelStore(database)


def test_a_label_is_put_changed_and_taken_away_and_nodes_notice_each_time(labels: ClusterLabelStore) -> None:
    seen, found = labels.changed_since(0)
    assert found == ()
    assert labels.put("acme", ONE, "bulk", "cli:ann", "  spring\ncampaign ", NOW) is None
    put = ClusterLabel("acme", ONE, "bulk", NOW, "cli:ann", "spring campaign", None, NOW)
    assert labels.all("acme") == (put,)
    assert labels.all("brand") == ()
    seen, found = labels.changed_since(seen)
    assert found == (put,)
    assert labels.changed_since(seen) == (seen, ())
    assert labels.put("acme", ONE, "transactional", "cli:eve", "receipts", LATER) == put
    seen, (changed,) = labels.changed_since(seen)
    assert (changed.label, changed.since, changed.by) == ("transactional", LATER, "cli:eve")
    assert labels.put("acme", ONE, None, "cli:eve", "not sure", LATER) == changed
    seen, (gone,) = labels.changed_since(seen)
    assert (gone.label, gone.by, gone.reason) == (None, "cli:eve", "not sure")
    assert labels.all("acme") == ()
    with pytest.raises(CustomerError, match="no label to take away"):
        labels.put("acme", ONE, None, "cli:eve", "again", LATER)


def test_who_observes_first_decides_since_when_and_a_label_does_not_undo_it(labels: ClusterLabelStore) -> None:
    assert labels.note_observed("acme", ONE, NOW) == NOW
    assert labels.note_observed("acme", ONE, LATER) == NOW
    assert labels.note_observed("brand", ONE, LATER) == LATER
    labels.put("acme", ONE, "transactional", "cli:ann", "receipts", LATER)
    (found,) = labels.all("acme")
    assert (found.label, found.observed) == ("transactional", NOW)
    labels.put("acme", ONE, None, "cli:ann", "no receipts", LATER)
    assert labels.note_observed("acme", ONE, LATER) == NOW
    labels.put("acme", OTHER, "bulk", "cli:ann", "campaign", NOW)
    assert labels.note_observed("acme", OTHER, LATER) == LATER
    assert [(each.cluster, each.label, each.observed) for each in labels.all("acme")] == [
        (ONE, None, NOW),
        (OTHER, "bulk", LATER),
    ]


def test_of_many_at_once_one_is_first(labels: ClusterLabelStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        times = [NOW + timedelta(seconds=number) for number in range(8)]
        found = set(threads.map(lambda now: labels.note_observed("acme", ONE, now), times))
    assert len(found) == 1
    assert labels.all("acme")[0].observed in found


def test_nobody_labels_for_a_customer_there_is_not(labels: ClusterLabelStore) -> None:
    with pytest.raises(UnknownCustomer):
        labels.put("nobody", ONE, "bulk", "cli:ann", "x", NOW)


def test_labels_of_clusters_without_mail_for_400_days_go_and_those_with_mail_stay(labels: ClusterLabelStore) -> None:
    labels.put("acme", ONE, "bulk", "cli:ann", "x", NOW)
    labels.note_observed("acme", OTHER, NOW)
    labels.renew("acme", OTHER, NOW + timedelta(days=100))
    labels.renew("acme", "00" * 8, NOW)
    assert labels.purge(NOW + KEPT) == 0
    assert labels.purge(NOW + KEPT + timedelta(seconds=1)) == 1
    assert [(each.cluster, each.observed, each.seen) for each in labels.all("acme")] == [
        (OTHER, NOW, NOW + timedelta(days=100))
    ]


def test_beyond_the_most_those_without_a_label_go_first(
    labels: ClusterLabelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_labels, "MOST", 3)
    labels.put("acme", "0" * 16, "bulk", "cli:ann", "x", NOW)
    for number in range(1, 6):
        labels.note_observed("acme", f"{number:016x}", NOW + timedelta(minutes=number))
    labels.note_observed("brand", ONE, NOW)
    assert [int(each.cluster, 16) for each in labels.all("acme")] == [0, 4, 5]
    assert len(labels.all("brand")) == 1


def test_a_registry_that_was_restored_tells_all(labels: ClusterLabelStore) -> None:
    labels.put("acme", ONE, "bulk", "cli:ann", "x", NOW)
    last, _ = labels.changed_since(0)
    assert [each.cluster for each in labels.changed_since(last + 100)[1]] == [ONE]
