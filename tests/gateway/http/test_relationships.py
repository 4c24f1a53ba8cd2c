"""Relationships over HTTP."""

from typing import Any

import pytest

from tests.gateway.http.conftest import Api, is_problem

BOB = "bob@recipient.example"
PURCHASE: dict[str, Any] = {"address": BOB, "kind": "purchase", "basis": "2026-03-01", "reference": "invoice 4711"}


async def test_a_relationship_is_graded_by_its_document(api: Api) -> None:
    for reference, grade in (("", "R0"), ("invoice 4711", "R1"), ("a" * 64, "R2")):
        told = await api.tell("relationships", **PURCHASE | {"reference": reference})
        assert (told["grade"], told["new"], told["list"]) == (grade, True, None)


async def test_a_purchase_is_a_ground_where_the_profile_says_so(api: Api) -> None:
    assert await api.allowed(BOB) == "NO-CONSENT"
    told = await api.tell("relationships", **PURCHASE, country="US")
    answer = (await api.tell("check", list="newsletter", addresses=[BOB]))["results"][0]
    assert (answer["allowed"], answer["ground"]["id"], answer["ground"]["grade"]) == (True, told["id"], "R1")
    assert answer["ground"]["kind"] == "aup_relationship"


async def test_the_document_itself_is_sealed(api: Api) -> None:
    await api.tell("relationships", **PURCHASE)
    found = (await api.ask("GET", f"consent/{BOB}", "own")).json()
    (event,) = found["records"][0]["events"]
    assert event["personal"]["document_ref"] == "invoice 4711"
    assert "invoice" not in event["related"]["reference"]


async def test_the_same_document_told_again_replaces_what_was_told(api: Api) -> None:
    await api.tell("relationships", **PURCHASE | {"kind": "membership", "basis": "2020-01-01"}, ongoing=True)
    await api.tell("relationships", **PURCHASE | {"kind": "membership", "basis": "2020-01-01"}, ended="2020-06-01")
    assert await api.allowed(BOB) == "REL-EXPIRED"


async def test_an_act_of_the_operator_is_in_the_audit(api: Api) -> None:
    await api.tell("relationships", "admin", **PURCHASE)
    assert [act["target"] for act in api.acts("relationships add")] == [BOB]


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"kind": "friendship"}, 422, "kind: "),
        ({"basis": "2027-01-01"}, 422, "basis: "),
        ({"basis": "1066-10-14"}, 422, "basis: "),
        ({"ended": "2026-02-28"}, 422, "ended: "),
        ({"ended": "2026-04-01", "ongoing": True}, 422, "ended: "),
        ({"party": "nobody"}, 404, "customer 'acme' has no party"),
        ({"reference": "x" * 1001}, 422, "reference: "),
    ],
)
async def test_what_is_wrong_is_named(api: Api, body: dict[str, Any], status: int, named: str) -> None:
    answer = await api.ask("POST", "relationships", "own", json=PURCHASE | body)
    assert str(is_problem(answer, status)["detail"]).startswith(named)
