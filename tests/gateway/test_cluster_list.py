"""gateway/cluster_list.py."""

from datetime import UTC, datetime, timedelta

from consent.cluster_labels import ClusterLabel
from gateway.cluster_list import ListedCluster, listed
from gateway.ledger.clusters import Cluster, Reach

NOW = datetime(2026, 11, 20, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def cluster(id: str, messages: int) -> Cluster:
    return Cluster(id, NOW.timestamp(), LATER.timestamp(), messages, Reach(1, 2, 3))


def test_what_the_ledger_knows_comes_first_and_what_is_only_labelled_behind() -> None:
    labels = [
        ClusterLabel("acme", "a", "bulk", LATER, "cli:ann", "campaign", None, LATER),
        ClusterLabel("acme", "b", None, LATER, "cli:ann", "taken away", NOW, LATER),
        ClusterLabel("acme", "gone", "transactional", NOW, "cli:ann", "receipts", LATER, LATER),
    ]
    reach = (1, 2, 3)
    assert listed([cluster("b", 9), cluster("a", 5), cluster("c", 2)], labels) == [
        ListedCluster("b", NOW, LATER, 9, *reach, "observed", NOW, None, None, NOW),
        ListedCluster("a", NOW, LATER, 5, *reach, "bulk", LATER, "cli:ann", "campaign", None),
        ListedCluster("c", NOW, LATER, 2, *reach, None, None, None, None, None),
        ListedCluster("gone", None, None, None, None, None, None, "transactional", NOW, "cli:ann", "receipts", LATER),
    ]
