"""Labels of clusters: what they refuse before a registry is asked. The rest: tests/test_contracts_cluster_labels.py."""

from datetime import UTC, datetime

import pytest

from consent.cluster_labels import ClusterLabelStore
from consent.customers import CustomerError
from consent.database import Database

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cluster", "reason", "why"),
    [
        ("acme", "x", "16 hexadecimal digits"),
        ("0123456789ABCDEF", "x", "16 hexadecimal digits"),
        ("0123456789abcdef\n", "x", "16 hexadecimal digits"),
        ("0123456789abcdef", " ", "a reason is required"),
    ],
)
def test_what_is_no_id_and_no_reason_asks_no_registry(cluster: str, reason: str, why: str) -> None:
    store = ClusterLabelStore(Database("postgresql://nobody@127.0.0.1:1/none"))
    with pytest.raises(CustomerError, match=why):
        store.put("acme", cluster, "bulk", "cli:ann", reason, NOW)
