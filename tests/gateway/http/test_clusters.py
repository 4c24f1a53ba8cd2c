"""Clusters over HTTP: who sees whose, what is said of one is in force at once and in the audit."""

import pytest

from filters.fingerprint import Fingerprint
from gateway.labels import Label
from tests.gateway.http.conftest import Api, is_problem

ADVERT = Fingerprint(tuple(range(1000, 1040)))
ONE = "5f0c3a9d21b4e867"
LABEL = f"clusters/{ONE}/label"


async def campaign(api: Api) -> None:
    for number in range(3):
        placed = await api.gateway.clusters.place("acme", ADVERT, fresh=ONE)
        api.gateway.clusters.reached("acme", placed.cluster, [f"somebody{number}"])


async def test_a_customer_sees_its_own_clusters_and_not_who_labelled_them(api: Api) -> None:
    await campaign(api)
    await api.ask("PUT", LABEL, "admin", json={"label": "bulk", "reason": "spring  campaign"})
    (seen,) = (await api.ask("GET", "clusters", "own")).json()["clusters"]
    now = api.gateway.clock().isoformat().replace("+00:00", "Z")
    assert seen == {
        "id": ONE, "since": now, "last": now, "messages": 3, "day": 3, "month": 3, "year": 3,
        "label": "bulk", "labelled": now, "by": None, "reason": "spring campaign", "observed": None,
    }  # fmt: skip
    (inward,) = (await api.ask("GET", "clusters", "auditor")).json()["clusters"]
    assert inward["by"].startswith("token")
    assert (await api.ask("GET", "/api/v1/customers/nets/clusters", "other")).json()["clusters"] == []


async def test_a_label_acts_at_once_and_so_does_its_end_and_both_are_in_the_audit(api: Api) -> None:
    labels = api.gateway.labels
    put = await api.ask("PUT", LABEL, "admin", json={"label": "transactional", "reason": "receipts, ticket 4711"})
    assert put.json() == {"customer": "acme", "cluster": ONE, "label": "transactional", "before": None}
    label = labels.of("acme", ONE)
    assert isinstance(label, Label) and label.name == "transactional"
    gone = await api.ask("DELETE", LABEL, "admin", params={"reason": "no receipts"})
    assert gone.json() == {"customer": "acme", "cluster": ONE, "label": None, "before": "transactional"}
    assert labels.of("acme", ONE) is None
    made, ended = api.acts("clusters label")
    assert (made["customer"], made["target"], made["reason"]) == ("acme", ONE, "receipts, ticket 4711")
    assert made["details"] == {"label": "transactional", "before": None}
    assert ended["details"] == {"label": None, "before": "transactional"}


async def test_what_is_wrong_is_named_and_changes_nothing(api: Api) -> None:
    good = {"label": "bulk", "reason": "x"}
    for path, body, words in [
        (LABEL, good | {"label": "observed"}, "label"),
        (LABEL, good | {"reason": "  "}, "reason"),
        (LABEL, {"label": "bulk"}, "reason"),
        ("clusters/acme/label", good, "cluster"),
    ]:
        assert words in str(is_problem(await api.ask("PUT", path, "admin", json=body), 422)["detail"])
    is_problem(await api.ask("PUT", f"/api/v1/customers/nobody/{LABEL}", "admin", json=good), 404)
    is_problem(await api.ask("DELETE", LABEL, "admin"), 422)
    answer = await api.ask("DELETE", LABEL, "admin", params={"reason": "x"})
    assert "no label to take away" in str(is_problem(answer, 404)["detail"])
    assert api.acts("clusters label") == []


async def test_a_ledger_that_is_away_is_503(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.gateway.ledger, "healthy", False)
    assert "Redis" in str(is_problem(await api.ask("GET", "clusters", "own"), 503)["detail"])
