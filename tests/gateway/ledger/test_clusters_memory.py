"""gateway/ledger/clusters_memory.py; what both forms do is in tests/test_contracts_clusters.py."""

import pytest

from filters.fingerprint import Fingerprint
from gateway.ledger.clusters import FEW, HELD, Bounds
from gateway.ledger.clusters_memory import MAX_CUSTOMERS, MemoryClusters

ADVERT = tuple(range(1000, 1040))


def put(clusters: MemoryClusters, customer: str, features: tuple[int, ...], fresh: str) -> str:
    return clusters.put(customer, Fingerprint(features), fresh=fresh).cluster


def test_a_cluster_holds_a_bounded_number_of_features_and_keeps_those_that_recur() -> None:
    clusters = MemoryClusters(lambda: 1e9)
    for number in range(300):
        own = tuple(range(10**6 + 16 * number, 10**6 + 16 * number + 16))
        assert put(clusters, "acme", (*ADVERT, *own), f"{number}") == "0" or number == 0
    held = clusters._customers["acme"].grown.get("0")
    assert held and len(held.features) <= HELD and set(ADVERT) <= set(held.features) and held.messages == 300


def test_a_cluster_follows_a_text_that_changes_step_by_step() -> None:
    clusters = MemoryClusters(lambda: 1e9)
    for step in range(40):
        for number in range(20):
            assert put(clusters, "acme", tuple(range(step, step + 40)), f"{step}.{number}") == "0.0"


def test_the_customer_who_sent_nothing_for_longest_is_forgotten() -> None:
    clusters = MemoryClusters(lambda: 1e9)
    for number in range(MAX_CUSTOMERS):
        put(clusters, f"c{number}", ADVERT, "a")
    put(clusters, "c0", ADVERT, "b")
    put(clusters, "another", ADVERT, "a")
    assert put(clusters, "c0", ADVERT, "x") == "a"
    assert put(clusters, "c1", ADVERT, "x") == "x"


def test_all_customers_together_hold_a_bounded_number_of_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.ledger.clusters_memory.MOST", 600)
    clusters = MemoryClusters(lambda: 1e9)
    for number in range(3000):
        customer = f"c{number % 3 if number < 1500 else 3}"
        put(clusters, customer, tuple(range(100 * number, 100 * number + 30)), f"{number}")
        assert (
            sum(len(each.single) for each in clusters._customers.values()) <= 600 + 250 or len(clusters._customers) == 1
        )
    assert list(clusters._customers) == ["c3"]
    assert put(clusters, "c3", tuple(range(299_900, 299_930)), "x") == "2999"


def test_one_to_one_mail_makes_no_sketches() -> None:
    clusters = MemoryClusters(lambda: 1e9, bounds=Bounds(single=10))
    for number in range(100):
        put(clusters, "acme", tuple(range(100 * number, 100 * number + 30)), f"{number}")
        clusters.reached("acme", f"{number}", [f"r{each}" for each in range(FEW)])
    index = clusters._customers["acme"]
    assert len(index.slots) == 0 and len(index.single) <= 20
    clusters.reached("acme", "99", ["one more"])
    assert len(index.slots) == 3


def test_who_was_reached_is_forgotten_when_the_ten_minutes_are_over() -> None:
    now = 1e9
    clusters = MemoryClusters(lambda: now)
    for number in range(2000):
        now += 1
        letter = f"{number}"
        put(clusters, "acme", tuple(range(100 * number, 100 * number + 30)), letter)
        assert clusters.put_on_hold("acme", letter, "x", ["ann", "bob"], 20) is None
        clusters.reached("acme", letter, ["ann"], "x")
        clusters.let_go("acme", letter, "x", ["ann", "bob"])
    assert len(clusters._customers["acme"].paced) == 600
