"""Lists over HTTP."""

from typing import Any

import pytest

from tests.gateway.http.conftest import Api, is_problem


async def test_a_list_exists_once_it_is_named_and_can_be_described(api: Api) -> None:
    assert (await api.ask("GET", "lists", "own")).json() == {"lists": []}
    is_problem(await api.ask("GET", "lists/newsletter", "own"), 404)
    await api.tell("consent/withdrawals", address="bob@recipient.example", list="newsletter")
    found = (await api.ask("GET", "lists/newsletter", "auditor")).json()
    assert (found["party"], found["list_id"], found["required"]) == ("acme", "newsletter.acme.example", "E2")
    answer = await api.ask("PUT", "lists/newsletter", "own", json={"name": "News", "withdrawal": ["one_click"]})
    assert (answer.json()["name"], answer.json()["withdrawal"]) == ("News", ["web", "one_click"])
    answer = await api.ask("PUT", "lists/newsletter", "own", json={"language": "en"})
    assert (answer.json()["name"], answer.json()["language"]) == ("News", "en")
    assert [each["id"] for each in (await api.ask("GET", "lists", "own")).json()["lists"]] == ["newsletter"]
    assert [act["details"] for act in api.acts("lists add")][1] == {"language": "en"}


async def test_what_is_the_same_is_not_recorded_again(api: Api) -> None:
    for _ in range(2):
        await api.ask("PUT", "lists/newsletter", "admin", json={"name": "News"})
    assert len(api.acts("lists add")) == 1


async def test_a_banned_source_is_taken_back_by_the_operator_alone(api: Api) -> None:
    await api.ask("PUT", "lists/bought", "own", json={"source": "purchased"})
    problem = is_problem(await api.ask("PUT", "lists/bought", "own", json={"source": "own"}), 422)
    assert str(problem["detail"]).startswith("source: ")
    assert (await api.ask("PUT", "lists/bought", "own", json={"name": "x"})).status_code == 200
    assert await api.allowed("bob@recipient.example", "bought") == "SOURCE-BANNED"
    assert (await api.ask("PUT", "lists/bought", "admin", json={"source": "own"})).json()["source"] == "own"


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"list_id": "no list id"}, 422, "list_id"),
        ({"party": "nobody"}, 404, "no party"),
        ({"purpose": "spam"}, 422, "purpose"),
        ({"withdrawal": ["fax"]}, 422, "withdrawal"),
        ({"name": "\x00"}, 422, "name"),
        ({"description": "\x00"}, 422, "description"),
        ({"nonsense": 1}, 422, "nonsense"),
    ],
)
async def test_what_is_wrong_is_named(api: Api, body: dict[str, Any], status: int, named: str) -> None:
    assert named in str(is_problem(await api.ask("PUT", "lists/newsletter", "own", json=body), status)["detail"])


async def test_lowering_what_nothing_raised_changes_and_records_nothing(api: Api) -> None:
    await api.ask("PUT", "lists/newsletter", "own", json={})
    assert (await api.ask("POST", "lists/newsletter/lower", "admin", json={"reason": "x"})).status_code == 200
    assert api.acts("lists lower") == []
    is_problem(await api.ask("POST", "lists/none/lower", "admin", json={"reason": "x"}), 404)
