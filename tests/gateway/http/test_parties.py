"""Parties over HTTP."""

from typing import Any

import pytest

from tests.gateway.http.conftest import Api, is_problem

GARDEN = {"name": "Acme Garden Ltd", "email": "privacy@acme.example", "domains": ["news.acme.example"]}


async def test_a_party_is_added_beside_the_customers_own(api: Api) -> None:
    (own,) = (await api.ask("GET", "parties", "auditor")).json()["parties"]
    assert (own["id"], own["name"], own["domains"][0]) == ("acme", "Acme Ltd", "acme.example")
    added = (await api.ask("PUT", "parties/garden", "own", json=GARDEN)).json()
    assert (added["id"], added["name"]) == ("garden", "Acme Garden Ltd")
    assert [each["id"] for each in (await api.ask("GET", "parties", "own")).json()["parties"]] == ["acme", "garden"]
    await api.ask("PUT", "parties/garden", "own", json=GARDEN)
    assert [act["target"] for act in api.acts("parties add")] == ["garden"]


async def test_a_list_and_a_relationship_may_be_another_partys(api: Api) -> None:
    await api.ask("PUT", "parties/garden", "own", json=GARDEN)
    made = (await api.ask("PUT", "lists/seeds", "own", json={"party": "garden"})).json()
    assert made["party"] == "garden"
    told = await api.tell("consent/events", address="bob@recipient.example", state="given", list="seeds")
    assert told["party"] == "garden"


@pytest.mark.parametrize(
    ("party", "body", "named"),
    [
        ("acme", GARDEN, "customers.toml"),
        ("garden", GARDEN | {"domains": ["nets.example"]}, "nets.example"),
        ("garden", {"name": "x"}, "reach it"),
        ("garden", GARDEN | {"name": ""}, "name"),
        ("garden", GARDEN | {"url": "x"}, "url"),
        ("garden", GARDEN | {"phone": "\x00"}, "phone"),
    ],
)
async def test_what_is_wrong_is_named(api: Api, party: str, body: dict[str, Any], named: str) -> None:
    assert named in str(is_problem(await api.ask("PUT", f"parties/{party}", "own", json=body), 422)["detail"])
